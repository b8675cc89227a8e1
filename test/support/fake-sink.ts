import type { Sink, Subscription } from "../../src/hub/subscriber.ts";

/** A socket whose other end reads only when the test says so. Behaves as Node's streams do. */
export class FakeSink implements Sink {
  readonly #highWater: number;
  #unsent: Buffer[] = [];
  #needsDrain = false;
  subscription: Subscription | null = null;
  unsentBytes = 0;
  maxUnsentBytes = 0;
  writes = 0;
  isEnded = false;
  isDestroyed = false;

  constructor(highWater = Number.POSITIVE_INFINITY) {
    this.#highWater = highWater;
  }

  write(bytes: Buffer): boolean {
    if (this.isEnded || this.isDestroyed) throw new Error("write after end");
    this.writes++;
    this.#unsent.push(bytes);
    this.unsentBytes += bytes.length;
    this.maxUnsentBytes = Math.max(this.maxUnsentBytes, this.unsentBytes);
    const hasRoom = this.unsentBytes < this.#highWater;
    if (!hasRoom) this.#needsDrain = true;
    return hasRoom;
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  /** The peer reads up to that many bytes; the socket drains when nothing is left. */
  read(limit = Number.POSITIVE_INFINITY): Buffer {
    const all = Buffer.concat(this.#unsent);
    const read = all.subarray(0, Math.min(limit, all.length));
    const rest = all.subarray(read.length);
    this.#unsent = rest.length === 0 ? [] : [rest];
    this.unsentBytes = rest.length;
    if (rest.length === 0 && this.#needsDrain) {
      this.#needsDrain = false;
      this.subscription?.drained();
    }
    return read;
  }

  /** The peer reads until nothing more comes. */
  readAll(): Buffer {
    const parts: Buffer[] = [];
    for (let read = this.read(); read.length > 0; read = this.read()) parts.push(read);
    return Buffer.concat(parts);
  }
}
