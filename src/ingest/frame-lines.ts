import type { Frame, FrameError } from "../protocol/frame.ts";
import type { BindingRequest } from "../protocol/run.ts";
import { decodeLine } from "./decode.ts";
import { LineSplitter, type NdjsonLine } from "./ndjson.ts";

/** A line of frames that is to be sent, or that is no frame. */
export type FrameLine =
  | { readonly line: number; readonly text: string; readonly frame: Frame }
  | { readonly line: number; readonly text: string | null; readonly error: FrameError };

/** Lines looked at before the first bin is over. A bin of a model has far fewer frames. */
export const MAX_LOOKAHEAD_LINES = 10_000;

/** Frames of an NDJSON stream as their lines complete, checked for form; reading pauses while the consumer is busy. */
export async function* readFrameLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<FrameLine> {
  const splitter = new LineSplitter();
  for await (const chunk of input) {
    for (const line of splitter.push(chunk)) yield frameLineOf(line);
  }
  for (const line of splitter.end()) yield frameLineOf(line);
}

function frameLineOf(line: NdjsonLine): FrameLine {
  const decoded = decodeLine(line);
  const text = "text" in line ? line.text : null;
  return "frame" in decoded
    ? { line: line.line, text: text!, frame: decoded.frame }
    : { line: line.line, text, error: decoded.error };
}

/** What a frame feeds. */
export function bindingsOf(frame: Frame): readonly BindingRequest[] {
  if (frame.type !== "telemetry") return [];
  const { seriesId, nodeId, classId } = frame;
  if (seriesId !== undefined) return [seriesId];
  const ofClass = classId === undefined ? {} : { classId };
  return Object.keys(frame.metrics ?? {}).map((metric) => ({ nodeId: nodeId!, metric, ...ofClass }));
}

/** Bindings without repetition, in the order in which they came. */
export class BindingSet {
  readonly #bindings = new Map<string, BindingRequest>();

  add(frame: Frame): void {
    for (const binding of bindingsOf(frame)) this.#bindings.set(JSON.stringify(binding), binding);
  }

  get all(): readonly BindingRequest[] {
    return [...this.#bindings.values()];
  }
}

/**
 * Learns what a pipe feeds from its first bin: reads until a frame of another bin, a watermark or the end comes, at most
 * `MAX_LOOKAHEAD_LINES`. Nothing is lost: `lines` gives what was looked at, too.
 */
export async function peekFirstBin(
  input: AsyncIterator<FrameLine, unknown>,
): Promise<{ readonly bindings: readonly BindingRequest[]; readonly lines: AsyncGenerator<FrameLine> }> {
  const found = new BindingSet();
  const seen: FrameLine[] = [];
  let firstTime: string | null = null;
  while (seen.length < MAX_LOOKAHEAD_LINES) {
    const next = await input.next();
    if (next.done === true) break;
    seen.push(next.value);
    if (!("frame" in next.value)) continue;
    const { frame } = next.value;
    if (frame.type !== "telemetry") break;
    const time = String(frame.binIndex ?? frame.timestampUtc);
    firstTime ??= time;
    if (time !== firstTime) break;
    found.add(frame);
  }
  async function* lines(): AsyncGenerator<FrameLine> {
    yield* seen;
    for (let next = await input.next(); next.done !== true; next = await input.next()) yield next.value;
  }
  return { bindings: found.all, lines: lines() };
}
