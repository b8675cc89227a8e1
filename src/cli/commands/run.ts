import { randomBytes } from "node:crypto";
import type { CommandContext, CommonOptions } from "../command.ts";
import { readInput, wholeNumber } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";

export interface RunOptions extends CommonOptions {
  readonly out?: string;
  readonly deterministicRunId?: boolean;
  readonly seed?: string;
  readonly verbose?: boolean;
  readonly mode: "direct" | "simulation";
}

/** The seed FlowTime records when none is given. */
const DEFAULT_SEED = 123;
const MIN_SEED = -(2 ** 31);
const MAX_SEED = 2 ** 31 - 1;
/** Warnings that are shown; run.json has all. */
const MAX_SHOWN_WARNINGS = 5;
/** Bins that are shown of one warning. */
const MAX_SHOWN_BINS = 5;

/** FlowTime's own `run`: evaluates a model, writes its run folder, says so in FlowTime's words. */
export async function run(file: string, options: RunOptions, context: CommandContext): Promise<ExitCode> {
  const seed = options.seed === undefined ? null : wholeNumber("--seed", options.seed, MIN_SEED, MAX_SEED);
  const outDir = options.out ?? options.data;
  const modelText = await readInput(file, context);
  const { runModel } = await import("../../runtime/run-model.ts");
  const result = await runModel({
    modelText,
    mode: options.mode,
    outDir,
    deterministicRunId: options.deterministicRunId ?? false,
    seed,
    clock: context.clock,
    random: (bytes) => randomBytes(bytes),
  });
  if (!result.ok) {
    const errors = result.diagnostics.filter((finding) => finding.severity === "error");
    context.say(["Model validation failed:", ...errors.map(({ message }) => `  - ${message}`)].join("\n"));
    context.say(`flowtime: for places in the text: flowtime validate ${file}`);
    return EXIT.no;
  }

  const lines: string[] = [];
  if (options.verbose === true) {
    const { bins, binSize, binUnit } = result.grid;
    lines.push(
      "FlowTime run summary:",
      `  Grid: bins=${bins}, binSize=${binSize}, binUnit=${binUnit}`,
      `  Topological order: ${result.order.join(" -> ")}`,
      `  RNG seed: ${seed ?? DEFAULT_SEED} (${seed === null ? "generated" : "provided"})`,
    );
  }
  if (result.warnings.length > 0) {
    lines.push(`⚠ Run emitted ${result.warnings.length} warning(s):`);
    for (const { nodeId, message, bins } of result.warnings.slice(0, MAX_SHOWN_WARNINGS)) {
      const shown = bins.slice(0, MAX_SHOWN_BINS).join(", ");
      const where = bins.length === 0 ? "" : ` bins [${shown}${bins.length > MAX_SHOWN_BINS ? ", …" : ""}]`;
      lines.push(`  - [${nodeId ?? "engine"}] ${message}${where}`);
    }
    if (result.warnings.length > MAX_SHOWN_WARNINGS) lines.push("    (additional warnings omitted)");
  }
  lines.push(`Wrote artifacts to ${outDir}${/[/\\]$/.test(outDir) ? "" : "/"}${result.runId}`);
  await context.out(`${lines.join("\n")}\n`);
  return EXIT.ok;
}
