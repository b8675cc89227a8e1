import { type CommandContext, type CommonOptions, counted, readInput } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";

export interface ValidateOptions extends CommonOptions {
  readonly json?: boolean;
}

/** Every finding about a model: those of reading it and, when it could be read, those of compiling it. */
export async function validate(file: string, options: ValidateOptions, context: CommandContext): Promise<ExitCode> {
  const text = await readInput(file, context);
  const [{ parseModel }, { compileModel }, { renderDiagnostic }] = await Promise.all([
    import("../../model/parse.ts"),
    import("../../model/compile.ts"),
    import("../../model/render-diagnostics.ts"),
  ]);
  const { model, diagnostics: parsed } = parseModel(text);
  const diagnostics = model === null ? parsed : [...parsed, ...compileModel(model).diagnostics];
  const errors = diagnostics.filter((finding) => finding.severity === "error").length;
  const warnings = diagnostics.length - errors;

  if (options.json === true) {
    const findings = diagnostics.map(({ span, hint, ...finding }) => ({
      ...finding,
      line: span?.line ?? null,
      column: span?.column ?? null,
      ...(hint === undefined ? {} : { hint }),
    }));
    await context.out(`${JSON.stringify({ file, valid: errors === 0, errors, warnings, diagnostics: findings })}\n`);
  } else {
    const fileName = file === "-" ? "<stdin>" : file;
    const render = { color: context.color.stdout, fileName };
    const blocks = diagnostics.map((finding) => `${renderDiagnostic(finding, text, render)}\n`);
    if (errors === 0 && model !== null) {
      const { bins, binSize, binUnit } = model.grid;
      const size = `${counted(model.nodes.length, "node")}, ${counted(bins, "bin")} of ${binSize} ${binUnit}`;
      blocks.push(`${fileName}: valid (${size})\n`);
    }
    await context.out(blocks.join("\n"));
  }
  if (diagnostics.length > 0) {
    context.say(`flowtime: ${counted(errors, "error")}, ${counted(warnings, "warning")}`);
  }
  return errors === 0 ? EXIT.ok : EXIT.no;
}
