import type { JsonValue } from "./dotnet-json.ts";
import { indentedJson } from "./dotnet-json.ts";
import { parseJson } from "./json-text.ts";
import { DEFAULT_CLASS, TELEMETRY_MANIFEST_FILE } from "./layout.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { plainFile, type SnapshotFile } from "./text-file.ts";

/** A capture manifest of any version as FlowTime loads it (artifacts.md §9.5), to be written again. */
export interface CaptureManifest {
  readonly schemaVersion: JsonValue;
  readonly window: { readonly startTimeUtc: JsonValue; readonly durationMinutes: JsonValue };
  readonly grid: { readonly bins: number; readonly binSize: number; readonly binUnit: string };
  readonly files: readonly CaptureFile[];
  readonly warnings: readonly JsonValue[];
  readonly provenance: JsonValue;
  readonly supportsClassMetrics: boolean;
  readonly classes: readonly string[] | null;
  readonly classCoverage: string | null;
}

export interface CaptureFile {
  readonly nodeId: string;
  readonly metric: CaptureFileMetric;
  /** Inside the capture folder, with forward slashes. */
  readonly path: string;
  readonly hash: JsonValue;
  readonly points: JsonValue;
  readonly classId: string;
}

/** By ordinal, as a manifest may also give them. */
const METRICS = ["Arrivals", "Served", "Errors", "ExternalDemand", "QueueDepth", "Capacity"] as const;
export type CaptureFileMetric = (typeof METRICS)[number];

/** A warning that bundling adds. */
export interface BundleWarning {
  readonly code:
    | "class_manifest_missing"
    | "class_data_missing"
    | "class_series_missing"
    | "class_series_partial"
    | "class_conservation_mismatch";
  readonly message: string;
  readonly nodeId: string | null;
  readonly bins: readonly number[] | null;
}

/** Throws `SnapshotError` `capture_malformed` for what is no manifest, or one without a grid. */
export function readCaptureManifest(text: string, file: string): CaptureManifest {
  const root = fieldsOf(parseJson(text));
  if (root === null) throw malformed(file, "is not a JSON object");
  const grid = fieldsOf(root.get("grid"));
  const bins = Number(grid?.get("bins"));
  if (grid === null || !Number.isSafeInteger(bins) || bins < 1)
    throw malformed(file, "has no 'grid' with a number of 'bins'");
  const window = fieldsOf(root.get("window"));
  const provenance = fieldsOf(root.get("provenance"));
  const classes = root.get("classes");
  return {
    schemaVersion: root.get("schemaversion") ?? 0,
    window: {
      startTimeUtc: window?.get("starttimeutc") ?? null,
      durationMinutes: window?.get("durationminutes") ?? null,
    },
    grid: { bins, binSize: Number(grid.get("binsize")), binUnit: String(grid.get("binunit")) },
    files: itemsOf(root.get("files")).map((value, index) => fileOf(value, index, file)),
    warnings: itemsOf(root.get("warnings")).map(warningOf),
    provenance: {
      runId: provenance?.get("runid") ?? null,
      scenarioHash: provenance?.get("scenariohash") ?? null,
      modelHash: provenance?.get("modelhash") ?? null,
      capturedAtUtc: provenance?.get("capturedatutc") ?? null,
    },
    supportsClassMetrics: root.get("supportsclassmetrics") === true,
    classes: Array.isArray(classes) ? classes.filter((id) => typeof id === "string") : null,
    classCoverage: textOrNull(root.get("classcoverage")),
  };
}

/** The manifest inside a bundled run (artifacts.md §10.4): as loaded, with what bundling noticed; nulls are written. */
export function bundledManifest(manifest: CaptureManifest, warnings: readonly BundleWarning[]): SnapshotFile {
  const { files, ...rest } = manifest;
  const text = indentedJson({
    schemaVersion: rest.schemaVersion,
    window: rest.window,
    grid: rest.grid,
    files: files.map(({ nodeId, metric, path, hash, points, classId }) => ({
      nodeId,
      metric,
      path,
      hash,
      points,
      classId,
    })),
    warnings: [
      ...rest.warnings,
      ...warnings.map(({ code, message, nodeId, bins }) => ({ code, message, nodeId, bins, severity: "warning" })),
    ],
    provenance: rest.provenance,
    supportsClassMetrics: rest.supportsClassMetrics,
    classes: rest.classes,
    classCoverage: rest.classCoverage,
  });
  return plainFile(TELEMETRY_MANIFEST_FILE, text);
}

function fileOf(value: JsonValue, index: number, name: string): CaptureFile {
  const fields = fieldsOf(value);
  const metric = metricOf(fields?.get("metric"));
  const nodeId = textOrNull(fields?.get("nodeid"));
  const path = textOrNull(fields?.get("path"));
  if (fields === null || metric === undefined || nodeId === null || path === null) {
    throw malformed(name, `has no nodeId, path or known metric (${METRICS.join(", ")}) in files[${index}]`);
  }
  const classId = textOrNull(fields.get("classid"));
  return {
    nodeId,
    metric,
    path,
    hash: fields.get("hash") ?? null,
    points: fields.get("points") ?? 0,
    classId: classId ?? DEFAULT_CLASS,
  };
}

function metricOf(value: JsonValue | undefined): CaptureFileMetric | undefined {
  if (typeof value === "bigint") return METRICS[Number(value)];
  return METRICS.find((name) => typeof value === "string" && name.toLowerCase() === value.toLowerCase());
}

function warningOf(value: JsonValue): JsonValue {
  const fields = fieldsOf(value) ?? new Map<string, JsonValue>();
  const read = (name: string): JsonValue => fields.get(name) ?? null;
  return {
    code: read("code"),
    message: read("message"),
    nodeId: read("nodeid"),
    bins: read("bins"),
    severity: read("severity"),
  };
}

/** Members by lower-cased name; null for what is no object. */
function fieldsOf(value: JsonValue | undefined): ReadonlyMap<string, JsonValue> | null {
  if (!(value instanceof Map)) return null;
  return new Map([...(value as ReadonlyMap<string, JsonValue>)].map(([key, field]) => [key.toLowerCase(), field]));
}

function itemsOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function textOrNull(value: JsonValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function malformed(file: string, what: string): SnapshotError {
  return new SnapshotError("capture_malformed", `Telemetry manifest at '${file}' ${what}.`, { facts: { file } });
}
