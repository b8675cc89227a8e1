import type { CommandContext } from "../../src/cli/command.ts";
import { type StreamOptions, streamRun } from "../../src/cli/commands/stream.ts";
import { exitCodeOf } from "../../src/cli/exit-code.ts";
import { drained, Shutdown } from "../../src/cli/shutdown.ts";
import { systemClock } from "../../src/lib/clock.ts";

/** `node --import tsx stream-cli.ts RUN_ID '{"engine":…}'`: the stream command alone, with options as JSON. */
const say = (text: string) => void process.stderr.write(`${text}\n`);
const shutdown = new Shutdown(process, say, systemClock.now);
shutdown.install();
process.stdout.on("error", () => shutdown.readerGone());
const hasColor = process.env.NO_COLOR === undefined;
const context: CommandContext = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  out: async (text) => {
    if (!process.stdout.write(text)) await drained(process.stdout);
  },
  say,
  clock: systemClock,
  env: process.env,
  shutdown,
  color: { stdout: hasColor, stderr: false },
};
const [runId, options] = process.argv.slice(2);
const defaults = { data: "./data", output: "auto" };
try {
  process.exitCode = await streamRun(runId!, { ...defaults, ...JSON.parse(options ?? "{}") } as StreamOptions, context);
} catch (error) {
  say(`flowtime: ${(error as Error).message}`);
  process.exitCode = exitCodeOf(error);
}
shutdown.raise();
