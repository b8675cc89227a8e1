import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { SnapshotReference } from "../../protocol/run.ts";
import { SnapshotError } from "../../snapshot/snapshot-error.ts";
import type { SnapshotRequest } from "../run-image.ts";
import type { SnapshotSink } from "../run-loop.ts";
import type { SnapshotFolders, SnapshotQuestion, SnapshotReply } from "./messages.ts";

interface Pending {
  readonly resolve: (reference: SnapshotReference | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Snapshots written by a thread of their own. It starts with the first and does not keep the process alive; one that dies is
 * told to who waits, and the next snapshot starts another.
 */
export class ThreadSnapshots implements SnapshotSink {
  readonly #folders: SnapshotFolders;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #questions = 0;

  constructor(folders: SnapshotFolders) {
    this.#folders = folders;
  }

  async write(request: SnapshotRequest): Promise<SnapshotReference> {
    return (await this.#ask({ op: "write", request }))!;
  }

  async remove(reference: SnapshotReference): Promise<void> {
    await this.#ask({ op: "remove", reference });
  }

  async sweep(): Promise<void> {
    await this.#ask({ op: "sweep" });
  }

  async forget(runId: string): Promise<void> {
    if (this.#worker !== null) await this.#ask({ op: "forget", runId });
  }

  /** Whatever is being written is finished before. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #ask(question: SnapshotQuestion): Promise<SnapshotReference | null> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const id = ++this.#questions;
    return new Promise((resolve, reject) => {
      if (this.#pending.size === 0) worker.ref();
      this.#pending.set(id, { resolve, reject });
      worker.postMessage({ id, question });
    });
  }

  #start(): Worker {
    const worker = new Worker(threadFile(), { workerData: this.#folders });
    worker.unref();
    worker.on("message", (reply: SnapshotReply) => {
      const pending = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      if (this.#pending.size === 0) worker.unref();
      if ("reference" in reply) pending?.resolve(reply.reference);
      else pending?.reject(refusalOf(reply.refusal));
    });
    worker.on("error", (error) => this.#fail(worker, error instanceof Error ? error.message : String(error)));
    worker.on("exit", () => this.#fail(worker, "it ended"));
    return worker;
  }

  #fail(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of waiting) reject(new Error(`the thread of the snapshots failed: ${reason}`));
  }
}

function refusalOf({ code, message, retryable }: Extract<SnapshotReply, { refusal: unknown }>["refusal"]): Error {
  return code === null ? new Error(message) : new SnapshotError(code, message, { retryable });
}

/** Beside this file as source and in the library; at the root of the bundled command line. */
function threadFile(): string {
  const here = fileURLToPath(import.meta.url);
  const beside = path.join(path.dirname(here), `snapshot-thread${path.extname(here)}`);
  return existsSync(beside) ? beside : path.join(path.dirname(here), "..", "snapshot-thread.js");
}
