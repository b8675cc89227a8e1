import type { RunId } from "../protocol/ids.ts";
import type { BlockingLog, BlockingLogStore } from "./blocking-log.ts";
import type { ChainMark, LogChunk, LogPosition, LogStore, ProducerState, TelemetryLog } from "./telemetry-log.ts";

/** A blocking store behind the port, on the caller's own thread: for logs that take no time, such as those in memory. */
export class LocalLogStore implements LogStore {
  readonly #inner: BlockingLogStore;
  readonly #open = new Set<BlockingLog>();

  constructor(inner: BlockingLogStore) {
    this.#inner = inner;
  }

  async create(runId: RunId, meta: string): Promise<TelemetryLog> {
    return this.#wrap(this.#inner.create(runId, meta));
  }

  async open(runId: RunId): Promise<TelemetryLog> {
    return this.#wrap(this.#inner.open(runId));
  }

  async exists(runId: RunId): Promise<boolean> {
    return this.#inner.exists(runId);
  }

  async list(): Promise<readonly RunId[]> {
    return this.#inner.list();
  }

  async close(): Promise<void> {
    for (const log of this.#open) log.close();
  }

  #wrap(log: BlockingLog): TelemetryLog {
    this.#open.add(log);
    return new LocalLog(log);
  }
}

class LocalLog implements TelemetryLog {
  readonly runId: RunId;
  readonly meta: string;
  readonly #inner: BlockingLog;

  constructor(inner: BlockingLog) {
    this.runId = inner.runId;
    this.meta = inner.meta;
    this.#inner = inner;
  }

  async append(
    records: readonly string[],
    mark: ChainMark,
    producers?: readonly ProducerState[],
  ): Promise<LogPosition> {
    return this.#inner.append(records, mark, producers);
  }

  async *readFrom(position: LogPosition): AsyncGenerator<LogChunk> {
    yield* this.#inner.readFrom(position);
  }

  producers(): readonly ProducerState[] {
    return this.#inner.producers();
  }

  start(): LogPosition {
    return this.#inner.start();
  }

  head(): LogPosition {
    return this.#inner.head();
  }

  async bytes(): Promise<number> {
    return this.#inner.bytes();
  }

  async dropBefore(position: LogPosition): Promise<void> {
    this.#inner.dropBefore(position);
  }

  async close(): Promise<void> {
    this.#inner.close();
  }
}
