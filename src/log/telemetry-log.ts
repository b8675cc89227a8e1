import type { RunId } from "../protocol/ids.ts";

/**
 * The durable log of runs: the single point of ordering. What changes a run's state is appended here first; state is
 * a fold over what stands here and over nothing else.
 *
 * Promises every adapter keeps (test/contract/log.test.ts):
 * - *Durable*: when `append` returns, the batch survives the death of the process and of the machine.
 * - *Whole*: after any crash a batch is there with all its records or not at all, and no earlier batch is missing.
 * - *Unchanged on failure*: when `append` throws, a later append or open sees the log without the batch. The one
 *   exception is `log_io`: the disk answered with an error, so the batch may turn up after a reopening (it was never
 *   acknowledged), and this log object takes nothing more until it is reopened.
 * - *One writer*: a log that is open cannot be opened again, in this process or another; death of the owner frees it.
 * - *Never guessed*: records come back exactly as given, or reading throws `log_damaged`.
 *
 * Calls are synchronous and cost a disk flush (0.2–1.3 ms): batch what belongs together.
 */
export interface TelemetryLog {
  readonly runId: RunId;
  /** The JSON text given at creation, unchanged. */
  readonly meta: string;
  /**
   * Appends records (one line each, without the line end) as one batch. An empty batch is no batch: nothing is written.
   * @param mark head of the run's hash chain before these records are applied
   * @returns the new head
   * @throws LogError `log_full` (retryable), `log_read_only`, `log_io`, `log_closed`, `bad_record`, `batch_too_large`
   */
  append(records: readonly string[], mark: ChainMark): LogPosition;
  /**
   * The batches from `position` up to the head at the time of the call, in order, read one at a time; appending while
   * reading is allowed.
   * @param position 0, the head, or what an `append` returned; batches are not cut in two
   * @throws LogError `no_such_position` (at once), `log_damaged`, `log_closed` (while reading)
   */
  readFrom(position: LogPosition): Iterable<LogChunk>;
  /** Number of records in the log, which is the position of the next one. */
  head(): LogPosition;
  /** Gives the log free for others. May be called twice. */
  close(): void;
}

/** Count of records before a place in the log: 0 at its beginning. */
export type LogPosition = number;

/** Newest sealed bin (-1 before the first) and the chained hash at it. */
export interface ChainMark {
  readonly sealedBin: number;
  readonly hash: string;
}

/** One batch as it was appended. */
export interface LogChunk {
  /** Position of the first record; that of the last one is `first + records.length - 1`. */
  readonly first: LogPosition;
  readonly records: readonly string[];
  readonly mark: ChainMark;
}

/** All runs' logs of one place. */
export interface LogStore {
  /**
   * A new, empty, open log. Readers of the store see it whole or not at all.
   * @param meta JSON text that describes the run, kept with the log
   * @throws LogError `log_exists`, `log_full`, `log_read_only`, `log_io`
   */
  create(runId: RunId, meta: string): TelemetryLog;
  /** @throws LogError `log_not_found`, `log_locked` (retryable), `log_damaged`, `log_wrong_format`, `log_read_only` */
  open(runId: RunId): TelemetryLog;
  exists(runId: RunId): boolean;
  /** Ids of all runs with a log, sorted. */
  list(): readonly RunId[];
}

/** A record is read back whole into one string, whose length V8 bounds at 512 Mi; a gateway's batch is far smaller. */
export const MAX_BATCH_BYTES = 64 * 1024 * 1024;
