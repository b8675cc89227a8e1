import { createHash, type Hash } from "node:crypto";
import { SERIES_HEADER, type SeriesEncoder, seriesRows } from "./series-file.ts";
import { hashText } from "./text-file.ts";

/** Room for rows to come, so that a series is not copied each time it grows: a third more. */
const GROWTH = 1.33;

interface Grown {
  bins: number;
  bytes: Buffer;
  length: number;
  readonly hash: Hash;
}

/**
 * Encodes series that grow between one snapshot and the next: rows that were encoded before are not encoded again, nor
 * hashed again. What it hands out stays as it is while series only grow.
 */
export class GrowingSeries implements SeriesEncoder {
  private readonly series = new Map<string, Grown>();
  private held = 0;

  /** Most bins that a series was encoded with. */
  get bins(): number {
    return Math.max(0, ...[...this.series.values()].map(({ bins }) => bins));
  }

  /** Bytes it holds. */
  get bytes(): number {
    return this.held;
  }

  /** Forgets everything: bins before the newest have changed. */
  clear(): void {
    this.series.clear();
    this.held = 0;
  }

  encode(id: string, values: Float64Array): { readonly bytes: Uint8Array; readonly hash: string } {
    const known = this.series.get(id);
    const grown = known !== undefined && known.bins <= values.length ? known : this.begin(id);
    if (grown.bins < values.length) this.grow(grown, seriesRows(values, grown.bins));
    grown.bins = values.length;
    return { bytes: grown.bytes.subarray(0, grown.length), hash: hashText(grown.hash.copy()) };
  }

  private begin(id: string): Grown {
    this.held -= this.series.get(id)?.bytes.length ?? 0;
    const grown = { bins: 0, bytes: Buffer.alloc(0), length: 0, hash: createHash("sha256") };
    this.series.set(id, grown);
    this.grow(grown, SERIES_HEADER);
    return grown;
  }

  private grow(grown: Grown, more: Buffer): void {
    const length = grown.length + more.length;
    if (length > grown.bytes.length) {
      const bytes = Buffer.allocUnsafeSlow(Math.ceil(length * GROWTH));
      grown.bytes.copy(bytes, 0, 0, grown.length);
      this.held += bytes.length - grown.bytes.length;
      grown.bytes = bytes;
    }
    more.copy(grown.bytes, grown.length);
    grown.length = length;
    grown.hash.update(more);
  }
}
