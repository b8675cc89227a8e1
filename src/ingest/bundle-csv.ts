import { CsvError, parse } from "csv-parse/sync";
import type { CellValue } from "../protocol/frame.ts";
import { BundleError } from "./bundle-error.ts";

/** Cells of one CSV by bin. A bin without an entry has no row: that is a gap, and not the same as an empty value. */
export type Cells = ReadonlyMap<number, CellValue>;

export interface CsvRow {
  readonly bin: number;
  readonly value: CellValue;
  /** Text of the class column; null in files without one. */
  readonly classId: string | null;
  /** 1-based line in the file. */
  readonly line: number;
}

export interface CsvPart {
  /** Name for messages. */
  readonly file: string;
  /** Lines of the file before `text`. 0: the text begins with the header. */
  readonly linesBefore: number;
  /** Bins of the grid, null when unknown: then any bin from 0 is taken. */
  readonly bins: number | null;
  /** Whether rows have a class column. Needed when the text begins after the header. */
  readonly hasClass?: boolean;
}

const HEADERS: Readonly<Record<string, boolean>> = { "bin_index,value": false, "bin_index,classid,value": true };
const INTEGER = /^[+-]?\d+$/;
const FLOAT = /^[+-]?(\d[\d,]*\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const WORDS: Readonly<Record<string, CellValue>> = {
  nan: "NaN",
  infinity: "Infinity",
  "+infinity": "Infinity",
  "-infinity": "-Infinity",
};

/**
 * Rows of a telemetry CSV (artifacts.md §9.3, §11.5): header `bin_index,value` or `bin_index,classId,value` in any
 * case, rows in any order, blank lines skipped. An empty value is a cell without a value (null).
 * @throws BundleError `csv_malformed` or `bin_out_of_range`, with file and line
 */
export function parseCsv(
  text: string,
  part: CsvPart,
): { readonly rows: readonly CsvRow[]; readonly hasClass: boolean } {
  const rows: CsvRow[] = [];
  let hasClass = part.linesBefore > 0 ? (part.hasClass ?? false) : null;
  for (const { record, line } of records(text, part)) {
    if (hasClass === null) hasClass = readHeader(record, part.file);
    else rows.push(readRow(record, line, hasClass, part));
  }
  if (hasClass === null)
    throw new BundleError("csv_malformed", `${part.file} is empty.`, { facts: { file: part.file } });
  return { rows, hasClass };
}

/** Adds rows to what a file has said so far. @throws BundleError `duplicate_bin` */
export function addRows(cells: Map<number, CellValue>, rows: readonly CsvRow[], file: string): void {
  for (const row of rows) {
    if (cells.has(row.bin)) {
      throw at(
        "duplicate_bin",
        file,
        row.line,
        `bin ${row.bin} has a second row; one row per bin and file is allowed.`,
      );
    }
    cells.set(row.bin, row.value);
  }
}

function records(text: string, part: CsvPart): { record: string[]; line: number }[] {
  const found: { record: string[]; line: number }[] = [];
  try {
    parse(text, {
      bom: true,
      trim: true,
      relax_column_count: true,
      skip_empty_lines: true,
      record_delimiter: ["\r\n", "\n"],
      on_record: (record: string[], context) => {
        const isBlank = record.length === 1 && record[0] === "";
        if (!isBlank) found.push({ record, line: part.linesBefore + context.lines });
        return null;
      },
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = part.linesBefore + (typeof error.lines === "number" ? error.lines : 1);
    throw at("csv_malformed", part.file, line, error.message);
  }
  return found;
}

function readHeader(record: readonly string[], file: string): boolean {
  const hasClass = HEADERS[record.join(",").toLowerCase()];
  if (hasClass === undefined) {
    throw at(
      "csv_malformed",
      file,
      1,
      `the header is '${record.join(",")}'; expected 'bin_index,value' or 'bin_index,classId,value'.`,
    );
  }
  return hasClass;
}

function readRow(record: readonly string[], line: number, hasClass: boolean, part: CsvPart): CsvRow {
  const isComplete = hasClass ? record.length >= 3 : record.length === 2;
  if (!isComplete) {
    const wanted = hasClass ? "bin_index,classId,value" : "bin_index,value";
    throw at("csv_malformed", part.file, line, `the row '${record.join(",")}' is not '${wanted}'.`);
  }
  const index = record[0]!;
  if (!INTEGER.test(index))
    throw at("csv_malformed", part.file, line, `the bin index '${index}' is not a whole number.`);
  const bin = Number(index);
  if (bin < 0 || !Number.isSafeInteger(bin) || (part.bins !== null && bin >= part.bins)) {
    const range = part.bins === null ? "0 and up" : `0 to ${part.bins - 1}`;
    throw at("bin_out_of_range", part.file, line, `bin ${index} is out of range (${range}).`);
  }
  const text = record.at(-1)!;
  const value = readValue(text);
  if (value === undefined) throw at("csv_malformed", part.file, line, `the value '${text}' is not a number.`);
  return { bin, value, classId: hasClass ? record[1]! : null, line };
}

/** A float with thousands (artifacts.md §3.5); undefined when the text is none. */
function readValue(text: string): CellValue | undefined {
  if (text === "") return null;
  const word = WORDS[text.toLowerCase()];
  if (word !== undefined) return word;
  if (!FLOAT.test(text)) return undefined;
  const number = Number(text.replaceAll(",", ""));
  if (Number.isFinite(number)) return number;
  return number > 0 ? "Infinity" : "-Infinity";
}

function at(code: "csv_malformed" | "duplicate_bin" | "bin_out_of_range", file: string, line: number, what: string) {
  return new BundleError(code, `${file}:${line}: ${what}`, { facts: { file, line } });
}
