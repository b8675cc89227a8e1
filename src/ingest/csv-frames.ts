import { CsvError, type Parser, parse } from "csv-parse";
import type { DecodedLine } from "../protocol/frame.ts";
import { decodeFields } from "./decode.ts";
import { MAX_LINE_BYTES } from "./ndjson.ts";

/** Columns that are fields of a frame; every other column is a metric of the row's node. */
const FIELDS = ["type", "binIndex", "timestampUtc", "nodeId", "classId", "seriesId", "value", "revision"] as const;
const COUNTS: ReadonlySet<string> = new Set(["binIndex", "revision"]);
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** A CSV body that cannot be read on. */
export class CsvFault extends Error {}

interface Row {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/**
 * Frames of a CSV body, one a row, as they complete. The header names fields of a frame and metrics; an empty cell is
 * left out; `type` is telemetry where it is not given. Numbers of lines are those of the file.
 */
export class CsvFrames {
  readonly #parser: Parser;
  #columns: readonly string[] | null = null;

  constructor() {
    this.#parser = parse({
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: MAX_LINE_BYTES,
    });
    this.#parser.on("error", () => {});
  }

  /** @throws CsvFault */
  async push(chunk: Uint8Array): Promise<DecodedLine[]> {
    if (!this.#parser.write(chunk)) await this.#turn();
    return this.#take();
  }

  /** @throws CsvFault */
  async end(): Promise<DecodedLine[]> {
    this.#parser.end();
    await this.#turn();
    return this.#take();
  }

  /** The parser works within the call; what it says afterwards comes in the next turn. */
  #turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  #take(): DecodedLine[] {
    const lines: DecodedLine[] = [];
    for (let row = this.#parser.read() as Row | null; row !== null; row = this.#parser.read() as Row | null) {
      if (this.#columns === null) this.#columns = columnsOf(row.record);
      else lines.push(frameOf(row, this.#columns));
    }
    const { errored } = this.#parser;
    if (errored instanceof CsvError) throw new CsvFault(errored.message);
    if (errored !== null) throw errored;
    return lines;
  }
}

function columnsOf(record: readonly string[]): readonly string[] {
  const columns = record.map((name) => name.trim());
  const twice = columns.find((name, index) => name === "" || columns.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new CsvFault(twice === "" ? "a column of the header has no name" : `the header names '${twice}' twice`);
  }
  return columns;
}

function frameOf({ record, info }: Row, columns: readonly string[]): DecodedLine {
  const line = info.lines;
  if (record.length !== columns.length) {
    const message = `The row has ${record.length} cells, the header ${columns.length}.`;
    return { line, error: { line, code: "malformed", message } };
  }
  const fields: Record<string, unknown> = { type: "telemetry" };
  const metrics: Record<string, unknown> = {};
  columns.forEach((column, index) => {
    const text = record[index]!.trim();
    if (text === "") return;
    if (!(FIELDS as readonly string[]).includes(column)) metrics[column] = numberOf(text);
    else fields[column] = column === "value" || COUNTS.has(column) ? numberOf(text) : text;
  });
  if (fields.type !== "telemetry") return decodeFields(line, fields);
  return decodeFields(line, Object.keys(metrics).length === 0 ? fields : { ...fields, metrics });
}

/** Other text stays text, for the decoder to take (`NaN`) or to refuse. */
function numberOf(text: string): unknown {
  return NUMBER.test(text) ? Number(text) : text;
}
