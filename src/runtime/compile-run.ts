import { FlowError } from "../lib/errors.ts";
import type { BindingSpec } from "../model/bind.ts";
import { compileModel } from "../model/compile.ts";
import type { Diagnostic } from "../model/diagnostics.ts";
import { parseModel } from "../model/parse.ts";
import type { GapPolicy, Plan } from "../model/plan.ts";
import type { RunModes } from "../protocol/run.ts";

/** A model that cannot run: everything that is wrong with it. */
export class InvalidModel extends FlowError<"invalid_model"> {
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[]) {
    const errors = diagnostics.filter((finding) => finding.severity === "error");
    super("invalid_model", `The model cannot run: ${errors.map((finding) => finding.message).join("; ")}`);
    this.diagnostics = diagnostics;
  }
}

/** @throws InvalidModel */
export function compileRun(
  modelText: string,
  bindings: readonly BindingSpec[],
  options: { readonly gapPolicy?: GapPolicy; readonly modes?: RunModes } = {},
): Plan {
  const parsed = parseModel(modelText);
  if (parsed.model === null) throw new InvalidModel(parsed.diagnostics);
  const compiled = compileModel(parsed.model, { bindings, ...options });
  if (compiled.plan === null) throw new InvalidModel([...parsed.diagnostics, ...compiled.diagnostics]);
  return compiled.plan;
}
