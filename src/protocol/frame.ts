/**
 * Telemetry as a producer sends it: NDJSON, one frame a line (design/live-runs.md §4).
 * A *cell* is one value of one bound series in one bin; a telemetry frame carries one or more.
 */

/** JSON has no NaN and no infinities, so they travel as words. `null` states that there is no value: the cell is NaN. */
export type CellValue = number | null | "NaN" | "Infinity" | "-Infinity";

/** Where in time a frame belongs. Exactly one of the two is given; a timestamp names the bin it falls into. */
export interface FrameTime {
  readonly binIndex?: number;
  readonly timestampUtc?: string;
}

export interface TelemetryFrame extends FrameTime {
  readonly type: "telemetry";
  /** A topology node and its roles (`arrivals`, `served`, `errors`, `queueDepth`, …), or … */
  readonly nodeId?: string;
  readonly classId?: string;
  readonly metrics?: Readonly<Record<string, CellValue>>;
  /** … one series by its own id. */
  readonly seriesId?: string;
  readonly value?: CellValue;
  /** A higher revision replaces the cell of an open bin. Default 0. */
  readonly revision?: number;
}

/** Everything up to and including this bin is known to be complete. */
export interface WatermarkFrame extends FrameTime {
  readonly type: "watermark";
}

/** No telemetry follows: bins with any cell are sealed, then the run is completed. */
export interface EndFrame {
  readonly type: "end";
}

/**
 * A change of the model while the run lives: every named input has its new value from `fromBin` on (design §4). The whole
 * of it takes effect, or nothing.
 */
export interface AdjustFrame {
  readonly type: "adjust";
  /** First bin the change applies to; it must not be sealed. Default: the oldest bin that is not. */
  readonly fromBin?: number;
  /** By name: a const series, `Node.role` for the const series a topology node names, `Node.initialDepth`, `Node.wipLimit`. */
  readonly set: Readonly<Record<string, number>>;
}

export type Frame = TelemetryFrame | WatermarkFrame | EndFrame | AdjustFrame;

/** Why a line was not taken. The table is closed; `docs/spec/http.md` lists it. */
export type FrameErrorCode =
  | "malformed"
  | "unknown_type"
  | "unknown_node"
  | "unknown_metric"
  | "unbound_series"
  | "bad_value"
  | "bad_time"
  | "beyond_horizon"
  | "conflict"
  | "late"
  | "too_late"
  | "bad_adjustment"
  | "run_ended"
  | "line_too_long";

export interface FrameError {
  /** 1-based line within the batch. */
  readonly line: number;
  readonly code: FrameErrorCode;
  readonly message: string;
}

/** One line of a batch after decoding: what it says, or why it says nothing. */
export type DecodedLine =
  | {
      readonly line: number;
      readonly frame: Frame;
      /** One line of JSON that means the frame, as far as it came as one: spares encoding it for the log. */
      readonly text?: string;
    }
  | { readonly line: number; readonly error: FrameError };

/** What became of a batch. Counts are of frames (lines), not of cells. */
export interface IngestAnswer {
  readonly accepted: number;
  readonly duplicates: number;
  readonly late: number;
  readonly rejected: number;
  /** At most `MAX_REPORTED_ERRORS` of them; `rejected` and `late` count all. */
  readonly errors: readonly FrameError[];
  /** Newest sealed bin, -1 before the first. */
  readonly sealedBin: number;
  /** Bins that hold cells and are not sealed. */
  readonly openBins: number;
  /** The accepted frames are in the log and fsynced. False only for a run kept in memory. */
  readonly durable: boolean;
}

/** Enough to find a pattern, few enough that a bad gigabyte does not answer with another. */
export const MAX_REPORTED_ERRORS = 100;

export function cellToNumber(value: CellValue): number {
  return value === null ? Number.NaN : typeof value === "number" ? value : Number(value);
}

export function numberToCell(value: number): CellValue {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? null : value > 0 ? "Infinity" : "-Infinity";
}

/**
 * One line of NDJSON, without its end. Unlike `JSON.stringify` it keeps the sign of a negative zero: `-0` is another
 * value than `0`, and what the run computes from it must not depend on the way it came.
 */
export function encodeFrame(frame: Frame): string {
  if (frame.type === "adjust") {
    const { set, ...rest } = frame;
    return `${JSON.stringify(rest).slice(0, -1)},"set":${encodeCells(set)}}`;
  }
  if (frame.type !== "telemetry") return JSON.stringify(frame);
  const { metrics, value, ...rest } = frame;
  const parts = [JSON.stringify(rest).slice(1, -1)];
  if (metrics !== undefined) {
    parts.push(`"metrics":${encodeCells(metrics)}`);
  }
  if (value !== undefined) parts.push(`"value":${encodeCell(value)}`);
  return `{${parts.join(",")}}`;
}

function encodeCells(cells: Readonly<Record<string, CellValue>>): string {
  const members = Object.entries(cells).map(([name, cell]) => `${JSON.stringify(name)}:${encodeCell(cell)}`);
  return `{${members.join(",")}}`;
}

function encodeCell(value: CellValue): string {
  return Object.is(value, -0) ? "-0" : JSON.stringify(value);
}
