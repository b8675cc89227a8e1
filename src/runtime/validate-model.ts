import type { Warning } from "../analysis/warning.ts";
import { compileModel } from "../model/compile.ts";
import { type Diagnostic, sortDiagnostics } from "../model/diagnostics.ts";
import type { ModelProfile } from "../model/draft.ts";
import { ledgerFindings } from "../model/ledger-findings.ts";
import type { Model } from "../model/model.ts";
import { parseModel } from "../model/parse.ts";
import { windowFinding } from "../model/plan-limits.ts";
import { evaluatePlan } from "./run-model.ts";

/** How far a model is looked at; each tier holds the ones before it. */
export const VALIDATION_TIERS = ["schema", "compile", "analyse"] as const;
export type ValidationTier = (typeof VALIDATION_TIERS)[number];

export interface ValidateOptions {
  /** Default `analyse`. */
  readonly tier?: ValidationTier;
  /** Whose verdict: `direct` is FlowTime's, failures by its own defects included. Default `live`. */
  readonly profile?: ModelProfile;
}

export interface Validation {
  readonly tier: ValidationTier;
  /** No finding of the tier, or of one before it, is an error. */
  readonly isValid: boolean;
  /** Null when there is no whole model in the text. */
  readonly model: Model | null;
  /** Findings up to the tier, in reading order; all of them, where FlowTime stops at the first. */
  readonly diagnostics: readonly Diagnostic[];
  /** What the analysis of a run says (engine.md §9.2). Empty below `analyse`, and for a model with errors. */
  readonly warnings: readonly Warning[];
  /** Series that telemetry feeds: what depends on them has not been analysed. */
  readonly fed: number;
}

/** FlowTime's tier by the tier of a finding. */
const TIER_OF: Readonly<Record<Diagnostic["tier"], ValidationTier>> = {
  yaml: "schema",
  schema: "schema",
  compile: "compile",
  unsupported: "compile",
  analyse: "analyse",
};

/** FlowTime's three-tier validation of a model text. Bad input never throws. */
export function validateModel(text: string, { tier = "analyse", profile = "live" }: ValidateOptions = {}): Validation {
  const reach = VALIDATION_TIERS.indexOf(tier);
  const { model, diagnostics: parsed } = parseModel(text, { profile });
  const compiled = model === null || tier === "schema" ? null : compileModel(model, { asDirectRun: true });
  const plan = tier === "analyse" ? (compiled?.plan ?? null) : null;
  const ledger = plan === null ? [] : ledgerFindings(plan, profile === "direct" ? "error" : "warning");
  const window = plan === null ? null : windowFinding(plan.seriesCount, plan.source.grid.bins);
  const found = [...parsed, ...(compiled?.diagnostics ?? []), ...ledger, ...(window === null ? [] : [window])];
  const diagnostics = sortDiagnostics(found).filter(
    (finding) => VALIDATION_TIERS.indexOf(TIER_OF[finding.tier]) <= reach,
  );
  const isValid = diagnostics.every(({ severity }) => severity !== "error");
  const fed = plan?.bound.filter(({ column }) => plan.columns[column]!.origin !== "telemetry").length ?? 0;
  const warnings = plan !== null && isValid && fed === 0 ? evaluatePlan(plan, text).warnings : [];
  return { tier, isValid, model, diagnostics, warnings, fed };
}
