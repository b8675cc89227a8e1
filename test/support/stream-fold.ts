import { parseCursor } from "../../src/protocol/cursor.ts";
import type { RunEvent, RunUpdate, Warning } from "../../src/protocol/run-event.ts";
import { SNAPSHOT_BINS, stateText } from "./counted-run.ts";
import { type SseBlock, SseParser } from "./sse-parser.ts";

/**
 * A subscriber's mind over all its connections: folds events into a state and throws at a hole, a double, a
 * reordering, an event out of place, or an id on an event that must not have one.
 */
export class StreamFold {
  #parser = new SseParser();
  #connection: "new" | "streaming" | "resetting" | "snapshot" | "over" = "new";
  #pinned: { readonly seq: number; readonly pages: number; seen: number } | null = null;
  #next: { bins: RunUpdate[]; sealedBin: number; hash: string } = { bins: [], sealedBin: -1, hash: "" };
  #bins: RunUpdate[] = [];
  #sealedBin = -1;
  #hash = "";
  #warnings = new Map<string, Warning>();
  /** Whether this connection may begin with frames: it resumed, or asked for `now`. */
  #expectsFrames = false;
  /** What to send as `Last-Event-ID`. */
  lastEventId: string | null = null;
  /** Names of the events of this connection, in order. */
  names: string[] = [];
  resets: string[] = [];
  bye: string | null = null;
  bins = 0;
  ids = 0;

  /** Of the newest event folded in, -1 without a state. */
  get seq(): number {
    return this.lastEventId === null ? -1 : parseCursor(this.lastEventId)!.seq;
  }

  get state(): string {
    return stateText(this.#sealedBin, this.#hash, this.#bins, this.#warnings.values());
  }

  /** Before the bytes of another connection. What a snapshot had told so far is forgotten. */
  connect(options: { readonly isResuming: boolean } = { isResuming: false }): void {
    this.#parser = new SseParser();
    this.#connection = "new";
    this.#pinned = null;
    this.#expectsFrames = options.isResuming;
    this.names = [];
    this.resets = [];
    this.bye = null;
  }

  take(bytes: Uint8Array): void {
    for (const block of this.#parser.push(bytes)) this.#block(block);
  }

  #block(block: SseBlock): void {
    if (this.#connection === "over") throw new Error("bytes after bye");
    if (block.event === null) {
      if (block.hasId) this.#id(block.lastEventId!);
      return;
    }
    const item = { event: block.event, data: JSON.parse(block.data) } as RunEvent;
    this.names.push(item.event);
    const mayHaveId = item.event === "bin" || item.event === "checkpoint" || item.event === "snapshot-end";
    if (block.hasId !== mayHaveId) throw new Error(`${item.event} ${block.hasId ? "has an" : "has no"} id`);
    if ((item.event === "hello") !== (this.#connection === "new")) throw new Error(`${item.event} out of place`);
    this.#fold(item, block.lastEventId);
  }

  #fold(item: RunEvent, id: string | null): void {
    switch (item.event) {
      case "hello":
        this.#connection = this.#expectsFrames ? "streaming" : "resetting";
        return;
      case "reset":
        this.resets.push(item.data.reason);
        this.#connection = "resetting";
        this.#pinned = null;
        return;
      case "snapshot-begin":
        if (this.#connection !== "resetting") throw new Error("a snapshot nobody asked for");
        this.#connection = "snapshot";
        this.#pinned = { seq: item.data.seq, pages: item.data.pages, seen: 0 };
        this.#next = { bins: [], sealedBin: item.data.sealedBin, hash: item.data.hash };
        return;
      case "snapshot-page":
        if (item.data.page !== this.#pinned?.seen) throw new Error(`page ${item.data.page} out of order`);
        this.#pinned.seen++;
        this.#next.bins.push(...item.data.bins);
        return;
      case "snapshot-end": {
        const pinned = this.#pinned;
        if (pinned === null || pinned.seen !== pinned.pages) throw new Error("a snapshot ended half-way");
        if (item.data.seq !== pinned.seq || item.data.hash !== this.#next.hash)
          throw new Error("a snapshot of two moments");
        ({ bins: this.#bins, sealedBin: this.#sealedBin, hash: this.#hash } = this.#next);
        this.#warnings = new Map(item.data.warnings.map((warning) => [warning.key, warning]));
        this.#connection = "streaming";
        this.#moveTo(id, item.data.seq);
        return;
      }
      case "bin":
        this.#numbered(id, item.data.seq);
        this.bins++;
        if (this.#hash !== "" && item.data.prevHash !== this.#hash) throw new Error("a break in the hash chain");
        this.#bins = [...this.#bins, item.data].slice(-SNAPSHOT_BINS);
        this.#sealedBin = item.data.binIndex;
        this.#hash = item.data.hash;
        for (const change of item.data.warnings) {
          if (change.action === "cleared") this.#warnings.delete(change.key);
          else this.#warnings.set(change.warning.key, change.warning);
        }
        return;
      case "checkpoint":
        this.#numbered(id, item.data.seq);
        return;
      case "progress":
        if (this.#connection !== "streaming") throw new Error("progress out of place");
        if (this.seq !== -1 && item.data.seq !== this.seq) throw new Error("progress of another position");
        return;
      case "bye":
        this.bye = item.data.code;
        this.#connection = "over";
    }
  }

  #numbered(id: string | null, seq: number): void {
    if (this.#connection !== "streaming") throw new Error(`event ${seq} while ${this.#connection}`);
    if (this.seq !== -1 && seq !== this.seq + 1) throw new Error(`event ${seq} came after ${this.seq}`);
    this.#moveTo(id, seq);
  }

  /** An id without an event: nothing happened, or what happened was filtered out. */
  #id(id: string): void {
    const { seq } = parseCursor(id)!;
    this.ids++;
    if (this.#connection !== "streaming") throw new Error(`id ${id} while ${this.#connection}`);
    if (this.seq !== -1 && seq !== this.seq && seq !== this.seq + 1) throw new Error(`id ${id} came after ${this.seq}`);
    // What the filter left out takes its place in the hash chain with it.
    if (seq !== this.seq) this.#hash = "";
    this.lastEventId = id;
  }

  #moveTo(id: string | null, seq: number): void {
    if (id === null || parseCursor(id)?.seq !== seq) throw new Error(`event ${seq} carries the id ${id}`);
    this.lastEventId = id;
  }
}
