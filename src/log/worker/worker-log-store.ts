import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { RunId } from "../../protocol/ids.ts";
import { LogError } from "../log-error.ts";
import type { SqliteLogStoreOptions } from "../sqlite/sqlite-log-store.ts";
import type { LogStore, TelemetryLog } from "../telemetry-log.ts";
import type { LogAnswers, LogQuestion, LogReply, LogRequest, OpenedLog, RequestOf } from "./messages.ts";
import { WorkerLog } from "./worker-log.ts";

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: LogError) => void;
}

/**
 * The SQLite logs of a folder, held by a thread of their own: a flush that takes its time holds up no other work of the
 * process (docs/adr/0019). The thread starts with the first request and does not keep the process alive while idle.
 */
export class WorkerLogStore implements LogStore {
  readonly #folder: string;
  readonly #options: SqliteLogStoreOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #open = new Set<WorkerLog>();
  #worker: Worker | null = null;
  #questions = 0;
  #isClosed = false;

  constructor(folder: string, options: SqliteLogStoreOptions = {}) {
    this.#folder = path.resolve(folder);
    this.#options = options;
  }

  async create(runId: RunId, meta: string): Promise<TelemetryLog> {
    return this.#wrap(runId, await this.ask({ op: "create", runId, meta }));
  }

  async open(runId: RunId): Promise<TelemetryLog> {
    return this.#wrap(runId, await this.ask({ op: "open", runId }));
  }

  exists(runId: RunId): Promise<boolean> {
    return this.ask({ op: "exists", runId });
  }

  list(): Promise<readonly RunId[]> {
    return this.ask({ op: "list" });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    await Promise.all([...this.#open].map((log) => log.close()));
    this.#isClosed = true;
    await this.#worker?.terminate();
  }

  /** One request to the thread; requests are answered in the order in which they were made. */
  ask<Op extends LogRequest["op"]>(
    request: RequestOf<Op>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<LogAnswers[Op]> {
    if (this.#isClosed) return Promise.reject(this.#gone("log_closed", "the store of the logs is closed"));
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const question: LogQuestion = { id: ++this.#questions, request };
    return new Promise<LogAnswers[Op]>((resolve, reject) => {
      if (this.#pending.size === 0) worker.ref();
      this.#pending.set(question.id, { resolve, reject });
      worker.postMessage(question, transfer);
    });
  }

  #start(): Worker {
    const worker = new Worker(workerFile(), { workerData: { folder: this.#folder, options: this.#options } });
    worker.unref();
    worker.on("message", (reply: LogReply) => {
      const pending = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      if (this.#pending.size === 0) worker.unref();
      if ("result" in reply) pending?.resolve(reply.result as never);
      else pending?.reject(new LogError(reply.refusal.code, reply.refusal.message, reply.refusal.facts));
    });
    worker.on("error", (error) => this.#fail(error instanceof Error ? error.message : String(error)));
    worker.on("exit", () => this.#fail("it ended"));
    return worker;
  }

  /** Nobody knows what reached the disk: whoever waits is told so, and the logs take nothing more. */
  #fail(reason: string): void {
    this.#isClosed = true;
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of waiting) reject(this.#gone("log_io", `the thread of the logs failed: ${reason}`));
  }

  #gone(code: "log_io" | "log_closed", what: string): LogError {
    return new LogError(code, `${what} (${this.#folder}); start the engine again`, { runId: "", file: this.#folder });
  }

  #wrap(runId: RunId, opened: OpenedLog): TelemetryLog {
    const log = new WorkerLog(this, runId, opened);
    this.#open.add(log);
    return log;
  }
}

/** Beside this file as source and in the library; at the root of the bundled command line. */
function workerFile(): string {
  const here = fileURLToPath(import.meta.url);
  const beside = path.join(path.dirname(here), `log-worker${path.extname(here)}`);
  return existsSync(beside) ? beside : path.join(path.dirname(here), "..", "log-worker.js");
}
