import type { RunId } from "../protocol/ids.ts";
import type { ChainMark, LogChunk, LogPosition, ProducerState } from "./telemetry-log.ts";

/**
 * A log as the one thread sees it that holds its file. Calls return when the disk has answered; for the event loop there
 * is the port in telemetry-log.ts, whose promises are kept here.
 */
export interface BlockingLog {
  readonly runId: RunId;
  readonly meta: string;
  /** @throws LogError `log_full` (retryable), `log_read_only`, `log_io`, `log_closed`, `bad_record`, `batch_too_large` */
  append(records: readonly string[], mark: ChainMark, producers?: readonly ProducerState[]): LogPosition;
  /** @throws LogError `no_such_position`, `position_dropped` (at once), `log_damaged`, `log_closed` (while reading) */
  readFrom(position: LogPosition): Iterable<LogChunk>;
  producers(): readonly ProducerState[];
  start(): LogPosition;
  head(): LogPosition;
  bytes(): number;
  dropBefore(position: LogPosition): void;
  close(): void;
}

export interface BlockingLogStore {
  create(runId: RunId, meta: string): BlockingLog;
  open(runId: RunId): BlockingLog;
  exists(runId: RunId): boolean;
  list(): readonly RunId[];
}
