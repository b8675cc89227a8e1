import type { Warning } from "../../analysis/warning.ts";
import type { Diagnostic } from "../../model/diagnostics.ts";
import type { ModelProfile } from "../../model/draft.ts";
import type { Validation, ValidationTier } from "../../runtime/validate-model.ts";
import { type CommandContext, type CommonOptions, counted, readInput } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";

export interface ValidateOptions extends CommonOptions {
  readonly tier: ValidationTier;
  readonly profile: ModelProfile;
  readonly json?: boolean;
}

/** Bins that are shown of one warning. */
const MAX_SHOWN_BINS = 5;
/** Characters of the offending text that the JSON face repeats. */
const MAX_OFFENDING_CHARS = 200;

/** Every finding about a model, up to a tier, and what the analysis of a run of it would warn of. */
export async function validate(file: string, options: ValidateOptions, context: CommandContext): Promise<ExitCode> {
  const text = await readInput(file, context);
  const [{ validateModel }, { renderDiagnostic }, { normaliseModelText }] = await Promise.all([
    import("../../runtime/validate-model.ts"),
    import("../../model/render-diagnostics.ts"),
    import("../../model/diagnostics.ts"),
  ]);
  const validation = validateModel(text, { tier: options.tier, profile: options.profile });
  const { isValid, diagnostics, warnings, fed } = validation;

  if (options.json === true) {
    const report = reportOf(file, normaliseModelText(text), validation);
    await context.out(`${JSON.stringify(report)}\n`);
  } else {
    const fileName = file === "-" ? "<stdin>" : file;
    const render = { color: context.color.stdout, fileName };
    const blocks = diagnostics.map((finding) => `${renderDiagnostic(finding, text, render)}\n`);
    if (warnings.length > 0) blocks.push(warnings.map((warning) => `${lineOf(warning)}\n`).join(""));
    if (isValid) blocks.push(`${fileName}: valid${sizeOf(validation)}\n`);
    await context.out(blocks.join("\n"));
  }
  const errors = diagnostics.filter((finding) => finding.severity === "error").length;
  const noted = diagnostics.length - errors + warnings.length;
  if (errors + noted > 0) context.say(`flowtime: ${counted(errors, "error")}, ${counted(noted, "warning")}`);
  if (fed > 0 && isValid && options.tier === "analyse") {
    context.say(
      `flowtime: telemetry feeds ${counted(fed, "series").replace("seriess", "series")}; warnings come with a run`,
    );
  }
  return isValid ? EXIT.ok : EXIT.no;
}

function sizeOf({ model }: Validation): string {
  if (model === null) return "";
  const { bins, binSize, binUnit } = model.grid;
  return ` (${counted(model.nodes.length, "node")}, ${counted(bins, "bin")} of ${binSize} ${binUnit})`;
}

function lineOf({ severity, code, nodeId, message, bins }: Warning): string {
  const shown = bins.slice(0, MAX_SHOWN_BINS).join(", ");
  const where = bins.length === 0 ? "" : ` bins [${shown}${bins.length > MAX_SHOWN_BINS ? ", …" : ""}]`;
  return `${nodeId ?? "engine"}: ${severity}[${code}]: ${message}${where}`;
}

/** FlowTime's answer, with more about each entry. */
function reportOf(file: string, text: string, { tier, isValid, diagnostics, warnings }: Validation): object {
  const placed = ({ span, hint, severity: _severity, ...finding }: Diagnostic) => ({
    ...finding,
    line: span?.line ?? null,
    column: span?.column ?? null,
    text:
      span === null
        ? null
        : text.slice(span.startOffset, Math.min(span.endOffset, span.startOffset + MAX_OFFENDING_CHARS)),
    ...(hint === undefined ? {} : { hint }),
  });
  return {
    file,
    tier,
    isValid,
    errors: diagnostics.filter(({ severity }) => severity === "error").map(placed),
    warnings: [
      ...diagnostics
        .filter(({ severity }) => severity === "warning")
        .map((finding) => ({ nodeId: null, ...placed(finding) })),
      ...warnings.map(({ nodeId, code, message, severity, bins, value }) => ({
        nodeId,
        code,
        message,
        severity,
        bins,
        value,
      })),
    ],
  };
}
