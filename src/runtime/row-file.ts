import { closeSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import path from "node:path";
import { BLOCK_BINS, type BlockStore } from "../engine/history.ts";
import { invariant } from "../lib/assert.ts";

/**
 * Bins that left the memory of a run, in a file: block after block of 64-bit numbers as they are in memory. It is scratch:
 * a restart fills it again from the log. So it has no name in the folder, and goes with the process that made it.
 */
export class RowFile implements BlockStore {
  private readonly descriptor: number;
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
    const rows = new Float64Array(this.blockValues);
    const bytes = new Uint8Array(rows.buffer);
    const read = readSync(this.descriptor, bytes, 0, bytes.length, block * this.blockValues * 8);
    invariant(read === bytes.length, "a block is read whole");
    return rows;
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
