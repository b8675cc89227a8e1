import { BIN_UNITS } from "../lib/bin-length.ts";
import type { Grid } from "../protocol/run.ts";
import { BundleError } from "./bundle-error.ts";

/** What a telemetry capture manifest (artifacts.md §9.4) says that feeding needs. */
export interface Manifest {
  /** Null when the manifest has none or an incomplete one. */
  readonly grid: Grid | null;
  readonly files: readonly ManifestFile[];
}

export interface ManifestFile {
  readonly nodeId: string;
  /** In FlowTime's spelling of a role: `arrivals`, `queueDepth`, … */
  readonly metric: string;
  /** As written, relative to the bundle. */
  readonly path: string;
  /** Lower-case hex SHA-256 of the file's bytes, null when the manifest gives none. */
  readonly sha256: string | null;
  readonly classId: string;
}

export const DEFAULT_CLASS = "DEFAULT";

/** By ordinal, as a manifest may also give them (artifacts.md §9.5). */
const METRICS = ["arrivals", "served", "errors", "externalDemand", "queueDepth", "capacity"] as const;
const SHA256 = /^(?:sha256:)?([0-9a-f]{64})$/i;

/**
 * Reads a manifest of any version: property names match in any case, a missing class is DEFAULT.
 * @throws BundleError `manifest_malformed`
 */
export function parseManifest(text: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw malformed(`is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const manifest = fieldsOf(value);
  if (manifest === null) throw malformed("is not a JSON object.");
  const files = manifest.get("files") ?? [];
  if (!Array.isArray(files)) throw malformed("'files' must be a list.");
  return { grid: gridOf(manifest), files: unique(files.map(fileOf)) };
}

function fileOf(value: unknown, index: number): ManifestFile {
  const file = fieldsOf(value);
  if (file === null) throw malformed(`files[${index}] is not an object.`);
  const text = (key: string): string => {
    const found = file.get(key.toLowerCase());
    if (typeof found !== "string" || found.trim() === "") throw malformed(`files[${index}] has no '${key}'.`);
    return found;
  };
  const hash = file.get("hash") ?? null;
  const sha256 = typeof hash === "string" ? SHA256.exec(hash.trim())?.[1]?.toLowerCase() : undefined;
  if (hash !== null && sha256 === undefined) {
    throw malformed(`files[${index}] has the hash ${JSON.stringify(hash)}; expected 'sha256:' and 64 hex digits.`);
  }
  const classId = file.get("classid") ?? DEFAULT_CLASS;
  if (typeof classId !== "string" || classId.trim() === "") throw malformed(`files[${index}] has an empty 'classId'.`);
  return {
    nodeId: text("nodeId"),
    metric: metricOf(file.get("metric"), index),
    path: text("path"),
    sha256: sha256 ?? null,
    classId: classId.toLowerCase() === DEFAULT_CLASS.toLowerCase() ? DEFAULT_CLASS : classId,
  };
}

function metricOf(value: unknown, index: number): string {
  const metric =
    typeof value === "number"
      ? METRICS[value]
      : METRICS.find((name) => typeof value === "string" && name.toLowerCase() === value.trim().toLowerCase());
  if (metric === undefined) {
    throw malformed(
      `files[${index}] has the metric ${JSON.stringify(value) ?? "none"}; known are ${METRICS.join(", ")}, or 0 to 5.`,
    );
  }
  return metric;
}

/** A role listed twice with the same file is one; with two files it is contradictory. */
function unique(files: readonly ManifestFile[]): readonly ManifestFile[] {
  const byRole = new Map<string, ManifestFile>();
  for (const file of files) {
    const role = JSON.stringify([file.nodeId.toLowerCase(), file.metric, file.classId.toLowerCase()]);
    const known = byRole.get(role);
    if (known !== undefined && known.path !== file.path) {
      throw malformed(`${file.metric} of '${file.nodeId}' is listed with '${known.path}' and with '${file.path}'.`);
    }
    byRole.set(role, known ?? file);
  }
  return [...byRole.values()];
}

function gridOf(manifest: ReadonlyMap<string, unknown>): Grid | null {
  const grid = fieldsOf(manifest.get("grid"));
  if (grid === null) return null;
  const bins = grid.get("bins");
  const binSize = grid.get("binsize");
  const unit = grid.get("binunit");
  const binUnit = BIN_UNITS.find((name) => typeof unit === "string" && name === unit.trim().toLowerCase());
  if (!isPositive(bins) || !isPositive(binSize) || binUnit === undefined) return null;
  const start = fieldsOf(manifest.get("window"))?.get("starttimeutc");
  return { bins, binSize, binUnit, start: typeof start === "string" ? start : null };
}

function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Properties by lower-cased name, null when the value is no object. */
function fieldsOf(value: unknown): ReadonlyMap<string, unknown> | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return new Map(Object.entries(value).map(([key, field]) => [key.toLowerCase(), field]));
}

function malformed(what: string): BundleError {
  return new BundleError("manifest_malformed", `manifest.json ${what}`, { facts: { file: "manifest.json" } });
}
