import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { buildCli } from "../../scripts/build-cli.mjs";

export const projectRoot = path.resolve(import.meta.dirname, "../..");

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** User to run as; only root may ask. */
  readonly uid?: number;
  /** Runtime to start the launcher with. Default: the one that runs the tests. */
  readonly node?: string;
}

/** The command line as it is installed: launcher, bundle and dependencies, in a folder of its own. */
export class BuiltCli implements Disposable {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async build(): Promise<BuiltCli> {
    const root = mkdtempSync(path.join(tmpdir(), "flowtime-cli-"));
    chmodSync(root, 0o755);
    mkdirSync(path.join(root, "bin"));
    cpSync(path.join(projectRoot, "bin"), path.join(root, "bin"), { recursive: true });
    writeFileSync(path.join(root, "package.json"), '{"type":"module"}');
    symlinkSync(path.join(projectRoot, "node_modules"), path.join(root, "node_modules"));
    await buildCli(path.join(root, "dist", "cli"));
    return new BuiltCli(root);
  }

  get launcher(): string {
    return path.join(this.root, "bin", "flowtime.js");
  }

  /** Starts a command; stdin, stdout and stderr are pipes. */
  start(args: readonly string[], options: RunOptions = {}): ChildProcess {
    const {
      CI: _ci,
      FLOWTIME_DATA_DIR: _data,
      FLOWTIME_ENGINE: _engine,
      NODE_OPTIONS: _node,
      ...inherited
    } = process.env;
    return spawn(options.node ?? process.execPath, [this.launcher, ...args], {
      cwd: options.cwd ?? projectRoot,
      env: { ...inherited, ...options.env },
      stdio: "pipe",
      ...(options.uid === undefined ? {} : { uid: options.uid }),
    });
  }

  /** Runs a command to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const child = this.start(args, options);
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
    return finished(child);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export function finished(child: ChildProcess): Promise<Finished> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** Resolves with the text so far once the stream has said something that matches. */
export function said(stream: NodeJS.ReadableStream | null, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const look = (chunk: Buffer | string) => {
      text += chunk;
      if (!pattern.test(text)) return;
      stream?.off("data", look);
      resolve(text);
    };
    stream?.on("data", look);
    stream?.once("close", () => reject(new Error(`never said ${pattern}:\n${text}`)));
  });
}
