import { type Command, Option } from "commander";
import type { CommandContext } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";

type Declare = <Args extends readonly unknown[]>(
  spec: string,
  summary: string,
  examples: string,
  load: () => Promise<(...args: [...Args, CommandContext]) => Promise<ExitCode>>,
  parent?: Command,
) => Command;

/** Commands about run folders: `verify`, `export`, `replay`, `artifacts …`. */
export function declareRunFolders(program: Command, command: Declare, withEngine: (command: Command) => Command): void {
  command(
    "verify",
    "Check a run folder, ours or FlowTime's: every hash, the layout, the form of every file, and what they say of each other.\n" +
      "With --replay the run is evaluated again from its own inputs and every value compared. Exit code 1 when anything differs.",
    `flowtime verify data/run_20261123T090000Z_a1b2c3d4
     flowtime verify run_deterministic_d4fdce42 --replay
     flowtime verify data/run_20261123T090000Z_a1b2c3d4 --json | jq '.problems[0]'`,
    async () => (await import("./commands/verify.ts")).verify,
  )
    .argument("<run-dir>", "run folder, or its name in the data folder")
    .option("--replay", "evaluate the run again and compare every series, and the hash chain of a live run")
    .option("--json", "print one JSON object, with all problems");

  command(
    "export",
    "Write the series of a run folder as one table (time_bin, component_id, measure, value); prints the file's path.\n" +
      "A series that cannot be read is left out and named; then the exit code is 1.",
    `flowtime export data/run_20261123T090000Z_a1b2c3d4
     flowtime export run_20261123T090000Z_a1b2c3d4 --format parquet --output run.parquet
     flowtime export data/run_deterministic_d4fdce42 --format ndjson --output - | jq -c 'select(.value > 100)'`,
    async () => (await import("./commands/export.ts")).exportRun,
  )
    .argument("<run-dir>", "run folder, or its name in the data folder")
    .addOption(new Option("--format <format>", "what to write").choices(["csv", "ndjson", "parquet"]).default("csv"))
    .option("--output <file>", "file to write, or - for stdout (default: aggregates/export.<format> in the run folder)")
    .addOption(
      new Option(
        "--times <rule>",
        "grid: start of each bin by the model's grid; flowtime: a minute a bin from midnight of today, as FlowTime's own export",
      )
        .choices(["grid", "flowtime"])
        .default("grid"),
    );

  withEngine(
    command(
      "replay",
      "Replay a stored run (ours or FlowTime's) or a telemetry bundle as a live run, at any speed, and follow it: a live table\n" +
        "on a terminal, NDJSON elsewhere. Without a running engine, one is started for as long as it takes. The run folder is named\n" +
        "on stderr. What a live run wrote must come to the same hash again; if not, the exit code is 1.",
      `flowtime replay data/run_20261123T090000Z_a1b2c3d4 --speed 4
       flowtime replay fixtures/bundles/order-pipeline --speed 600x
       flowtime replay run_deterministic_d4fdce42 --json | jq -c 'select(.type=="warning")'`,
      async () => (await import("./commands/replay.ts")).replay,
    ).argument("<source>", "run folder, its name in the data folder, or bundle folder"),
  )
    .option("--speed <n>", "bins per second (8), multiples of real time (60x), or max", "max")
    .option("--run <id>", "id of the new run (default: made up)")
    .option("--json", "NDJSON, also on a terminal (short for --output ndjson)")
    .option("--output <face>", "auto, tui, lines, ndjson or quiet (only the run folder, on stdout)", "auto")
    .option("--node <id>", "show only this node; repeatable", (id: string, before: readonly string[] = []) => [
      ...before,
      id,
    ])
    .option("--ascii", "no characters beyond ASCII on the screen");

  declareArtifacts(program, command);
}

function declareArtifacts(program: Command, command: Declare): void {
  const artifacts = program
    .command("artifacts")
    .description("List and import run folders.")
    .usage("<list|import> [options]")
    .helpCommand(false);
  command(
    "list",
    "List the run folders of the data folder, newest first, and renew the index that FlowTime's registry reads.\n" +
      "Folder: --data-dir, else --data, else FLOWTIME_DATA_DIR, else ./data. Exit code 1 when it does not exist.",
    `flowtime artifacts list --limit 10
     flowtime artifacts list --template-id order-pipeline --json | jq -r '.artifacts[].id'`,
    async () => (await import("./commands/artifacts.ts")).listArtifacts,
    artifacts,
  )
    .option("--data-dir <dir>", "FlowTime's name of --data")
    .option("--template-id <id>", "only runs of this template")
    .option("--model-id <id>", "only runs of this model")
    .option("--limit <n>", "at most so many, up to 1000", "50")
    .option("--skip <n>", "leave out the first ones", "0")
    .option("--json", "print FlowTime's JSON of the artifacts");
  command(
    "import",
    "Bring a run folder, or a zip archive of one, into the data folder: verified, all of it or nothing. Prints its path.\n" +
      "Refused: links, paths that leave the folder, damaged runs, and what is larger than any run (2 GiB, 20,000 files).",
    `flowtime artifacts import run_20261123T090000Z_a1b2c3d4.zip
     flowtime artifacts import /mnt/share/run_deterministic_d4fdce42 --overwrite`,
    async () => (await import("./commands/artifacts.ts")).importArtifact,
    artifacts,
  )
    .argument("<source>", "run folder or zip archive")
    .option("--data-dir <dir>", "FlowTime's name of --data")
    .option("--run-id <id>", "id for a run whose run.json has none (default: the name of the source)")
    .option("--overwrite", "replace a run of the same id")
    .option("--json", "print one JSON object");
}
