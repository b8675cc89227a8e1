import { closeSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import path from "node:path";
import { BLOCK_BINS, type BlockStore } from "../engine/history.ts";
import { invariant } from "../lib/assert.ts";

/**
 * Bins that left the memory of a run, in a file: block after block of 64-bit numbers as they are in memory. It is scratch:
 * a restart fills it again from the log. So it has no name in the folder, and goes with the process that made it.
 */
export class RowFile implements BlockStore {
  /** For readers in other threads. */
  readonly descriptor: number;
  private readonly blockValues: number;

  /** @param width values of a bin */
  constructor(folder: string, name: string, width: number) {
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, name);
    this.descriptor = openSync(file, "w+");
    unlinkSync(file);
    this.blockValues = BLOCK_BINS * width;
  }

  write(block: number, rows: Float64Array): void {
    const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
    const written = writeSync(this.descriptor, bytes, 0, bytes.length, block * this.blockValues * 8);
    invariant(written === bytes.length, "a block is written whole");
  }

  read(block: number): Float64Array {
    return readRows(this.descriptor, block, this.blockValues);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

/** Reads a row file of this process that another thread writes. */
export function rowFileReader(descriptor: number, width: number): Pick<BlockStore, "read"> {
  return { read: (block) => readRows(descriptor, block, BLOCK_BINS * width) };
}

function readRows(descriptor: number, block: number, blockValues: number): Float64Array {
  const rows = new Float64Array(blockValues);
  const bytes = new Uint8Array(rows.buffer);
  const read = readSync(descriptor, bytes, 0, bytes.length, block * blockValues * 8);
  invariant(read === bytes.length, "a block is read whole");
  return rows;
}
