import type { RunId } from "../protocol/ids.ts";
import { decodeBatch, encodeBatch, noSuchPosition } from "./batch.ts";
import { LogError } from "./log-error.ts";
import type { ChainMark, LogChunk, LogPosition, LogStore, TelemetryLog } from "./telemetry-log.ts";

interface StoredRun {
  readonly meta: string;
  readonly chunks: {
    readonly first: LogPosition;
    readonly count: number;
    readonly body: Buffer;
    readonly mark: ChainMark;
  }[];
  isOpen: boolean;
}

/**
 * Reference implementation, and the log of runs that need not outlive the process. Durable as long as the store is
 * held: a closed log can be opened again.
 */
export class MemoryLogStore implements LogStore {
  readonly #runs = new Map<RunId, StoredRun>();

  create(runId: RunId, meta: string): TelemetryLog {
    if (this.#runs.has(runId)) {
      throw new LogError("log_exists", `run ${runId} already has a log; open it, or choose another run id`, { runId });
    }
    const run: StoredRun = { meta, chunks: [], isOpen: true };
    this.#runs.set(runId, run);
    return new MemoryLog(runId, run);
  }

  open(runId: RunId): TelemetryLog {
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

class MemoryLog implements TelemetryLog {
  readonly runId: RunId;
  readonly meta: string;
  readonly #run: StoredRun;
  #isClosed = false;

  constructor(runId: RunId, run: StoredRun) {
    this.runId = runId;
    this.meta = run.meta;
    this.#run = run;
  }

  append(records: readonly string[], mark: ChainMark): LogPosition {
    this.#mustBeOpen();
    const first = this.head();
    if (records.length === 0) return first;
    const body = encodeBatch(this.runId, records);
    this.#run.chunks.push({ first, count: records.length, body, mark: { ...mark } });
    return this.head();
  }

  readFrom(position: LogPosition): Iterable<LogChunk> {
    this.#mustBeOpen();
    const head = this.head();
    const start = position === head ? this.#run.chunks.length : this.#run.chunks.findIndex((c) => c.first === position);
    if (start === -1) throw noSuchPosition(this.runId, position, head);
    return this.#read(start, this.#run.chunks.length);
  }

  *#read(start: number, end: number): Generator<LogChunk> {
    for (let index = start; index < end; index++) {
      this.#mustBeOpen();
      const { first, body, mark } = this.#run.chunks[index]!;
      yield { first, records: decodeBatch(body), mark };
    }
  }

  head(): LogPosition {
    const last = this.#run.chunks.at(-1);
    return last === undefined ? 0 : last.first + last.count;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#run.isOpen = false;
  }

  #mustBeOpen(): void {
    if (this.#isClosed) {
      throw new LogError("log_closed", `the log of run ${this.runId} is closed; open it again`, { runId: this.runId });
    }
  }
}
