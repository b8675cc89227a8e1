import type {
  AdjustFrame,
  CellValue,
  DecodedLine,
  Frame,
  FrameError,
  FrameErrorCode,
  FrameTime,
  TelemetryFrame,
} from "../protocol/frame.ts";
import { LineSplitter, MAX_LINE_BYTES, type NdjsonLine } from "./ndjson.ts";

export interface DecodeLimits {
  /** Longest line in bytes of UTF-8. */
  readonly maxLineBytes: number;
}

export const DEFAULT_DECODE_LIMITS: DecodeLimits = { maxLineBytes: MAX_LINE_BYTES };

const KNOWN_TYPES = "telemetry, watermark, adjust, end";
/** Enough of an offending value to recognise it. */
const MAX_QUOTED_CHARACTERS = 60;
const WORDS_FOR_NUMBERS: ReadonlySet<unknown> = new Set(["NaN", "Infinity", "-Infinity"]);
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$/;

/** Thrown and caught inside this file only: callers get the error as data. */
class Refusal extends Error {
  readonly code: FrameErrorCode;
  constructor(code: FrameErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Every line of an NDJSON body as a frame or an error, in order; blank lines are left out. Never throws. Checks form
 * only: whether a node, series or bin exists is the run's to say.
 */
export function decodeFrames(
  body: string | Uint8Array,
  limits: DecodeLimits = DEFAULT_DECODE_LIMITS,
): readonly DecodedLine[] {
  const splitter = new LineSplitter(limits.maxLineBytes);
  const bytes = typeof body === "string" ? Buffer.from(body, "utf8") : body;
  const lines = splitter.push(bytes);
  lines.push(...splitter.end());
  return lines.map((line) => decodeLine(line, limits));
}

/** One frame by its fields, wherever they were read from. Never throws. */
export function decodeFields(line: number, fields: Readonly<Record<string, unknown>>): DecodedLine {
  try {
    return { line, frame: frameOf(fields) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { line, error: { line, code: error.code, message: error.message } };
  }
}

/** One line. Never throws. */
export function decodeLine(source: NdjsonLine, limits: DecodeLimits = DEFAULT_DECODE_LIMITS): DecodedLine {
  const { line } = source;
  if ("fault" in source) {
    const error: FrameError =
      source.fault === "too_long"
        ? {
            line,
            code: "line_too_long",
            message: `The line has ${source.bytes} bytes; at most ${limits.maxLineBytes} are taken.`,
          }
        : { line, code: "malformed", message: "The line is not UTF-8 text." };
    return { line, error };
  }
  const { text } = source;
  try {
    const frame = frameOf(parseObject(text));
    // Times are brought into one form, and a record of the log is one line.
    const isPlaced = frame.type === "end" || frame.type === "adjust" || frame.binIndex !== undefined;
    const isRecord = isPlaced && !text.includes("\n");
    return isRecord ? { line, frame, text } : { line, frame };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { line, error: { line, code: error.code, message: error.message } };
  }
}

/**
 * A frame's timestamp in the form that every reader understands alike: ISO-8601 with date, time of day and offset.
 * Without an offset it is UTC, as `grid.start` is. Null when the text is no such time.
 */
function canonicalTimestamp(text: string): string | null {
  const match = TIMESTAMP.exec(text);
  if (match === null) return null;
  const canonical = `${text.replace(",", ".")}${match[3] === undefined ? "Z" : ""}`;
  if (Number.isNaN(Date.parse(canonical))) return null;
  // `Date.parse` moves 30 February on to March; a day that does not exist is a mistake of the producer's.
  const day = text.slice(0, 10);
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day) ? canonical : null;
}

type Fields = Readonly<Record<string, unknown>>;

function parseObject(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Refusal("malformed", `The line is not JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Refusal("malformed", `A frame is a JSON object, not ${quote(value)}.`);
  }
  return value as Fields;
}

function frameOf(fields: Fields): Frame {
  const type = own(fields, "type");
  switch (type) {
    case "telemetry":
      return telemetryOf(fields);
    case "watermark":
      return { type, ...timeOf(fields) };
    case "end":
      return { type };
    case "adjust":
      return adjustOf(fields);
    case undefined:
      throw new Refusal("unknown_type", `The frame has no 'type'. Known types: ${KNOWN_TYPES}.`);
    default:
      throw new Refusal("unknown_type", `Unknown frame type ${quote(type)}. Known types: ${KNOWN_TYPES}.`);
  }
}

function adjustOf(fields: Fields): AdjustFrame {
  const fromBin = own(fields, "fromBin");
  if (fromBin !== undefined && !isCount(fromBin)) {
    throw new Refusal("bad_time", `'fromBin' must be a whole number from 0, not ${quote(fromBin)}.`);
  }
  const set = own(fields, "set");
  if (typeof set !== "object" || set === null || Array.isArray(set) || Object.keys(set).length === 0) {
    throw new Refusal(
      "malformed",
      "An adjust frame needs 'set': an object of numbers by the name of what they change.",
    );
  }
  for (const [target, value] of Object.entries(set)) {
    if (typeof value === "number" && Number.isFinite(value)) continue;
    throw new Refusal("bad_value", `The new value of '${target}' must be a finite number, not ${quote(value)}.`);
  }
  return { type: "adjust", ...(fromBin === undefined ? {} : { fromBin }), set: set as Record<string, number> };
}

function telemetryOf(fields: Fields): TelemetryFrame {
  const time = timeOf(fields);
  const revision = revisionOf(own(fields, "revision"));
  const byNode = own(fields, "nodeId") !== undefined || own(fields, "metrics") !== undefined;
  const bySeries = own(fields, "seriesId") !== undefined || own(fields, "value") !== undefined;
  if (byNode === bySeries) {
    throw new Refusal(
      "malformed",
      byNode
        ? "A telemetry frame has either 'nodeId' with 'metrics' or 'seriesId' with 'value', not both."
        : "A telemetry frame needs 'nodeId' with 'metrics', or 'seriesId' with 'value'.",
    );
  }
  if (bySeries) {
    const seriesId = name(fields, "seriesId");
    const value = own(fields, "value");
    if (value === undefined) throw new Refusal("malformed", `The frame of series '${seriesId}' has no 'value'.`);
    return { type: "telemetry", ...time, seriesId, value: cell(value, `series '${seriesId}'`), ...revision };
  }
  const nodeId = name(fields, "nodeId");
  const classId = own(fields, "classId") === undefined ? {} : { classId: name(fields, "classId") };
  return { type: "telemetry", ...time, nodeId, ...classId, metrics: metricsOf(fields, nodeId), ...revision };
}

function metricsOf(fields: Fields, nodeId: string): Readonly<Record<string, CellValue>> {
  const metrics = own(fields, "metrics");
  if (typeof metrics !== "object" || metrics === null || Array.isArray(metrics)) {
    throw new Refusal("malformed", `'metrics' of node '${nodeId}' must be an object of numbers by metric name.`);
  }
  // The object is ours: it comes from the parser, with nothing inherited that could be enumerated.
  let isEmpty = true;
  for (const metric in metrics) {
    isEmpty = false;
    const value = (metrics as Fields)[metric];
    if (typeof value !== "number" || !Number.isFinite(value)) cell(value, `metric '${metric}' of node '${nodeId}'`);
  }
  if (isEmpty) throw new Refusal("malformed", `'metrics' of node '${nodeId}' is empty.`);
  return metrics as Readonly<Record<string, CellValue>>;
}

function timeOf(fields: Fields): FrameTime {
  const binIndex = own(fields, "binIndex");
  const timestampUtc = own(fields, "timestampUtc");
  if ((binIndex === undefined) === (timestampUtc === undefined)) {
    throw new Refusal(
      "bad_time",
      binIndex === undefined
        ? "The frame needs 'binIndex' or 'timestampUtc'."
        : "The frame has both 'binIndex' and 'timestampUtc'; it must have one.",
    );
  }
  if (binIndex !== undefined) {
    if (!isCount(binIndex)) {
      throw new Refusal("bad_time", `'binIndex' must be a whole number from 0, not ${quote(binIndex)}.`);
    }
    return { binIndex };
  }
  const canonical = typeof timestampUtc === "string" ? canonicalTimestamp(timestampUtc) : null;
  if (canonical === null) {
    throw new Refusal(
      "bad_time",
      `'timestampUtc' must be ISO-8601 such as 2025-10-07T01:00:00Z, not ${quote(timestampUtc)}.`,
    );
  }
  return { timestampUtc: canonical };
}

function cell(value: unknown, what: string): CellValue {
  if (typeof value === "number") {
    // JSON text such as 1e999 is a number beyond a double; infinity must be meant, so it is written as a word.
    if (Number.isFinite(value)) return value;
    throw new Refusal("bad_value", `The value of ${what} is beyond a 64-bit float; write "Infinity" if that is meant.`);
  }
  if (value === null || WORDS_FOR_NUMBERS.has(value)) return value as CellValue;
  throw new Refusal(
    "bad_value",
    `The value of ${what} must be a number, null, "NaN", "Infinity" or "-Infinity", not ${quote(value)}.`,
  );
}

function revisionOf(value: unknown): { readonly revision?: number } {
  if (value === undefined) return {};
  if (!isCount(value)) throw new Refusal("bad_value", `'revision' must be a whole number from 0, not ${quote(value)}.`);
  return { revision: value };
}

function name(fields: Fields, key: string): string {
  const value = own(fields, key);
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new Refusal(
    "malformed",
    `'${key}' must be a text that is not empty${value === undefined ? "" : `, not ${quote(value)}`}.`,
  );
}

/** A field of the frame itself: names such as `constructor` must not find what every object inherits. */
function own(fields: Fields, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_QUOTED_CHARACTERS ? `${text.slice(0, MAX_QUOTED_CHARACTERS)}…` : text;
}
