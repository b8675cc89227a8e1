/**
 * What the engine decides beside frames: on a clock, or because it was told to. It stands in the log like a frame, so a
 * replay needs no clock.
 */
export type ControlRecord = SealRecord | IdleRecord | AbortRecord;

/** The oldest bin that is not sealed has waited long enough. */
export interface SealRecord {
  readonly type: "seal";
  readonly binIndex: number;
}

/** Nobody waits for these inputs any more, until they are heard again. */
export interface IdleRecord {
  readonly type: "idle";
  /** Names of inputs: `id`, or `id@CLASS`. */
  readonly inputs: readonly string[];
}

/** No bin is sealed any more. */
export interface AbortRecord {
  readonly type: "abort";
}
