import { shortestText } from "../lib/dotnet-number.ts";
import { DEFAULT_CLASS, edgeSeriesName, nodeSeriesName, type SeriesName, seriesPath } from "./layout.ts";
import { markedFile, type SnapshotFile, sha256 } from "./text-file.ts";

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
  const file = markedFile(seriesPath(name.id), seriesText(values));
  return { name, kind, points: values.length, hash: sha256(file.bytes), file };
}

/**
 * Header and one row a bin, every row ended by LF (artifacts.md §6.3).
 * Joined by hand: neither column ever needs quoting, and the CSV package takes four times as long for it, which counts
 * with millions of rows in one snapshot.
 */
function seriesText(values: Float64Array): string {
  const rows = ["bin_index,value\n"];
  for (let bin = 0; bin < values.length; bin += 1) rows.push(`${bin},${shortestText(values[bin] ?? Number.NaN)}\n`);
  return rows.join("");
}
