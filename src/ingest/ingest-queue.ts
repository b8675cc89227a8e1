import type { Clock } from "../lib/clock.ts";

/** Retry-After is whole seconds: at least one, and never so long that a producer gives up for a passing rush. */
const MIN_RETRY_SECONDS = 1;
const MAX_RETRY_SECONDS = 60;
/** Batches over which the drain rate is taken: enough to be smooth, few enough to follow a change. */
const RATE_BATCHES = 32;

/**
 * What waits for its run, over all runs, in bytes. From the high-water mark on it is full, and stays so until it has
 * drained to the low one: producers are turned away in one stretch, not batch by batch.
 */
export class IngestQueue {
  readonly limitBytes: number;
  readonly #lowBytes: number;
  readonly #clock: Clock;
  readonly #drained: { readonly atMs: number; readonly bytes: number }[] = [];
  #bytes = 0;
  #batches = 0;
  #isFull = false;

  constructor(limitBytes: number, lowBytes: number, clock: Clock) {
    this.limitBytes = limitBytes;
    this.#lowBytes = lowBytes;
    this.#clock = clock;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get batches(): number {
    return this.#batches;
  }

  /** A batch that begins; null when the queue is full. */
  enter(): QueuePlace | null {
    if (this.#isFull) return null;
    this.#batches++;
    let held = 0;
    let hasLeft = false;
    return {
      grow: (bytes) => {
        if (this.#bytes + bytes > this.limitBytes) {
          this.#isFull = true;
          return false;
        }
        held += bytes;
        this.#bytes += bytes;
        return true;
      },
      leave: (isTaken) => {
        if (hasLeft) return;
        hasLeft = true;
        this.#bytes -= held;
        this.#batches--;
        if (isTaken) this.#note(held);
        // With nothing left waiting there is nothing to drain, whatever the marks are.
        if (this.#bytes <= this.#lowBytes || this.#batches === 0) this.#isFull = false;
      },
    };
  }

  /** Seconds until the queue has drained to its low-water mark, at the rate at which it has drained lately. */
  retryAfterSeconds(): number {
    const oldest = this.#drained[0];
    if (oldest === undefined) return MIN_RETRY_SECONDS;
    const seconds = Math.max(0.001, (this.#clock.now() - oldest.atMs) / 1000);
    const rate = this.#drained.reduce((sum, { bytes }) => sum + bytes, 0) / seconds;
    const wait = Math.ceil(Math.max(0, this.#bytes - this.#lowBytes) / Math.max(1, rate));
    return Math.min(MAX_RETRY_SECONDS, Math.max(MIN_RETRY_SECONDS, wait));
  }

  #note(bytes: number): void {
    this.#drained.push({ atMs: this.#clock.now(), bytes });
    if (this.#drained.length > RATE_BATCHES) this.#drained.shift();
  }
}

export interface QueuePlace {
  /** More bytes of the batch; false when they do not fit, and the queue counts as full from then on. */
  grow(bytes: number): boolean;
  /** @param isTaken whether its run has worked on it, so that it counts for the drain rate */
  leave(isTaken: boolean): void;
}
