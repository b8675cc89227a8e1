/** `GET /v1/runs/{id}/explain`: how one value comes about. */
export interface Explanation {
  /** Name the series is asked for by. */
  readonly series: string;
  readonly binIndex: number;
  readonly kind: string;
  /** What the series is, in a few words. */
  readonly about: string;
  readonly value: ExplainedValue;
  /** The formula in the model's own words. */
  readonly formula: string;
  /** The same with numbers put in; evaluated it gives the value. */
  readonly numbers: string;
  readonly notes: readonly string[];
  readonly inputs: readonly ExplainedInput[];
  /** Whether inputs lack their explanation because the answer was full. */
  readonly isTruncated: boolean;
}

/** A number; those that JSON lacks as words; null where a metric has no value. */
export type ExplainedValue = number | "NaN" | "Infinity" | "-Infinity" | null;

export interface ExplainedInput {
  readonly name: string;
  readonly binIndex: number;
  readonly value: ExplainedValue;
  /** Null at the last level. */
  readonly explanation: Explanation | null;
}

/** What is asked of a run. */
export interface ExplainQuery {
  readonly series: string;
  /** Default: the newest sealed bin. */
  readonly bin?: number;
  /** Levels, from 1. Default 2. */
  readonly depth?: number;
}

/** `GET /v1/runs/{id}/explain` */
export interface ExplainAnswer {
  readonly schemaVersion: number;
  readonly runId: string;
  /** ISO-8601 UTC, null when the grid has no start. */
  readonly startUtc: string | null;
  readonly explanation: Explanation;
}
