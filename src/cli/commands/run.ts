import { randomBytes } from "node:crypto";
import type { CommandContext, CommonOptions } from "../command.ts";
import { readInput, wholeNumber } from "../command.ts";
import { CliError, EXIT, type ExitCode } from "../exit-code.ts";
import { runSummary } from "../output/run-summary.ts";
import { modesOf } from "../run-modes.ts";

export interface RunOptions extends CommonOptions {
  readonly out?: string;
  readonly deterministicRunId?: boolean;
  readonly seed?: string;
  readonly verbose?: boolean;
  readonly mode: "direct" | "simulation";
  readonly provenance?: string;
  readonly batch?: boolean;
  readonly enforce?: string;
}

const MIN_SEED = -(2 ** 31);
const MAX_SEED = 2 ** 31 - 1;

/** FlowTime's own `run`: evaluates a model, writes its run folder, says so in FlowTime's words. */
export async function run(file: string, options: RunOptions, context: CommandContext): Promise<ExitCode> {
  const seed = options.seed === undefined ? null : wholeNumber("--seed", options.seed, MIN_SEED, MAX_SEED);
  const outDir = options.out ?? options.data;
  const provenance = options.provenance === undefined ? null : await readProvenance(options.provenance, context);
  const modes = options.enforce === undefined ? {} : modesOf(options.enforce);
  if (options.enforce !== undefined && options.batch === true && options.mode === "direct") {
    throw new CliError(
      "usage",
      "--enforce with --batch needs --mode simulation: FlowTime's own run enforces no limits.",
    );
  }
  const modelText = await readInput(file, context);
  const { runModel } = await import("../../runtime/run-model.ts");
  const result = await runModel({
    modelText,
    mode: options.mode,
    isBatch: options.batch ?? false,
    modes,
    outDir,
    deterministicRunId: options.deterministicRunId ?? false,
    seed,
    provenance,
    clock: context.clock,
    random: (bytes) => randomBytes(bytes),
  });
  if (!result.ok) {
    const errors = result.diagnostics.filter((finding) => finding.severity === "error");
    context.say(["Model validation failed:", ...errors.map(({ message }) => `  - ${message}`)].join("\n"));
    context.say(`flowtime: for places in the text: flowtime validate ${file}`);
    return EXIT.no;
  }
  if (result.isLimited) {
    context.say(
      "flowtime: limits are enforced that FlowTime's runs leave alone (D11): FlowTime has no figures to compare with.",
    );
  }
  await context.out(runSummary({ ...result, seed, outDir }, options.verbose ?? false));
  return EXIT.ok;
}

/** The text of a provenance file, which goes into the run folder as it is. */
async function readProvenance(file: string, context: CommandContext): Promise<string> {
  const text = await readInput(file, context);
  try {
    const root: unknown = JSON.parse(text);
    if (typeof root === "object" && root !== null && !Array.isArray(root)) return text;
  } catch {
    // Said below, in our words.
  }
  throw new CliError("usage", `${file} is no provenance: it must hold one JSON object.`);
}
