export interface QueueLimits<T> {
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly bytesOf: (item: T) => number;
}

/** Between one writer and one reader: the writer waits while it is full, the reader while it is empty. */
export class BoundedQueue<T> {
  readonly #limits: QueueLimits<T>;
  #items: T[] = [];
  #bytes = 0;
  #isClosed = false;
  #failure: { readonly error: unknown } | null = null;
  #wakeReader: (() => void) | null = null;
  #wakeWriter: (() => void) | null = null;

  constructor(limits: QueueLimits<T>) {
    this.#limits = limits;
  }

  /** Waits for room. Fails with what `fail` was given. An item alone is taken whatever its size. */
  async put(item: T): Promise<void> {
    while (!this.tryPut(item)) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
  }

  /** As `put` when there is room; false, and nothing is done, when there is none. */
  tryPut(item: T): boolean {
    const { maxItems, maxBytes, bytesOf } = this.#limits;
    if (this.#failure !== null) throw this.#failure.error;
    if (this.#items.length >= maxItems || this.#bytes >= maxBytes) return false;
    this.#items.push(item);
    this.#bytes += bytesOf(item);
    this.#wake();
    return true;
  }

  /** What is there, at least one item; waits for it. Null when the queue is closed and empty. Fails as `put` does. */
  async take(maxItems: number, maxBytes: number): Promise<readonly T[] | null> {
    while (this.#failure === null && this.#items.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
    if (this.#items.length === 0) {
      if (this.#failure !== null) throw this.#failure.error;
      return null;
    }
    let count = 0;
    let bytes = 0;
    while (count < this.#items.length && count < maxItems) {
      const size = this.#limits.bytesOf(this.#items[count]!);
      if (count > 0 && bytes + size > maxBytes) break;
      bytes += size;
      count++;
    }
    const taken = this.#items.slice(0, count);
    this.#items = this.#items.slice(count);
    this.#bytes -= bytes;
    this.#wake();
    return taken;
  }

  /** Nothing follows. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /** Ends both sides; what is queued can still be taken. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeWriter?.();
    this.#wakeReader = null;
    this.#wakeWriter = null;
  }
}
