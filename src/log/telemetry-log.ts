import type { RunId } from "../protocol/ids.ts";

/**
 * The durable log of runs: the single point of ordering. What changes a run's state is appended here first; state is
 * a fold over what stands here and over nothing else.
 *
 * Promises every adapter keeps (test/contract/log.test.ts):
 * - *Durable*: when `append` resolves, batch and producers survive the death of the process and of the machine.
 * - *Whole*: after any crash a batch is there with all its records and producers or not at all, and no earlier batch is
 *   missing.
 * - *Unchanged on failure*: when `append` rejects, a later append or open sees the log without the batch. The one
 *   exception is `log_io`: the disk answered with an error, so the batch may turn up after a reopening (it was never
 *   acknowledged), and this log object takes nothing more until it is reopened.
 * - *In order*: appends that are not waited for are written in the order of their calls.
 * - *Only what is durable*: readers, `head` and `producers` know nothing of a batch that is on its way.
 * - *One writer*: a log that is open cannot be opened again, in this process or another; death of the owner frees it.
 * - *Never guessed*: records come back exactly as given, or reading rejects with `log_damaged`.
 *
 * An append costs a disk flush (0.2–1.3 ms, far more on a busy disk), not on the caller's thread. The run's single writer
 * puts what came during one flush into the next append (runtime/group-commit.ts).
 */
export interface TelemetryLog {
  readonly runId: RunId;
  /** The JSON text given at creation, unchanged. */
  readonly meta: string;
  /**
   * Appends records (one line each, without the line end) as one batch, together with where producers stand after it.
   * Without records and producers nothing is written; producers alone are written without a batch.
   * @param mark head of the run's hash chain before these records are applied
   * @param producers new states; others stay as they are
   * @returns the new head
   * @throws LogError `log_full` (retryable), `log_read_only`, `log_io`, `log_closed`, `bad_record`, `batch_too_large`
   */
  append(records: readonly string[], mark: ChainMark, producers?: readonly ProducerState[]): Promise<LogPosition>;
  /**
   * The batches from `position` up to the head at the time of the call, in order, in bounded memory; appending while
   * reading is allowed.
   * @param position the start, the head, or what an `append` returned; batches are not cut in two
   * @throws LogError `no_such_position`, `position_dropped`, `log_damaged`, `log_closed`, all while reading
   */
  readFrom(position: LogPosition): AsyncIterable<LogChunk>;
  /** Producers as of the head, those heard longest ago first. */
  producers(): readonly ProducerState[];
  /** Position of the oldest record that is still there: 0 until something was dropped. */
  start(): LogPosition;
  /** Number of records ever appended, which is the position of the next one. */
  head(): LogPosition;
  /** Bytes the log takes on the disk. */
  bytes(): Promise<number>;
  /**
   * Drops all batches before `position` and gives their disk space back (retention.ts says how far one may go).
   * A crash meanwhile leaves them all or none.
   * @param position as for `readFrom`
   * @throws LogError `no_such_position`, `position_dropped`, `log_io`, `log_closed`
   */
  dropBefore(position: LogPosition): Promise<void>;
  /** Gives the log free for others, after the appends that are on their way. May be called twice. */
  close(): Promise<void>;
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

/** Where a producer stands: what fences it and de-duplicates its batches. Committed with the batch that moved it. */
export interface ProducerState {
  readonly id: string;
  readonly epoch: number;
  /** Number of its newest batch. */
  readonly seq: number;
  /** What the run's writer remembers of that batch, as JSON text; the log does not look into it. */
  readonly memo: string;
}

/** All runs' logs of one place. */
export interface LogStore {
  /**
   * A new, empty, open log. Readers of the store see it whole or not at all.
   * @param meta JSON text that describes the run, kept with the log
   * @throws LogError `log_exists`, `log_full`, `log_read_only`, `log_io`
   */
  create(runId: RunId, meta: string): Promise<TelemetryLog>;
  /** @throws LogError `log_not_found`, `log_locked` (retryable), `log_damaged`, `log_wrong_format`, `log_read_only` */
  open(runId: RunId): Promise<TelemetryLog>;
  exists(runId: RunId): Promise<boolean>;
  /** Ids of all runs with a log, sorted. */
  list(): Promise<readonly RunId[]>;
  /** Closes every log and frees what the store holds. May be called twice. */
  close(): Promise<void>;
}

/** A record is read back whole into one string, whose length V8 bounds at 512 Mi; a gateway's batch is far smaller. */
export const MAX_BATCH_BYTES = 64 * 1024 * 1024;
/**
 * Producers a log remembers; beyond, the one heard longest ago is forgotten. Each may hold an answer with a hundred error
 * messages (some 30 kB), so the bound is one of memory too.
 */
export const MAX_PRODUCERS = 1_000;
