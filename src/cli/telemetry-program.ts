import type { Command } from "commander";
import type { CommandContext } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";

type Declare = <Args extends readonly unknown[]>(
  spec: string,
  summary: string,
  examples: string,
  load: () => Promise<(...args: [...Args, CommandContext]) => Promise<ExitCode>>,
  parent: Command,
) => Command;

/** `flowtime telemetry …`: runs to telemetry captures, and captures to runs. */
export function declareTelemetry(program: Command, command: Declare, withEngine: (command: Command) => Command): void {
  const telemetry = program
    .command("telemetry")
    .description("Make telemetry captures of runs, and run folders of captures.")
    .usage("<command> [options]")
    .helpCommand(false);
  withEngine(
    command(
      "capture",
      "Make a telemetry capture (CSVs and manifest.json) of a run folder, or of what a live run has evaluated so far.\n" +
        "Prints the folder of the capture; a dry run prints the plan: file, node, metric, class and points, by tabs.",
      `flowtime telemetry capture --run-dir runs/run_20261123T090000Z_a1b2c3d4 --output capture
       flowtime telemetry capture --run run_20261123T090000Z_a1b2c3d4 --output capture --gap-fill-nan
       flowtime telemetry capture --run-dir RUN_DIR --dry-run --gap-detect`,
      async () => (await import("./commands/telemetry-capture.ts")).telemetryCapture,
      telemetry,
    ),
  )
    .option("--run-dir <dir>", "run folder to capture")
    .option("--run <id>", "live run to capture, from the engine")
    .option(
      "--output <dir>",
      "folder of the capture (default: model/telemetry of the run folder, captures/ID of the data folder for a live run)",
    )
    .option("--dry-run", "say what would be written, and write nothing")
    .option("--gap-fill-nan", "write 0 for NaN and infinities (default: keep and report them)")
    .option("--gap-detect", "report bins without a value (default: keep them silently)")
    .option("--gap-fill-gaps", "write 0 for bins without a value, and report them")
    .option("--overwrite", "replace an earlier capture in that folder")
    .option("--json", "print the result as one JSON object");
}
