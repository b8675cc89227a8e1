import { shortestText } from "../lib/dotnet-number.ts";
import { DEFAULT_CLASS, edgeSeriesName, nodeSeriesName, type SeriesName, seriesPath } from "./layout.ts";
import { type SnapshotFile, sha256 } from "./text-file.ts";

/** A series as index.json and run.json list it. */
export interface SeriesEntry {
  readonly name: SeriesName;
  readonly kind: "flow" | "edge";
  readonly points: number;
  /** Of its file. */
  readonly hash: string;
}

/** A series with its file. */
export interface EncodedSeries {
  readonly entry: SeriesEntry;
  readonly file: SnapshotFile;
}

/** Makes the bytes of series files. */
export interface SeriesEncoder {
  /** @param id of the series; whoever encodes the same one again with more values gets the same rows before them */
  encode(id: string, values: Float64Array): { readonly bytes: Uint8Array; readonly hash: string };
}

/** Encodes every series from its beginning. */
export const wholeSeries: SeriesEncoder = {
  encode(_, values) {
    const bytes = Buffer.concat([SERIES_HEADER, seriesRows(values, 0)]);
    return { bytes, hash: sha256(bytes) };
  },
};

export function nodeSeries(
  nodeId: string,
  values: Float64Array,
  encoder: SeriesEncoder,
  classId: string = DEFAULT_CLASS,
): EncodedSeries {
  return encoded("flow", nodeSeriesName(nodeId, classId), values, encoder);
}

export function edgeSeries(
  edge: { readonly edgeId: string; readonly metric: string; readonly classId: string | null },
  values: Float64Array,
  encoder: SeriesEncoder,
): EncodedSeries {
  return encoded("edge", edgeSeriesName(edge.edgeId, edge.metric, edge.classId), values, encoder);
}

function encoded(kind: "flow" | "edge", name: SeriesName, values: Float64Array, encoder: SeriesEncoder): EncodedSeries {
  const { bytes, hash } = encoder.encode(name.id, values);
  return { entry: { name, kind, points: values.length, hash }, file: { path: seriesPath(name.id), bytes } };
}

/** Byte order mark and header (artifacts.md §6.3). */
export const SERIES_HEADER: Buffer = Buffer.from("\ufeffbin_index,value\n", "utf8");
/** `0,`, `1,` and so on: the same in every series. Grows to the longest run, at most 10,000 bins. */
const indexCells: string[] = [];

/**
 * One row a bin from `from` on, every row ended by LF.
 * Joined by hand: neither column ever needs quoting, and the CSV package takes four times as long for it, which counts
 * with millions of rows in one snapshot.
 */
export function seriesRows(values: Float64Array, from: number): Buffer {
  for (let bin = indexCells.length; bin < values.length; bin += 1) indexCells.push(`${bin},`);
  let rows = "";
  for (let bin = from; bin < values.length; bin += 1) rows += `${indexCells[bin]}${shortestText(values[bin]!)}\n`;
  // All of it is ASCII.
  return Buffer.from(rows, "latin1");
}
