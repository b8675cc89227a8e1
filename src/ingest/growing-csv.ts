import type { CellValue } from "../protocol/frame.ts";
import { addRows, type Cells, parseCsv } from "./bundle-csv.ts";
import { BundleError } from "./bundle-error.ts";
import { type BundleFolder, type FileStamp, sha256Of } from "./bundle-files.ts";

const LF = 0x0a;

/**
 * A CSV that is still being written. States: *absent* (not there yet), *growing* (complete lines are taken as they
 * appear; the last line without an end is not complete), *whole* (nothing follows: its manifest's hash holds, or it has
 * none and the file rests).
 * A row that has been taken may not change: a file that is cut short and written anew is read again from its beginning
 * and compared.
 */
export class GrowingCsv {
  readonly file: string;
  readonly #folder: BundleFolder;
  readonly #cells = new Map<number, CellValue>();
  #stamp: FileStamp | null = null;
  #offset = 0;
  #lines = 0;
  #hasClass = false;
  #newestBin = -1;
  #isWhole = false;
  /** The file as it was when its bytes were last found not to be the listed ones. */
  #refused: FileStamp | null = null;

  constructor(folder: BundleFolder, file: string) {
    this.#folder = folder;
    this.file = file;
  }

  get cells(): Cells {
    return this.#cells;
  }
  get newestBin(): number {
    return this.#newestBin;
  }
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Whether the bin has its row, or never will: rows are written in order, so a row beyond it says that it is a gap. */
  hasPassed(bin: number): boolean {
    return this.#isWhole || this.#newestBin >= bin;
  }

  /** Takes the lines that were completed since. Returns whether the file has changed. */
  async takeNewRows(bins: number | null): Promise<boolean> {
    if (this.#isWhole) return false;
    const stamp = await this.#folder.stat(this.file);
    const before = this.#stamp;
    if (stamp === null || sameStamp(stamp, before)) return stamp === null && before !== null;
    const isAppended = before !== null && stamp.inode === before.inode && stamp.bytes >= this.#offset;
    // One byte of overlap: the end of the last line taken must still be there.
    const from = isAppended ? Math.max(0, this.#offset - 1) : 0;
    const bytes = await this.#folder.readFrom(this.file, from);
    if (bytes === null) return true;
    if (from > 0 && bytes[0] !== LF) this.#takeAnew(await this.#folder.readFrom(this.file, 0), bins);
    else if (from > 0) this.#append(bytes.subarray(1), bins);
    else this.#takeAnew(bytes, bins);
    this.#stamp = stamp;
    return true;
  }

  /**
   * Takes the rest of a file that is finished, the last line without an end included.
   * @param sha256 what its bytes must be; null: whatever they are now
   * @returns false when the bytes are not those yet
   */
  async finish(sha256: string | null, bins: number | null): Promise<boolean> {
    if (this.#isWhole) return true;
    const stamp = await this.#folder.stat(this.file);
    if (stamp === null || sameStamp(stamp, this.#refused)) return false;
    const bytes = await this.#folder.read(this.file);
    if (bytes === null) return false;
    if (sha256 !== null && sha256Of(bytes) !== sha256) {
      this.#refused = stamp;
      return false;
    }
    this.#compareAndTake(bytes.toString("utf8"), bins, true);
    this.#isWhole = true;
    return true;
  }

  #append(bytes: Uint8Array, bins: number | null): void {
    const complete = bytes.subarray(0, bytes.lastIndexOf(LF) + 1);
    if (complete.length === 0) return;
    const text = Buffer.from(complete).toString("utf8");
    const part = { file: this.file, linesBefore: this.#lines, bins, hasClass: this.#hasClass };
    const { rows, hasClass } = parseCsv(text, part);
    this.#add(rows);
    this.#hasClass = hasClass;
    this.#offset += complete.length;
    this.#lines += countLines(complete);
  }

  #takeAnew(bytes: Uint8Array | null, bins: number | null): void {
    if (bytes === null) return;
    const complete = bytes.subarray(0, bytes.lastIndexOf(LF) + 1);
    this.#offset = complete.length;
    this.#lines = countLines(complete);
    if (complete.length > 0) this.#compareAndTake(Buffer.from(complete).toString("utf8"), bins, false);
  }

  #compareAndTake(text: string, bins: number | null, isAll: boolean): void {
    const { rows, hasClass } = parseCsv(text, { file: this.file, linesBefore: 0, bins });
    this.#hasClass = hasClass;
    const found = new Map<number, CellValue>();
    addRows(found, rows, this.file);
    for (const [bin, value] of this.#cells) {
      const now = found.get(bin);
      if (now === undefined ? isAll : !Object.is(now, value)) throw this.#changed(bin, value, now);
    }
    this.#add(rows.filter((row) => !this.#cells.has(row.bin)));
  }

  #add(rows: Parameters<typeof addRows>[1]): void {
    addRows(this.#cells, rows, this.file);
    for (const row of rows) this.#newestBin = Math.max(this.#newestBin, row.bin);
  }

  #changed(bin: number, taken: CellValue, now: CellValue | undefined): BundleError {
    const shown = (value: CellValue) => (value === null ? "no value" : String(value));
    return new BundleError(
      "rows_changed",
      `${this.file} was rewritten: bin ${bin} was ${shown(taken)} when it was sent and ` +
        `${now === undefined ? "has no row any more" : `is ${shown(now)} now`}. Feed the finished bundle into a new run.`,
      { facts: { file: this.file, bin } },
    );
  }
}

function sameStamp(a: FileStamp, b: FileStamp | null): boolean {
  return b !== null && a.bytes === b.bytes && a.modifiedMs === b.modifiedMs && a.inode === b.inode;
}

function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) lines++;
  return lines;
}
