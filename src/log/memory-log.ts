import type { RunId } from "../protocol/ids.ts";
import { decodeBatch, encodeBatch, noSuchPosition, positionDropped } from "./batch.ts";
import type { BlockingLog, BlockingLogStore } from "./blocking-log.ts";
import { LogError } from "./log-error.ts";
import { ProducerTable } from "./producer-table.ts";
import type { ChainMark, LogChunk, LogPosition, ProducerState } from "./telemetry-log.ts";

interface StoredChunk {
  readonly first: LogPosition;
  readonly count: number;
  readonly body: Uint8Array;
  readonly mark: ChainMark;
}

interface StoredRun {
  readonly meta: string;
  readonly chunks: StoredChunk[];
  readonly producers: ProducerTable;
  start: LogPosition;
  head: LogPosition;
  isOpen: boolean;
}

/**
 * Reference implementation, and the log of runs that need not outlive the process. Durable as long as the store is
 * held: a closed log can be opened again.
 */
export class MemoryLogStore implements BlockingLogStore {
  readonly #runs = new Map<RunId, StoredRun>();

  create(runId: RunId, meta: string): BlockingLog {
    if (this.#runs.has(runId)) {
      throw new LogError("log_exists", `run ${runId} already has a log; open it, or choose another run id`, { runId });
    }
    const run: StoredRun = { meta, chunks: [], producers: new ProducerTable(), start: 0, head: 0, isOpen: true };
    this.#runs.set(runId, run);
    return new MemoryLog(runId, run);
  }

  open(runId: RunId): BlockingLog {
    const run = this.#runs.get(runId);
    if (run === undefined) throw new LogError("log_not_found", `run ${runId} has no log`, { runId });
    if (run.isOpen) {
      throw new LogError("log_locked", `the log of run ${runId} is open elsewhere; close it there first`, { runId });
    }
    run.isOpen = true;
    return new MemoryLog(runId, run);
  }

  exists(runId: RunId): boolean {
    return this.#runs.has(runId);
  }

  list(): readonly RunId[] {
    return [...this.#runs.keys()].sort();
  }
}

class MemoryLog implements BlockingLog {
  readonly runId: RunId;
  readonly meta: string;
  readonly #run: StoredRun;
  #isClosed = false;

  constructor(runId: RunId, run: StoredRun) {
    this.runId = runId;
    this.meta = run.meta;
    this.#run = run;
  }

  append(records: readonly string[], mark: ChainMark, producers: readonly ProducerState[] = []): LogPosition {
    this.#mustBeOpen();
    const run = this.#run;
    if (records.length > 0) {
      const body = encodeBatch(this.runId, records);
      run.chunks.push({ first: run.head, count: records.length, body, mark: { ...mark } });
      run.head += records.length;
    }
    run.producers.put(producers);
    return run.head;
  }

  readFrom(position: LogPosition): Iterable<LogChunk> {
    // A copy of what is there now: appending and dropping meanwhile move the indices.
    return this.#read(this.#run.chunks.slice(this.#indexOf(position)));
  }

  *#read(chunks: readonly StoredChunk[]): Generator<LogChunk> {
    for (const { first, body, mark } of chunks) {
      this.#mustBeOpen();
      yield { first, records: decodeBatch(body), mark };
    }
  }

  producers(): readonly ProducerState[] {
    return this.#run.producers.all();
  }

  start(): LogPosition {
    return this.#run.start;
  }

  head(): LogPosition {
    return this.#run.head;
  }

  bytes(): number {
    return this.#run.chunks.reduce((sum, { body }) => sum + body.length, 0);
  }

  dropBefore(position: LogPosition): void {
    const index = this.#indexOf(position);
    this.#run.chunks.splice(0, index);
    this.#run.start = position;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#run.isOpen = false;
  }

  #indexOf(position: LogPosition): number {
    this.#mustBeOpen();
    const { chunks, head, start } = this.#run;
    if (position === head) return chunks.length;
    if (position >= 0 && position < start) throw positionDropped(this.runId, position, start);
    const index = chunks.findIndex(({ first }) => first === position);
    if (index < 0) throw noSuchPosition(this.runId, position, head);
    return index;
  }

  #mustBeOpen(): void {
    if (this.#isClosed) {
      throw new LogError("log_closed", `the log of run ${this.runId} is closed; open it again`, { runId: this.runId });
    }
  }
}
