import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { PAGE_BYTES } from "./schema.ts";

/**
 * SQLite reads a write-ahead log up to the first frame whose checksum is wrong and silently forgets the rest: right
 * for the torn end of a crash, wrong for a flipped bit in the middle, behind which acknowledged batches would vanish.
 * A commit is flushed before the next one is written, so a crash tears the newest commit at most. Two commits from
 * a bad frame on can therefore only be damage. (A bad frame in the newest commit looks like a torn one and is taken so.)
 *
 * Frames left over from before the log was last restarted carry other salts and are not counted.
 * Layout: https://www.sqlite.org/fileformat2.html#walformat
 * @returns null when fine or just torn, else what is wrong
 */
export function findWalDamage(walFile: string): string | null {
  if (!existsSync(walFile)) return null;
  const descriptor = openSync(walFile, "r");
  try {
    return scan((buffer, at) => readSync(descriptor, buffer, 0, buffer.length, at) === buffer.length);
  } finally {
    closeSync(descriptor);
  }
}

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;

function scan(readAt: (buffer: Buffer, at: number) => boolean): string | null {
  const header = Buffer.alloc(HEADER_BYTES);
  if (!readAt(header, 0)) return null;
  const magic = header.readUInt32BE(0);
  const sum = new WalChecksum((magic & 1) === 1);
  sum.add(header.subarray(0, 24));
  const isHeaderGood = (magic & ~1) === MAGIC && sum.equals(header, 24);
  if (isHeaderGood && header.readUInt32BE(8) !== PAGE_BYTES) return `its pages are not of ${PAGE_BYTES} bytes`;

  const frame = Buffer.alloc(FRAME_HEADER_BYTES + PAGE_BYTES);
  let salts = header.subarray(16, 24);
  let badFrame: number | null = isHeaderGood ? null : 0;
  let commits = 0;
  for (let number = 1; readAt(frame, HEADER_BYTES + (number - 1) * frame.length); number++) {
    if (!isHeaderGood && number === 1) salts = Buffer.from(frame.subarray(8, 16));
    const isOurs = salts.equals(frame.subarray(8, 16));
    if (badFrame === null) {
      sum.add(frame.subarray(0, 8));
      sum.add(frame.subarray(FRAME_HEADER_BYTES));
      if (isOurs && sum.equals(frame, 16)) continue;
      badFrame = number;
    }
    const isCommit = frame.readUInt32BE(4) !== 0;
    if (isOurs && isCommit) commits++;
  }
  if (commits < 2) return null;
  const where = isHeaderGood ? `frame ${badFrame}` : "the header";
  return `${where} has a wrong checksum, and ${commits} commits stand from there on`;
}

/** SQLite's running sum over pairs of 32-bit words. */
class WalChecksum {
  readonly #isBigEndian: boolean;
  #s0 = 0;
  #s1 = 0;

  constructor(isBigEndian: boolean) {
    this.#isBigEndian = isBigEndian;
  }

  add(bytes: Buffer): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const isLittleEndian = !this.#isBigEndian;
    for (let at = 0; at < bytes.length; at += 8) {
      this.#s0 = (this.#s0 + view.getUint32(at, isLittleEndian) + this.#s1) | 0;
      this.#s1 = (this.#s1 + view.getUint32(at + 4, isLittleEndian) + this.#s0) | 0;
    }
  }

  equals(bytes: Buffer, at: number): boolean {
    return this.#s0 === bytes.readInt32BE(at) && this.#s1 === bytes.readInt32BE(at + 4);
  }
}
