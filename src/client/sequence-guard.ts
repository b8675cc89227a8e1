import type { Cursor } from "../protocol/cursor.ts";
import type { RunEvent } from "../protocol/run-event.ts";

export type Verdict =
  /** Hand it on. `cursor` is the position once it is taken in, null when it does not move. */
  | { readonly kind: "take"; readonly cursor: Cursor | null; readonly by: "event" | "snapshot" }
  /** Seen before. */
  | { readonly kind: "repeat" }
  /** Breaks the protocol: the connection cannot be trusted any more. */
  | { readonly kind: "fault"; readonly message: string };

/**
 * Watches the order of events of one connection, so that whoever reads the stream sees every numbered event once and
 * in order, or a `reset` and a snapshot. One guard per connection, fed every event in order.
 */
export class SequenceGuard {
  readonly #runId: string;
  #epoch: string | null = null;
  #cursor: Cursor | null;
  /** `reset` was seen, the snapshot it promises was not. */
  #isResyncing = false;
  #snapshot: { readonly epoch: string; readonly seq: number; readonly pages: number; seen: number } | null = null;

  /** @param cursor position the connection resumes from, null for a fresh one */
  constructor(runId: string, cursor: Cursor | null) {
    this.#runId = runId;
    this.#cursor = cursor;
  }

  get cursor(): Cursor | null {
    return this.#cursor;
  }

  judge(item: RunEvent): Verdict {
    if (item.event === "hello") return this.#hello(item.data.runId, item.data.epoch);
    if (item.event === "bye") return take(null);
    if (this.#epoch === null) return fault(`"${item.event}" came before "hello"`);
    switch (item.event) {
      case "reset":
        this.#isResyncing = true;
        this.#snapshot = null;
        return take(null);
      case "snapshot-begin":
        return this.#begin(item.data.epoch, item.data.seq, item.data.pages);
      case "snapshot-page":
        return this.#page(item.data.page);
      case "snapshot-end":
        return this.#end(item.data.epoch, item.data.seq);
      case "bin":
      case "revision":
        if (item.data.runId !== this.#runId) return fault(`a bin of another run: ${item.data.runId}`);
        return this.#numbered(item.data.epoch, item.data.seq);
      case "adjustment":
      case "checkpoint":
        return this.#numbered(this.#epoch, item.data.seq);
      case "progress":
        return take(null);
    }
  }

  /** An id that came without an event: the frames up to it were not for us. */
  judgeId(cursor: Cursor): Verdict {
    if (this.#epoch === null) return fault("an id came before hello");
    if (cursor.epoch !== this.#epoch) return fault(`an id of epoch ${cursor.epoch} in epoch ${this.#epoch}`);
    if (this.#isResyncing || this.#snapshot !== null) return { kind: "repeat" };
    if (this.#cursor !== null && this.#cursor.epoch === cursor.epoch && cursor.seq <= this.#cursor.seq) {
      return { kind: "repeat" };
    }
    this.#cursor = cursor;
    return take(cursor);
  }

  #hello(runId: string, epoch: string): Verdict {
    if (runId !== this.#runId) return fault(`the stream is of another run: ${runId}`);
    if (this.#epoch !== null && this.#epoch !== epoch)
      return fault(`the epoch changed from ${this.#epoch} to ${epoch}`);
    this.#epoch = epoch;
    return take(null);
  }

  #begin(epoch: string, seq: number, pages: number): Verdict {
    if (epoch !== this.#epoch) return fault(`a snapshot of epoch ${epoch} in epoch ${this.#epoch}`);
    this.#snapshot = { epoch, seq, pages, seen: 0 };
    return take(null);
  }

  #page(page: number): Verdict {
    const snapshot = this.#snapshot;
    if (snapshot === null) return fault("a snapshot page outside a snapshot");
    snapshot.seen++;
    if (snapshot.seen > snapshot.pages) return fault(`page ${page} of a snapshot of ${snapshot.pages} pages`);
    return take(null);
  }

  #end(epoch: string, seq: number): Verdict {
    const snapshot = this.#snapshot;
    if (snapshot === null) return fault("the end of a snapshot that did not begin");
    if (snapshot.epoch !== epoch || snapshot.seq !== seq) {
      return fault(`a snapshot began at ${snapshot.epoch}.${snapshot.seq} and ended at ${epoch}.${seq}`);
    }
    if (snapshot.seen !== snapshot.pages) {
      return fault(`a snapshot of ${snapshot.pages} pages ended after ${snapshot.seen}`);
    }
    this.#snapshot = null;
    this.#isResyncing = false;
    this.#cursor = { epoch, seq };
    return { kind: "take", cursor: this.#cursor, by: "snapshot" };
  }

  #numbered(epoch: string, seq: number): Verdict {
    if (epoch !== this.#epoch) return fault(`an event of epoch ${epoch} in epoch ${this.#epoch}`);
    if (this.#isResyncing || this.#snapshot !== null) return fault(`event ${seq} came before the snapshot was whole`);
    const cursor = this.#cursor;
    if (cursor !== null) {
      if (cursor.epoch !== epoch) return fault(`epoch ${epoch} began without a reset (we are at ${cursor.epoch})`);
      if (seq <= cursor.seq) return { kind: "repeat" };
      if (seq > cursor.seq + 1) return fault(`a hole: event ${seq} came after ${cursor.seq}`);
    }
    this.#cursor = { epoch, seq };
    return take(this.#cursor);
  }
}

function take(cursor: Cursor | null): Verdict {
  return { kind: "take", cursor, by: "event" };
}

function fault(message: string): Verdict {
  return { kind: "fault", message };
}
