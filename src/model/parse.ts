import { type Diagnostic, normaliseModelText, sortDiagnostics } from "./diagnostics.ts";
import { buildModel, type ModelProfile } from "./draft.ts";
import { Findings } from "./findings.ts";
import type { Model } from "./model.ts";
import { reportExpressionFaults } from "./node-findings.ts";
import { readYaml } from "./read-yaml.ts";
import { readDraft } from "./schema.ts";
import { validateDraft } from "./validate.ts";

export interface ParseOptions {
  /** Default `live`. */
  readonly profile?: ModelProfile;
}

export interface ParsedModel {
  /** Null exactly when there is a finding of severity `error`. */
  readonly model: Model | null;
  /** In reading order. Offsets count in the text after `normaliseModelText`. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads a model text: YAML, then structure (schema.ts), then meaning (validate.ts). All findings of the stages that could
 * run are returned; bad input never throws. Expressions of a model are not judged here beyond the names they use: their
 * syntax and everything else that needs a plan is `compileModel`'s. Where there is no model, they are judged here too.
 */
export function parseModel(text: string, { profile = "live" }: ParseOptions = {}): ParsedModel {
  const findings = new Findings(normaliseModelText(text));
  if (profile === "direct" && text.startsWith("\uFEFF")) reportMark(findings);
  const root = readYaml(findings, { refuseNonFinite: profile === "direct" });
  const draft = root === null ? null : readDraft(root, findings, profile);
  if (draft !== null) validateDraft(draft, findings);
  if (draft !== null && findings.hasErrors) reportExpressionFaults(draft, findings);
  const model = draft === null || findings.hasErrors ? null : buildModel(draft, findings.text);
  return { model, diagnostics: sortDiagnostics(findings.all()) };
}

/** FlowTime decodes files before this point, where their mark is dropped; in a text it has become part of the first key. */
function reportMark(findings: Findings): void {
  findings.report({
    code: "byte_order_mark",
    message: "The text begins with a byte-order mark, which FlowTime takes for a part of the first key.",
    pointer: "",
    at: { start: 0, end: 0 },
    hint: "Decode the file before, or remove the mark.",
  });
}
