import path from "node:path";
import type { Clock } from "../lib/clock.ts";
import { CliError } from "./exit-code.ts";
import type { Shutdown } from "./shutdown.ts";

/** Options that every command has. */
export interface CommonOptions {
  /** Data folder: `--data`, else `usualDataDir`. */
  readonly data: string;
}

/** Options of commands that talk to an engine. */
export interface EngineOptions extends CommonOptions {
  /** Address of the engine: `--engine`, else `FLOWTIME_ENGINE`. Absent: found through `<data>/engine.json`. */
  readonly engine?: string;
}

/** What a command works with besides its options. Data goes to `out`, everything else to `err`. */
export interface CommandContext {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Writes to stdout and waits while its reader is slower. */
  readonly out: (text: string) => Promise<void>;
  /** One message to stderr, a line end added. */
  readonly say: (text: string) => void;
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  readonly shutdown: Shutdown;
  /** Whether ANSI colours may be used, by stream. */
  readonly color: { readonly stdout: boolean; readonly stderr: boolean };
}

export const DEFAULT_DATA_DIR = "./data";
/** Marks the root of FlowTime's own sources, whose tools keep their runs in `data` beside it. */
const SOLUTION_FILE = "FlowTime.sln";

/** Where data lies when no option says so, found as FlowTime's tools find it: environment, solution root, working directory. */
export function usualDataDir(env: NodeJS.ProcessEnv, cwd: string = process.cwd()): string {
  if (env.FLOWTIME_DATA_DIR) return env.FLOWTIME_DATA_DIR;
  // Node has it loaded; an import would cost every start some milliseconds.
  const { existsSync } = process.getBuiltinModule("node:fs");
  for (let at = path.resolve(cwd), above = path.dirname(at); ; at = above, above = path.dirname(at)) {
    if (existsSync(path.join(at, SOLUTION_FILE))) return path.join(at, "data");
    if (at === above) return DEFAULT_DATA_DIR;
  }
}

/** A whole number option. @throws CliError `usage` */
export function wholeNumber(name: string, text: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text.trim()) || !Number.isSafeInteger(value) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
    throw new CliError("usage", `${name} must be a whole number ${range}, not '${text}'.`);
  }
  return value;
}

/** Text of a file a user named, or of stdin for `-`, without a byte-order mark. @throws CliError `file_not_found`, `file_unreadable`, `usage` */
export async function readInput(name: string, context: CommandContext): Promise<string> {
  if (name === "-") {
    if (context.stdin.isTTY) {
      throw new CliError("usage", "Nothing is piped into stdin; name a file, or pipe the text in.");
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of context.stdin) chunks.push(chunk as Uint8Array);
    return withoutMark(Buffer.concat(chunks).toString("utf8"));
  }
  // Loaded here: three milliseconds that `flowtime --help` need not pay.
  const { readFile } = await import("node:fs/promises");
  try {
    return withoutMark(await readFile(name, "utf8"));
  } catch (error) {
    throw fileError(name, error);
  }
}

function withoutMark(text: string): string {
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

/** What a path is, null when there is nothing. */
export async function pathKind(name: string): Promise<"file" | "folder" | null> {
  const { stat } = await import("node:fs/promises");
  const info = await stat(name).catch(() => null);
  return info === null ? null : info.isDirectory() ? "folder" : "file";
}

export function fileError(name: string, cause: unknown, use: "read" | "written" = "read"): CliError {
  const code = cause instanceof Error && "code" in cause ? cause.code : null;
  if (use === "read" && (code === "ENOENT" || code === "ENOTDIR")) {
    return new CliError("file_not_found", `There is no file ${name}.`, { cause, facts: { file: name } });
  }
  const why = code === "EISDIR" ? "it is a folder" : cause instanceof Error ? cause.message : String(cause);
  return new CliError("file_unreadable", `${name} cannot be ${use}: ${why}.`, { cause, facts: { file: name } });
}

/** The options that make another command find the same data folder, for hints: empty when that is the default. */
export function dataHint(options: CommonOptions, env: NodeJS.ProcessEnv): string {
  const usual = usualDataDir(env);
  return path.resolve(usual) === path.resolve(options.data) ? "" : ` --data ${quoteForShell(options.data)}`;
}

function quoteForShell(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Plural by count: `1 frame`, `2 frames`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}
