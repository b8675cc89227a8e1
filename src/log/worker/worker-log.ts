import type { RunId } from "../../protocol/ids.ts";
import { decodeBatch, encodeBatch } from "../batch.ts";
import { LogError } from "../log-error.ts";
import { ProducerTable } from "../producer-table.ts";
import type { ChainMark, LogChunk, LogPosition, ProducerState, TelemetryLog } from "../telemetry-log.ts";
import type { LogAnswers, LogRequest, OpenedLog, RequestOf } from "./messages.ts";

/** Whoever passes requests on to the thread. */
export interface LogThread {
  ask<Op extends LogRequest["op"]>(request: RequestOf<Op>, transfer?: readonly ArrayBuffer[]): Promise<LogAnswers[Op]>;
}

/** One log of a `WorkerLogStore`: the side of the event loop, which knows what the thread has said is durable. */
export class WorkerLog implements TelemetryLog {
  readonly runId: RunId;
  readonly meta: string;
  readonly #thread: LogThread;
  readonly #opened: OpenedLog;
  readonly #producers: ProducerTable;
  #start: LogPosition;
  #head: LogPosition;
  #closing: Promise<void> | null = null;

  constructor(thread: LogThread, runId: RunId, opened: OpenedLog) {
    this.#thread = thread;
    this.runId = runId;
    this.meta = opened.meta;
    this.#opened = opened;
    this.#producers = new ProducerTable(opened.producers);
    this.#start = opened.start;
    this.#head = opened.head;
  }

  async append(
    records: readonly string[],
    mark: ChainMark,
    producers: readonly ProducerState[] = [],
  ): Promise<LogPosition> {
    this.#mustBeOpen();
    if (records.length === 0 && producers.length === 0) return this.#head;
    const { log } = this.#opened;
    const body = records.length === 0 ? null : encodeBatch(this.runId, records);
    const batch = body === null ? null : { count: records.length, body, mark };
    // Given away, not copied.
    const head = await this.#thread.ask({ op: "append", log, batch, producers }, body === null ? [] : [body.buffer]);
    this.#head = head;
    this.#producers.put(producers);
    return head;
  }

  async *readFrom(position: LogPosition): AsyncGenerator<LogChunk> {
    let from = position;
    let end: LogPosition | null = null;
    do {
      this.#mustBeOpen();
      const page: LogAnswers["read"] = await this.#thread.ask({ op: "read", log: this.#opened.log, from, end });
      for (const { first, body, mark } of page.chunks) {
        this.#mustBeOpen();
        yield { first, records: decodeBatch(body), mark };
      }
      from = page.next;
      end = page.end;
    } while (from < end);
  }

  producers(): readonly ProducerState[] {
    return this.#producers.all();
  }

  start(): LogPosition {
    return this.#start;
  }

  head(): LogPosition {
    return this.#head;
  }

  async bytes(): Promise<number> {
    this.#mustBeOpen();
    return this.#thread.ask({ op: "bytes", log: this.#opened.log });
  }

  async dropBefore(position: LogPosition): Promise<void> {
    this.#mustBeOpen();
    await this.#thread.ask({ op: "dropBefore", log: this.#opened.log, position });
    this.#start = position;
  }

  close(): Promise<void> {
    // With its thread gone, the lock is gone too.
    const closed = () => {};
    this.#closing ??= this.#thread.ask({ op: "close", log: this.#opened.log }).then(closed, closed);
    return this.#closing;
  }

  #mustBeOpen(): void {
    if (this.#closing === null) return;
    throw new LogError("log_closed", `the log of run ${this.runId} is closed; open it again`, {
      runId: this.runId,
      file: this.#opened.file,
    });
  }
}
