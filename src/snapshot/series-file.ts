import { shortestText } from "../lib/dotnet-number.ts";
import { DEFAULT_CLASS, edgeSeriesName, nodeSeriesName, type SeriesName, seriesPath } from "./layout.ts";
import { type SnapshotFile, sha256 } from "./text-file.ts";

/** A series as index.json and run.json list it, with its file. */
export interface SeriesEntry {
  readonly name: SeriesName;
  readonly kind: "flow" | "edge";
  readonly points: number;
  readonly hash: string;
  readonly file: SnapshotFile;
}

export function nodeSeriesEntry(nodeId: string, values: Float64Array, classId: string = DEFAULT_CLASS): SeriesEntry {
  return seriesEntry("flow", nodeSeriesName(nodeId, classId), values);
}

export function edgeSeriesEntry(
  edgeId: string,
  metric: string,
  classId: string | null,
  values: Float64Array,
): SeriesEntry {
  return seriesEntry("edge", edgeSeriesName(edgeId, metric, classId), values);
}

function seriesEntry(kind: "flow" | "edge", name: SeriesName, values: Float64Array): SeriesEntry {
  const file = { path: seriesPath(name.id), bytes: seriesBytes(values) };
  return { name, kind, points: values.length, hash: sha256(file.bytes), file };
}

const HEADER = Buffer.from("\ufeffbin_index,value\n", "utf8");
/** `0,`, `1,` and so on: the same in every series. Grows to the longest run, at most 10,000 bins. */
const indexCells: string[] = [];

/**
 * Byte order mark, header and one row a bin, every row ended by LF (artifacts.md §6.3).
 * Joined by hand: neither column ever needs quoting, and the CSV package takes four times as long for it, which counts
 * with millions of rows in one snapshot.
 */
function seriesBytes(values: Float64Array): Buffer {
  for (let bin = indexCells.length; bin < values.length; bin += 1) indexCells.push(`${bin},`);
  let rows = "";
  for (let bin = 0; bin < values.length; bin += 1) rows += `${indexCells[bin]}${shortestText(values[bin]!)}\n`;
  const bytes = Buffer.allocUnsafeSlow(HEADER.length + rows.length);
  HEADER.copy(bytes);
  // All of it is ASCII.
  bytes.write(rows, HEADER.length, "latin1");
  return bytes;
}
