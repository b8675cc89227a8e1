import { invariant } from "../lib/assert.ts";

/** An event as it goes over the wire without a filter, made into bytes once, when the first one reads it. */
export class RetainedEvent {
  readonly seq: number;
  /** Its bytes on the wire. */
  readonly size: number;
  #text: string | null;
  #bytes: Buffer | null = null;

  constructor(seq: number, text: string) {
    this.seq = seq;
    this.size = Buffer.byteLength(text, "utf8");
    this.#text = text;
  }

  get bytes(): Buffer {
    if (this.#bytes === null) {
      this.#bytes = Buffer.from(this.#text!, "utf8");
      this.#text = null;
    }
    return this.#bytes;
  }
}

/**
 * The newest events of a run, without a hole, bounded in number and in bytes. The newest one is always kept.
 * Sequences: `firstRetained … head` are here; `firstRetained` is `head + 1` as long as nothing is.
 */
export class ReplayWindow {
  readonly #slots: (RetainedEvent | undefined)[];
  readonly #maxBytes: number;
  #head: number;
  #firstRetained: number;
  #bytes = 0;

  /** @param head sequence of the newest event before those pushed here */
  constructor(head: number, maxEvents: number, maxBytes: number) {
    invariant(maxEvents >= 1, "a replay window keeps at least one event");
    this.#slots = new Array(maxEvents);
    this.#maxBytes = maxBytes;
    this.#head = head;
    this.#firstRetained = head + 1;
  }

  get head(): number {
    return this.#head;
  }

  get firstRetained(): number {
    return this.#firstRetained;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(retained: RetainedEvent): void {
    invariant(retained.seq === this.#head + 1, `event ${retained.seq} follows event ${this.#head}`);
    if (retained.seq - this.#firstRetained === this.#slots.length) this.#evict();
    this.#slots[retained.seq % this.#slots.length] = retained;
    this.#head = retained.seq;
    this.#bytes += retained.size;
    while (this.#bytes > this.#maxBytes && this.#firstRetained < this.#head) this.#evict();
  }

  /** The event of that number, undefined when it is gone or yet to come. */
  get(seq: number): RetainedEvent | undefined {
    return seq >= this.#firstRetained && seq <= this.#head ? this.#slots[seq % this.#slots.length] : undefined;
  }

  #evict(): void {
    const slot = this.#firstRetained % this.#slots.length;
    this.#bytes -= this.#slots[slot]!.size;
    this.#slots[slot] = undefined;
    this.#firstRetained++;
  }
}
