import { type Command, CommanderError } from "commander";
import { systemClock } from "../lib/clock.ts";
import type { CommandContext } from "./command.ts";
import { EXIT, type ExitCode, exitCodeOf, isExpected } from "./exit-code.ts";
import { buildProgram } from "./program.ts";
import { drained, exitSoon, Shutdown } from "./shutdown.ts";

/**
 * Runs one command line to its end and sets the exit code. Never calls `process.exit` while output is pending.
 * @param args what stands behind `flowtime`
 */
export async function main(args: readonly string[]): Promise<void> {
  const isDebug = args.includes("--debug");
  const context = contextOf(args);
  const { shutdown } = context;
  shutdown.install();
  process.exitCode = await run(normalised(args), context, isDebug);
  await Promise.all([drained(process.stdout), context.hasStderr() ? drained(process.stderr) : null]);
  shutdown.raise();
  exitSoon();
}

/** The process as commands see it. Streams are opened when they are first used: each costs a start some milliseconds. */
function contextOf(args: readonly string[]): CommandContext & { readonly hasStderr: () => boolean } {
  const { env } = process;
  let out: NodeJS.WriteStream | null = null;
  let err: NodeJS.WriteStream | null = null;
  const say = (text: string) => void stderr().write(`${text}\n`);
  const shutdown = new Shutdown(process, (text) => say(`flowtime: ${text}`), systemClock.now);
  const stdout = () => {
    out ??= process.stdout.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") shutdown.readerGone();
      else say(`flowtime: stdout cannot be written (${error.code ?? error.message})`);
    });
    return out;
  };
  const stderr = () => {
    // Nobody reads what would be said: there is no one to tell.
    err ??= process.stderr.on("error", () => {});
    return err;
  };
  return {
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return stdout();
    },
    get stderr() {
      return stderr();
    },
    hasStderr: () => err !== null,
    out: (text) => write(stdout(), text),
    say,
    clock: systemClock,
    env,
    shutdown,
    color: {
      get stdout() {
        return mayColor(stdout(), args, env);
      },
      get stderr() {
        return mayColor(stderr(), args, env);
      },
    },
  };
}

async function run(args: readonly string[], context: CommandContext, isDebug: boolean): Promise<ExitCode> {
  let result: ExitCode = EXIT.ok;
  const program = buildProgram(context, (code) => {
    result = code;
  });
  prepare(program, context);
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    result = report(error, context, isDebug);
  }
  return context.shutdown.reason === "reader_gone" ? EXIT.ok : result;
}

/** Usage errors throw instead of ending the process, in every command; help goes where the result would. */
function prepare(command: Command, context: CommandContext): void {
  command
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      outputError: (text, writeErr) =>
        writeErr(`${text.replace(/^error: /, "flowtime: ").trimEnd()}\n  ${helpHint(command)}\n`),
      getOutHasColors: () => context.color.stdout,
      getErrHasColors: () => context.color.stderr,
    });
  for (const child of command.commands) prepare(child, context);
}

function helpHint(command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
  return `see: ${names.join(" ")} --help`;
}

function report(error: unknown, context: CommandContext, isDebug: boolean): ExitCode {
  if (error instanceof CommanderError) {
    // Help that was asked for comes as an error too, with 0; help in place of a missing sub-command is wrong use.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  const { reason, signal } = context.shutdown;
  // A command that was told to stop may say so by throwing what aborted it.
  if (reason !== null && (error === signal.reason || (error instanceof Error && error.name === "AbortError"))) {
    return EXIT.ok;
  }
  const message = error instanceof Error ? error.message : String(error);
  if (isExpected(error)) context.say(`flowtime: ${message}`);
  else
    context.say(
      `flowtime: internal error: ${message}\n  this is a defect; run again with --debug and report what it shows`,
    );
  if (isDebug && error instanceof Error) context.say(stackOf(error));
  return exitCodeOf(error);
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}

/** FlowTime's ways to ask for help and to spell `run` are taken too. */
function normalised(args: readonly string[]): readonly string[] {
  const [first, ...rest] = args;
  if (first === undefined || first === "/h" || first === "/H" || first === "/?") return ["--help"];
  return first.toLowerCase() === "run" ? ["run", ...rest] : args;
}

/** Flag before NO_COLOR before FORCE_COLOR before what the stream is. */
function mayColor(stream: NodeJS.WriteStream, args: readonly string[], env: NodeJS.ProcessEnv): boolean {
  if (args.includes("--no-color") || env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== "0";
  return stream.isTTY === true && env.TERM !== "dumb";
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return Promise.resolve();
  return new Promise((resolve) => {
    stream.write(text, () => resolve());
  });
}
