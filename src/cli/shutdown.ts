/** What may end a command from outside. */
export type EndReason = "SIGINT" | "SIGTERM" | "SIGHUP" | "reader_gone";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** After the reader of stdout went away, or at the end of a command, what still runs has this long. */
const GRACE_MS = 1_000;
/** One Ctrl-C comes twice when another process passes it on; within this time two are one. */
const REPEAT_MS = 200;

/** The part of `process` that this needs; tests pass their own. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  kill(pid: number, signal: NodeJS.Signals): unknown;
  readonly pid: number;
}

/**
 * The one path for everything that ends a command from outside. States: *running*, *ending* (the first signal, or the
 * reader of stdout gone: `signal` aborts and the command comes to rest), *forced* (a second signal: at once).
 * Death by a signal is passed on as such, so that a parent shell sees it.
 */
export class Shutdown {
  readonly #controller = new AbortController();
  readonly #source: SignalSource;
  readonly #say: (text: string) => void;
  readonly #now: () => number;
  #reason: EndReason | null = null;
  #firstMs = 0;

  /**
   * @param say tells the user, on stderr
   * @param now milliseconds of any clock
   */
  constructor(source: SignalSource, say: (text: string) => void, now: () => number) {
    this.#source = source;
    this.#say = say;
    this.#now = now;
  }

  /** Aborts at the first signal; `reason` of the abort is the `EndReason`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get reason(): EndReason | null {
    return this.#reason;
  }

  install(): void {
    for (const signal of SIGNALS) this.#source.on(signal, this.#onSignal);
  }

  /** The reader of stdout went away: nobody wants the rest, which is no failure. */
  readerGone(): void {
    this.#end("reader_gone");
  }

  /** Ends the process by the signal that asked for it, as if it had not been caught. Returns when there was none. */
  raise(): void {
    if (this.#reason === null || this.#reason === "reader_gone") return;
    this.#release();
    this.#source.kill(this.#source.pid, this.#reason);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#reason === null || this.#reason === "reader_gone") {
      this.#say(signal === "SIGINT" ? "stopping; Ctrl-C again stops at once" : "stopping");
      this.#firstMs = this.#now();
      this.#end(signal as EndReason);
      return;
    }
    if (this.#now() - this.#firstMs < REPEAT_MS) return;
    this.#release();
    this.#source.kill(this.#source.pid, signal);
  };

  #end(reason: EndReason): void {
    this.#reason = reason;
    if (!this.#controller.signal.aborted) this.#controller.abort(reason);
  }

  #release(): void {
    for (const signal of SIGNALS) this.#source.off(signal, this.#onSignal);
  }
}

/** Resolves when everything written to the stream so far has left it; also when nobody reads it any more. */
export function drained(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed || stream.writableEnded || stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("error", () => resolve());
    stream.write("", () => resolve());
  });
}

/** Ends the process soon if something forgotten still keeps it alive; output is drained by then. */
export function exitSoon(): void {
  setTimeout(() => process.exit(), GRACE_MS).unref();
}
