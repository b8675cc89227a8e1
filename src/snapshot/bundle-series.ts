import { parseThousandsText, trimDotnet } from "../lib/dotnet-number.ts";
import type { Model, Output, SeriesRole } from "../model/model.ts";
import type { CaptureFile, CaptureFileMetric } from "./bundle-manifest.ts";
import { lastSegment, leadingId, withoutCsv } from "./capture-bindings.ts";
import { DEFAULT_CLASS } from "./layout.ts";
import { SnapshotError } from "./snapshot-error.ts";

const ROLE_OF: Readonly<Record<CaptureFileMetric, SeriesRole>> = {
  Arrivals: "arrivals",
  Served: "served",
  Errors: "errors",
  ExternalDemand: "externalDemand",
  QueueDepth: "queueDepth",
  Capacity: "capacity",
};

/** What the files of a capture say about the series of a model. */
export interface CapturedValues {
  /** By series id, in the order of the manifest; of series with classes alone the sum of them, last. */
  readonly totals: ReadonlyMap<string, Float64Array>;
  /** By series id, then by class in the order of the manifest. */
  readonly classes: ReadonlyMap<string, ReadonlyMap<string, Float64Array>>;
}

/**
 * Files of a capture by the series they feed (artifacts.md §10.3). A file of a node that the topology does not have, or
 * of a role that names no series, feeds nothing.
 * @param values values of a file, `bins` of them
 */
export function capturedValues(
  model: Pick<Model, "topology" | "outputs">,
  files: readonly CaptureFile[],
  values: (file: CaptureFile) => Float64Array,
): CapturedValues {
  const totals = new Map<string, Float64Array>();
  const classes = new Map<string, Map<string, Float64Array>>();
  for (const file of files) {
    const seriesId = seriesOf(model, file);
    if (seriesId === null) continue;
    if (file.classId.toUpperCase() === DEFAULT_CLASS) {
      totals.set(seriesId, values(file));
    } else {
      const shares = classes.get(seriesId) ?? new Map<string, Float64Array>();
      shares.set(file.classId, values(file));
      classes.set(seriesId, shares);
    }
  }
  for (const [seriesId, shares] of classes)
    if (!totals.has(seriesId)) totals.set(seriesId, sumOf([...shares.values()]));
  return { totals, classes };
}

/** Values of a telemetry CSV by position. Throws `SnapshotError` `capture_malformed`. @param file its path, for messages */
export function readTelemetryValues(text: string, file: string, bins: number): Float64Array {
  if (text === "") throw malformed(`Telemetry CSV ${file} is empty.`, file);
  const rows = text
    .split(/\r?\n/)
    .slice(1)
    .filter((row) => trimDotnet(row) !== "");
  const values = Float64Array.from(rows, (row) => {
    const fields = row.split(",");
    if (fields.length < 2) throw malformed(`Invalid telemetry row '${row}' in ${file}.`, file);
    const cell = trimDotnet(fields.at(-1) ?? "");
    const value = cell === "" ? Number.NaN : parseThousandsText(cell);
    if (value === null) throw malformed(`Invalid numeric value '${cell}' in ${file}.`, file);
    return value;
  });
  if (values.length !== bins) {
    throw malformed(`Telemetry CSV '${file}' contained ${values.length} points but expected ${bins}.`, file);
  }
  return values;
}

function seriesOf({ topology, outputs }: Pick<Model, "topology" | "outputs">, file: CaptureFile): string | null {
  const node = topology?.nodes.find(({ id }) => id.toLowerCase() === file.nodeId.toLowerCase());
  const reference = node?.semantics.series[ROLE_OF[file.metric]]?.trim() ?? "";
  if (reference === "") return null;
  const output = outputNamed(outputs, reference) ?? outputNamed(outputs, lastSegment(reference));
  if (output !== null) return output;
  const isSeriesId = !/[/\\]/.test(reference) && !/\.csv$/i.test(reference) && !/^file:/i.test(reference);
  if (isSeriesId) return reference;
  const name = leadingId(withoutCsv(lastSegment(reference.replaceAll("\\", "/"))));
  return name !== "" ? name : withoutCsv(lastSegment(file.path)) || null;
}

function outputNamed(outputs: readonly Output[], name: string): string | null {
  const wanted = withoutCsv(name).toLowerCase();
  const output = outputs.find(({ as }) => withoutCsv(lastSegment((as ?? "").trim())).toLowerCase() === wanted);
  return output === undefined || wanted === "" ? null : output.series;
}

function sumOf(series: readonly Float64Array[]): Float64Array {
  return series[0]!.map((_, bin) => series.reduce((sum, values) => sum + values[bin]!, 0));
}

function malformed(message: string, file: string): SnapshotError {
  return new SnapshotError("capture_malformed", message, { facts: { file } });
}
