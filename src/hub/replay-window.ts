import { invariant } from "../lib/assert.ts";
import type { NumberedEvent } from "../protocol/run-event.ts";

/** An event with its bytes on the wire, encoded once for everyone without a filter. */
export interface RetainedEvent {
  readonly seq: number;
  readonly event: NumberedEvent;
  readonly bytes: Buffer;
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
    this.#bytes += retained.bytes.length;
    while (this.#bytes > this.#maxBytes && this.#firstRetained < this.#head) this.#evict();
  }

  /** The event of that number, undefined when it is gone or yet to come. */
  get(seq: number): RetainedEvent | undefined {
    return seq >= this.#firstRetained && seq <= this.#head ? this.#slots[seq % this.#slots.length] : undefined;
  }

  #evict(): void {
    const slot = this.#firstRetained % this.#slots.length;
    this.#bytes -= this.#slots[slot]!.bytes.length;
    this.#slots[slot] = undefined;
    this.#firstRetained++;
  }
}
