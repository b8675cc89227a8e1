import { closeSync, openSync } from "node:fs";
import { ReadStream } from "node:tty";
import { render } from "ink";
import type { RunView } from "../client/run-view.ts";
import type { StreamItem } from "../client/stream.ts";
import type { StreamState } from "../client/stream-state.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { type Cursor, formatCursor } from "../protocol/cursor.ts";
import type { SnapshotReference } from "../protocol/run.ts";
import { App } from "./app.tsx";
import { instantText } from "./format.ts";
import { chooseGlyphs } from "./glyphs.ts";
import { TuiModel } from "./model.ts";
import { PictureStore } from "./picture.ts";

/** What the screen needs of a stream. */
export interface TuiStream extends AsyncIterable<StreamItem> {
  readonly state: StreamState;
  readonly cursor: Cursor | null;
  close(): void;
}

export interface TuiOptions {
  readonly runId: string;
  readonly stream: TuiStream;
  /** Writes a snapshot and says where. */
  readonly checkpoint: () => Promise<SnapshotReference>;
  /** Newest snapshot at the start. */
  readonly snapshot: SnapshotReference | null;
  readonly stdout: NodeJS.WriteStream;
  readonly stdin: NodeJS.ReadStream;
  readonly hasColor: boolean;
  readonly ascii: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends the screen from outside. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

export interface TuiResult {
  /** `quit` by the person at the keyboard, `over` when the stream was and nobody could press a key, or from outside. */
  readonly reason: "quit" | "over" | "aborted";
  /** One paragraph for the primary screen. */
  readonly summary: string;
}

/** Shows a run until the person quits, `signal` aborts, or (without a keyboard) the stream is over. */
export async function runTui(options: TuiOptions): Promise<TuiResult> {
  const { stream, stdout } = options;
  const clock = options.clock ?? systemClock;
  const keyboard = openKeyboard(options.stdin);
  const store = new PictureStore(clock, options.snapshot);
  const ended = Promise.withResolvers<TuiResult["reason"]>();
  const glyphs = chooseGlyphs(options.ascii, options.env);
  const model = new TuiModel(store, { columns: stdout.columns, rows: stdout.rows }, (effect) => {
    if (effect === "quit") ended.resolve("quit");
    if (effect === "redraw") redraw();
    if (effect === "checkpoint") void checkpoint(options, model);
  });
  const view = () => <App model={model} glyphs={glyphs} hasColor={options.hasColor} hasKeys={keyboard !== null} />;
  const instance = render(view(), {
    stdout,
    stdin: keyboard?.stream ?? options.stdin,
    exitOnCtrlC: false,
    patchConsole: true,
    alternateScreen: true,
    incrementalRendering: true,
    interactive: true,
    maxFps: 15,
  });

  /** Resizing and foreign output leave things on the screen that Ink does not know of. */
  function redraw(): void {
    instance.clear();
    stdout.write("\u001b[2J\u001b[H");
    instance.rerender(view());
  }

  const abort = () => ended.resolve("aborted");
  options.signal.addEventListener("abort", abort);
  if (options.signal.aborted) abort();
  const fail = (error: unknown) => ended.reject(error);
  process.on("uncaughtException", fail);
  // A terminal that went away answers every write with EIO; the hang-up that follows ends us.
  const ignore = () => {};
  stdout.on("error", ignore);
  stdout.on("resize", redraw);
  instance.waitUntilExit().then(() => ended.resolve("quit"), fail);
  collect(stream, store).then(() => {
    if (keyboard === null) ended.resolve("over");
  }, fail);

  try {
    const reason = await ended.promise;
    return { reason, summary: summaryOf(options, store.picture().view) };
  } finally {
    stdout.off("resize", redraw);
    stream.close();
    store.stop();
    instance.unmount();
    await instance.waitUntilExit().catch(() => {});
    process.off("uncaughtException", fail);
    options.signal.removeEventListener("abort", abort);
    keyboard?.close();
    stdout.off("error", ignore);
  }
}

async function collect(stream: TuiStream, store: PictureStore): Promise<void> {
  for await (const item of stream) store.apply(item);
}

async function checkpoint(options: TuiOptions, model: TuiModel): Promise<void> {
  model.notice("writing a checkpoint", "dim");
  try {
    const { sealedBin, path } = await options.checkpoint();
    model.notice(`checkpoint of bin ${sealedBin}: ${path}`, "good");
  } catch (error) {
    const text = error instanceof Error ? error.message.split("\n")[0]! : String(error);
    model.notice(`no checkpoint: ${text}`, "bad");
  }
}

interface Keyboard {
  readonly stream: NodeJS.ReadStream;
  readonly close: () => void;
}

/** The terminal's keys, also when stdin is a pipe; null when there is no terminal to read from. */
function openKeyboard(stdin: NodeJS.ReadStream): Keyboard | null {
  if (stdin.isTTY) return { stream: stdin, close: () => {} };
  if (process.platform === "win32") return null;
  try {
    const descriptor = openSync("/dev/tty", "r");
    const stream = openStream(descriptor);
    return stream === null ? null : { stream, close: () => stream.destroy() };
  } catch {
    // No controlling terminal: the screen is shown all the same, it just cannot be steered.
    return null;
  }
}

function openStream(descriptor: number): ReadStream | null {
  try {
    return new ReadStream(descriptor);
  } catch {
    closeSync(descriptor);
    return null;
  }
}

/** What is worth keeping when the screen is gone. */
export function summaryOf(options: Pick<TuiOptions, "runId" | "stream">, view: RunView): string {
  const { runId, stream } = options;
  const bins = view.grid === null ? "" : ` of ${view.grid.bins}`;
  const newest = view.startUtc === null || view.sealedBin < 0 ? "" : `, the newest at ${instantText(view.startUtc)}`;
  const count = view.warnings.size;
  const lines = [`${runId}: ${view.state ?? "not reached"}, ${view.sealedBin + 1}${bins} bins sealed${newest}`];
  if (view.sealedBin >= 0) {
    const hash = view.hash === null ? "" : `, hash ${view.hash.slice(0, 16)}`;
    lines.push(`${count} active warning${count === 1 ? "" : "s"}${hash}`);
  }
  const checkpoint = view.checkpoints.at(-1);
  if (checkpoint !== undefined) lines.push(`Newest snapshot: ${checkpoint.path}`);
  const isOver = view.state === "completed" || view.state === "aborted" || view.state === "failed";
  if (!isOver && stream.cursor !== null) {
    lines.push(`Go on from here: flowtime stream runs ${runId} --since ${formatCursor(stream.cursor)}`);
  }
  return lines.join("\n");
}
