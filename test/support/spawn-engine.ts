import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";

/** An engine in a process of its own. */
export class EngineProcess {
  readonly child: ChildProcess;
  readonly #url: Promise<string | null>;
  readonly #gone: Promise<unknown>;
  /** What it complained about, so far. */
  stderr = "";

  constructor(dataDir: string) {
    const script = path.join(import.meta.dirname, "engine-process.ts");
    this.child = spawn(process.execPath, [script, dataDir], { stdio: ["ignore", "pipe", "pipe"] });
    this.#gone = once(this.child, "exit");
    this.child.stderr!.on("data", (text) => {
      this.stderr += text;
    });
    const lines = createInterface({ input: this.child.stdout! });
    this.#url = Promise.race([
      once(lines, "line").then(([line]) => line as string),
      once(lines, "close").then(() => null),
    ]);
    onTestFinished(() => this.kill());
  }

  /** Address, once it listens and its runs are back; null when it ended before. */
  url(): Promise<string | null> {
    return this.#url;
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.child.kill(signal);
    await this.#gone;
  }
}
