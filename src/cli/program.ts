import { Command, Option } from "commander";
import { type CommandContext, DEFAULT_DATA_DIR, usualDataDir } from "./command.ts";
import { type ExitCode, exitCodeHelp } from "./exit-code.ts";
import { declareRunFolders } from "./run-folder-program.ts";
import { declareTelemetry } from "./telemetry-program.ts";

/** What a command file exports: does the work, returns the exit code. */
type Run<Args extends readonly unknown[]> = (...args: [...Args, CommandContext]) => Promise<ExitCode>;

/**
 * The commands and their options. Nothing of what they do is loaded here: each is imported when it is called, so that
 * `flowtime --help` costs no more than this file and commander.
 * @param finish receives the exit code of the command that ran
 */
export function buildProgram(context: CommandContext, finish: (code: ExitCode) => void): Command {
  const { env } = context;
  const usual = usualDataDir(env);
  const program = new Command("flowtime")
    .description("Live engine for FlowTime models: telemetry in, every sealed bin out, run folders on checkpoint.")
    .usage("<command> [options]")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
  flowtime serve                                    start the engine on this machine
  flowtime ingest fixtures/bundles/order-pipeline   feed a telemetry bundle, print the run folder
  producer | flowtime ingest - --model model.yaml   feed frames from a pipe
  flowtime stream runs RUN_ID --json | jq .         follow a run
  flowtime run model.yaml --out runs --verbose      evaluate a model, nothing else running

flowtime help <command> says more; flowtime help exit-codes lists the exit codes.`,
    );

  const command = <Args extends readonly unknown[]>(
    spec: string,
    summary: string,
    examples: string,
    load: () => Promise<Run<Args>>,
    parent: Command = program,
  ): Command =>
    parent
      .command(spec)
      .description(summary)
      .addOption(
        new Option("--data <dir>", "data folder").default(usual, `$FLOWTIME_DATA_DIR, else ${DEFAULT_DATA_DIR}`),
      )
      .option("--no-color", "no colours (also with NO_COLOR set)")
      .option("--debug", "show stack traces of errors")
      .addHelpText("after", `\nExamples:\n${examples.replace(/^ *(?=\S)/gm, "  ").trimEnd()}`)
      .action(async (...received: unknown[]) => {
        // Commander adds the command itself; the options stand before it.
        const args = received.slice(0, -1) as unknown as Args;
        const run = await load();
        finish(await run(...args, context));
      });

  command(
    "serve",
    "Run the engine: takes telemetry, evaluates, streams. Loopback only.",
    `flowtime serve
     flowtime serve --data /var/lib/flowtime --port 0`,
    async () => (await import("./commands/serve.ts")).serve,
  )
    .option("--port <n>", "port to listen on; 0 picks a free one", "8081")
    .option("--host <address>", "address to listen on", "127.0.0.1");

  withEngine(
    command(
      "ingest",
      "Feed a run: a telemetry bundle, a file of frames (NDJSON), or frames from a pipe (-).\n" +
        "Prints the run id on stderr, and at the end the run folder on stdout. Without a running engine, one is started " +
        "for as long as it takes. Refused frames are reported on stderr and do not stop the rest.",
      `flowtime ingest fixtures/bundles/order-pipeline
       flowtime ingest capture/ --watch --checkpoint-every 24
       producer | flowtime ingest - --model model.yaml --rejects refused.ndjson
       flowtime ingest frames.ndjson --run run_20261123T090000Z_a1b2c3d4`,
      async () => (await import("./commands/ingest.ts")).ingest,
    ).argument("<source>", "bundle folder, NDJSON file, or - for stdin"),
    env,
  )
    .option("--model <file>", "model of the run (default: model.yaml of the bundle)")
    .option("--run <id>", "feed this run; it is created under that id when it does not exist and a model is given")
    .option("--bind <series>", "series (or NODE:METRIC) that frames feed, repeatable; default: what they name", collect)
    .option("--speed <n>", "bins per second, or max", "max")
    .option("--watch", "follow a bundle folder that is still being written, until its manifest.json is there")
    .option("--checkpoint-every <n>", "write a run folder each time this many bins have been sealed")
    .option("--keep <n>", "newest run folders of this run that stay (default: all)")
    .addOption(
      new Option(
        "--late-policy <policy>",
        "telemetry for a sealed bin: reject, log, or revise (evaluate again)",
      ).choices(["reject", "log", "revise"]),
    )
    .addOption(
      new Option(
        "--gap-policy <policy>",
        "what stands in for missing telemetry: nan, zero, hold (the last value), or model (the series' own definition)",
      ).choices(["nan", "zero", "hold", "model"]),
    )
    .option("--seal-after <time>", "seal a bin so long after its first cell (30s, 5m, 1h), whatever it lacks")
    .option(
      "--idle-after <time>",
      "no longer wait for a series that has been silent for so long, until it is heard again",
    )
    .option("--history-bins <n>", "bins kept in memory, and open to corrections (default: all)")
    .option(
      "--enforce <limits>",
      "enforce limits of the model that FlowTime ignores: wip, constraints, or both (wip,constraints)",
    )
    .option("--rejects <file>", "write refused frames to this file (NDJSON) instead of stderr")
    .option("--strict", "exit with 1 when any frame was refused or late (default: 0 as long as a bin was sealed)")
    .option("--end", "send `end` when the input ends (default: when this command creates the run)")
    .option("--no-end", "leave the run open when the input ends")
    .option("--json", "print the result as one JSON object");

  command(
    "run",
    "Evaluate a model whose inputs are all in it and write its run folder; needs no engine.",
    `flowtime run model.yaml --out runs
     flowtime run model.yaml --deterministic-run-id --seed 42 --verbose
     flowtime run model.yaml --mode simulation --provenance provenance.json
     flowtime run model.yaml --enforce wip,constraints`,
    async () => (await import("./commands/run.ts")).run,
  )
    .argument("<model>", "model file, or - for stdin")
    .option("--out <dir>", "folder that gets the run folder (default: the data folder)")
    .option("--deterministic-run-id", "derive the run id from the model and the seed")
    .option("--seed <n>", "seed to record in the manifest")
    .option("--verbose", "print grid, order and seed")
    .option("--provenance <file>", "JSON object that goes into the run folder as model/provenance.json")
    .option(
      "--enforce <limits>",
      "enforce limits of the model that FlowTime ignores: wip, constraints, or both (wip,constraints)",
    )
    .option("--batch", "evaluate series by series over all bins instead of bin by bin; writes the same bytes")
    .addOption(
      new Option("--mode <mode>", "direct: the files of FlowTime's own run; simulation: those of an orchestrated run")
        .choices(["direct", "simulation"])
        .default("direct"),
    );

  withEngine(
    command(
      "checkpoint",
      "Write a run folder of everything a live run has sealed, and print its path.",
      "flowtime checkpoint run_20261123T090000Z_a1b2c3d4",
      async () => (await import("./commands/checkpoint.ts")).checkpoint,
    ).argument("<runId>", "run to write"),
    env,
  );

  withEngine(
    command(
      "adjust",
      "Change values of a live run's model from a bin on: constants, and the depth a queue begins with.",
      `flowtime adjust RUN_ID --set order_capacity=140
       flowtime adjust RUN_ID --set OrderService.arrivals=90 --set OrderQueue.initialDepth=12 --from-bin 0`,
      async () => (await import("./commands/adjust.ts")).adjust,
    ).argument("<runId>", "run to change"),
    env,
  )
    .addOption(
      new Option("--set <name=value>", "const series, NODE.ROLE, NODE.initialDepth or NODE.wipLimit; repeatable")
        .argParser(collect)
        .makeOptionMandatory(),
    )
    .option("--from-bin <n>", "first bin it applies to (default: the oldest that is not sealed)")
    .option("--json", "print one JSON object");

  withEngine(
    command(
      "abort",
      "End a run where it stands: open bins are given up, its last run folder is written and printed.",
      `flowtime abort RUN_ID`,
      async () => (await import("./commands/abort.ts")).abort,
    ).argument("<runId>", "live run"),
    env,
  );

  withEngine(
    command(
      "runs",
      "List live runs (of the engine, if one runs) and stored ones.",
      `flowtime runs
       flowtime runs --json | jq -r '.[] | select(.kind=="live").runId'`,
      async () => (await import("./commands/runs.ts")).runs,
    ),
    env,
  ).option("--json", "print a JSON list");

  command(
    "validate",
    "Check a model; prints every finding with line, column and the place in the text.\n" +
      "Tiers: schema (structure and names), compile (what is generated), analyse (evaluate it, and warn of what a run " +
      "shows). Exits with 0 when the model is valid, warnings or not, and with 1 when it has errors.",
    `flowtime validate model.yaml
     flowtime validate model.yaml --tier schema
     flowtime validate model.yaml --profile direct        would FlowTime's own run take it?
     cat model.yaml | flowtime validate - --json | jq -r '.errors[] | "\\(.line): \\(.message)"'`,
    async () => (await import("./commands/validate.ts")).validate,
  )
    .argument("<model>", "model file, or - for stdin")
    .addOption(
      new Option("--tier <tier>", "how far to look").choices(["schema", "compile", "analyse"]).default("analyse"),
    )
    .addOption(
      new Option("--profile <profile>", "live: telemetry sources too; direct: FlowTime's own verdict")
        .choices(["live", "direct"])
        .default("live"),
    )
    .option("--json", "print one JSON object");

  declareTelemetry(program, command, (declared) => withEngine(declared, env));
  withEngine(
    command(
      "explain",
      "Say how one value of a run comes about: the formula, the same with numbers, and what it reads.\n" +
        "Asked for by NODE.METRIC (OrderService.utilization), the id of a series (order_queue), SERIES@CLASS, or\n" +
        "EDGE.METRIC; a name stands for the model's own, and near misses are told.",
      `flowtime explain RUN_ID OrderService.utilization --bin 12
       flowtime explain RUN_ID order_queue --depth 4
       flowtime explain RUN_ID order_queue@Gold --bin 3 --json | jq -r .explanation.numbers`,
      async () => (await import("./commands/explain.ts")).explain,
    )
      .argument("<runId>", "live run")
      .argument("<series>", "NODE.METRIC, SERIES, SERIES@CLASS or EDGE.METRIC"),
    env,
  )
    .option("--bin <n>", "bin, from 0 (default: the newest sealed one)")
    .option("--depth <n>", "levels to explain: 1 is the series alone", "2")
    .option("--json", "print one JSON object");

  declareRunFolders(program, command, (declared) => withEngine(declared, env));
  declareStream(program, command, env);
  declareHelp(program, context);
  return program;
}

type Declare = (
  spec: string,
  summary: string,
  examples: string,
  load: () => Promise<Run<readonly unknown[]>>,
  parent?: Command,
) => Command;

function declareStream(program: Command, command: Declare, env: NodeJS.ProcessEnv): void {
  const stream = program
    .command("stream")
    .description("Follow what happens as it happens.")
    .usage("runs <runId> [options]")
    .helpCommand(false);
  withEngine(
    command(
      "runs",
      "Follow a run: a live table on a terminal, NDJSON when stdout is not one.",
      `flowtime stream runs run_20261123T090000Z_a1b2c3d4
       flowtime stream runs RUN_ID --json | jq -c 'select(.type=="warning")'
       flowtime stream runs RUN_ID --node billing --limit 10`,
      async () => (await import("./commands/stream.ts")).streamRun as Run<readonly unknown[]>,
      stream,
    ).argument("<runId>", "run to follow"),
    env,
  )
    .option("--json", "NDJSON, also on a terminal (short for --output ndjson)")
    .option("--output <face>", "auto, tui, lines, ndjson or quiet", "auto")
    .option("--since <cursor>", "go on after this position: EPOCH.SEQ of an earlier stream")
    .option("--node <id>", "only this node; repeatable", collect)
    .option("--limit <n>", "stop after this many bins")
    .option("--retries <n>", "tries after a lost connection, or forever (default: forever on a terminal, else 5)")
    .option("--ascii", "no characters beyond ASCII on the screen");
}

/** `flowtime help`, `flowtime help <command> [sub-command]`, `flowtime help exit-codes`. */
function declareHelp(program: Command, context: CommandContext): void {
  program
    .command("help")
    .argument("[topic...]", "a command, or exit-codes")
    .description("Say more about a command, or list the exit codes.")
    .action(async (topic: readonly string[]) => {
      if (topic[0] === "exit-codes") {
        await context.out(exitCodeHelp());
        return;
      }
      let about = program;
      for (const name of topic) {
        const next = about.commands.find((known) => known.name() === name);
        if (next === undefined)
          program.error(`error: there is no command '${topic.join(" ")}'`, { code: "flowtime.help" });
        about = next;
      }
      about.outputHelp();
    });
}

function withEngine(command: Command, env: NodeJS.ProcessEnv): Command {
  const option = new Option("--engine <url>", "address of the engine");
  return command.addOption(
    option.default(env.FLOWTIME_ENGINE || undefined, "$FLOWTIME_ENGINE, else of the data folder"),
  );
}

/** An option that may be given several times. */
function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
