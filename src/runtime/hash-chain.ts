import { createHash } from "node:crypto";

const GENESIS = "flowtime hash chain 1";

/**
 * The chained SHA-256 over sealed bins. Link of bin b, revision r: SHA-256 of the previous link (32 bytes), b and r
 * (unsigned 32 bit each), and the value of every series in column order (64-bit IEEE, one bit pattern for NaN), all
 * little-endian. Equal chains mean bit-identical series.
 */
export class HashChain {
  private readonly links: Buffer[] = [];
  private readonly identity: string;
  private readonly genesis: Buffer;
  private readonly header = Buffer.alloc(8);
  private canonical = new Float64Array(0);

  /** @param identity what the run evaluates: model text and bound series, in one text; not its id or its epoch */
  constructor(identity: string) {
    this.identity = identity;
    this.genesis = createHash("sha256").update(`${GENESIS}\n${identity}`, "utf8").digest();
  }

  /** A chain of the same run without a bin. */
  begun(): HashChain {
    return new HashChain(this.identity);
  }

  /** Hash at a bin: 64 hex digits; the chain's beginning for -1. */
  at(bin: number): string {
    return (bin < 0 ? this.genesis : this.links[bin]!).toString("hex");
  }

  /** Appends the next bin. @param row values of the first `width` columns are hashed */
  append(row: Float64Array, width: number): string {
    this.links.push(this.link(this.links.length, 0, row, width));
    return this.links.at(-1)!.toString("hex");
  }

  /** Puts another link in the place of a bin's. Those after it are to be replaced too, in order. */
  replace(bin: number, revision: number, row: Float64Array, width: number): string {
    this.links[bin] = this.link(bin, revision, row, width);
    return this.links[bin].toString("hex");
  }

  private link(bin: number, revision: number, row: Float64Array, width: number): Buffer {
    if (this.canonical.length !== width) this.canonical = new Float64Array(width);
    const { canonical } = this;
    for (let column = 0; column < width; column++) {
      const value = row[column]!;
      canonical[column] = Number.isNaN(value) ? Number.NaN : value;
    }
    this.header.writeUInt32LE(bin, 0);
    this.header.writeUInt32LE(revision, 4);
    return createHash("sha256")
      .update(bin === 0 ? this.genesis : this.links[bin - 1]!)
      .update(this.header)
      .update(new Uint8Array(canonical.buffer))
      .digest();
  }
}
