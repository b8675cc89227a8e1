import type { Writable } from "node:stream";

/**
 * Whole lines to one stream, in order, at the reader's pace. One writer per stream: nothing else may write to it.
 * A reader that goes away (`| head -1`) is no error: `isGone` turns true and further lines are dropped.
 */
export class LineWriter {
  readonly #out: Writable;
  #isGone = false;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(out: Writable) {
    this.#out = out;
    // The listener stays for good: an EPIPE may come after the last write, and must not end the process with a trace.
    out.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") this.#failure ??= error;
      this.#leave();
    });
    out.on("drain", () => this.#release());
    out.on("close", () => this.#leave());
  }

  /** The reader went away, or the stream failed. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Resolves when there is room for more. Rejects when the stream failed for a reason other than a reader gone. */
  async write(lines: readonly string[]): Promise<void> {
    if (lines.length > 0 && !this.#isGone && !this.#out.write(`${lines.join("\n")}\n`)) await this.#drained();
    if (this.#failure !== null) throw this.#failure;
  }

  /** Resolves when everything written has been handed to the operating system, or the reader is gone. */
  async flush(): Promise<void> {
    if (this.#isGone) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#out.write("", () => resolve());
    });
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #leave(): void {
    this.#isGone = true;
    this.#release();
  }

  #release(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
