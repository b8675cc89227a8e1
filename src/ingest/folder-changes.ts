import type { Clock } from "../lib/clock.ts";

/** Something in a folder changed. Returns the end of the watch. */
export type WatchFolder = (dir: string, onChange: () => void) => Promise<() => Promise<void>>;

/** Folders of a bundle are flat, but an alias may put a CSV one or two levels down. */
const WATCH_DEPTH = 3;

/** Watches with chokidar, which is loaded only here. */
export const watchWithChokidar: WatchFolder = async (dir, onChange) => {
  const { watch } = await import("chokidar");
  const watcher = watch(dir, { ignoreInitial: true, depth: WATCH_DEPTH, ignorePermissionErrors: true });
  watcher.on("all", onChange);
  // A watch that fails (too many watches, a network file system) leaves the rescan, which needs no events.
  watcher.on("error", onChange);
  await new Promise<void>((resolve) => {
    watcher.once("ready", resolve);
    watcher.once("error", () => resolve());
  });
  return () => watcher.close();
};

/**
 * Wakes its owner when the folder changes or `rescanMs` have passed, whichever is first: events of the file system
 * get lost, so the rescan is what is relied on and the events are what makes it quick.
 */
export class FolderChanges implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #rescanMs: number;
  readonly #signal: AbortSignal | undefined;
  #stop: () => Promise<void> = async () => {};
  #isDirty = false;
  #wake: (() => void) | null = null;

  private constructor(clock: Clock, rescanMs: number, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.#rescanMs = rescanMs;
    this.#signal = signal;
  }

  static async start(options: {
    readonly dir: string;
    readonly clock: Clock;
    readonly rescanMs: number;
    readonly watch: WatchFolder;
    readonly signal?: AbortSignal | undefined;
  }): Promise<FolderChanges> {
    const changes = new FolderChanges(options.clock, options.rescanMs, options.signal);
    changes.#stop = await options.watch(options.dir, () => {
      changes.#isDirty = true;
      changes.#wake?.();
    });
    return changes;
  }

  /** Returns at the next change, after `withinMs`, or when the signal aborts; at once if a change came meanwhile. */
  async next(withinMs: number = this.#rescanMs): Promise<void> {
    if (!this.#isDirty && this.#signal?.aborted !== true) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(withinMs, () => this.#wake?.());
        this.#wake = () => {
          this.#wake = null;
          cancel();
          this.#signal?.removeEventListener("abort", wake);
          resolve();
        };
        const wake = () => this.#wake?.();
        this.#signal?.addEventListener("abort", wake, { once: true });
      });
    }
    this.#isDirty = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}
