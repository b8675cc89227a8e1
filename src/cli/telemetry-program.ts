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
  command(
    "bundle",
    "Make a run folder of a telemetry capture and its model: captured series as they are, the rest evaluated on top.\n" +
      "References to captured files become file://telemetry/…, and the files go along. Prints the run folder.",
    `flowtime telemetry bundle --capture-dir capture --model model.yaml --output runs
     flowtime telemetry bundle --capture-dir capture --model model.yaml --output runs --deterministic-run-id`,
    async () => (await import("./commands/telemetry-bundle.ts")).telemetryBundle,
    telemetry,
  )
    .requiredOption("--capture-dir <dir>", "folder of the capture, with manifest.json")
    .requiredOption("--model <file>", "model the capture goes with, or - for stdin")
    .option("--output <dir>", "folder that gets the run folder (default: the data folder)")
    .option("--provenance <file>", "JSON to keep as model/provenance.json")
    .option("--template-id <id>", "template to name in a deterministic run id")
    .option("--input-hash <hash>", "hash of the inputs to record, and to name in a deterministic run id")
    .option("--run-id <id>", "name of the run folder; run.json keeps the run's own id, as in FlowTime")
    .option("--deterministic-run-id", "derive the run id from template and inputs, else from the model")
    .option("--overwrite", "replace a run folder of that name")
    .option("--json", "print the result as one JSON object");
}
