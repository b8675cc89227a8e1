import { trimDotnet } from "../lib/dotnet-number.ts";
import { SnapshotError } from "./snapshot-error.ts";

/** Names of files and series inside a run folder (artifacts.md §2.3 and §6.1). Paths use forward slashes. */

export const SPEC_FILE = "spec.yaml";
export const MODEL_FILE = "model/model.yaml";
export const METADATA_FILE = "model/metadata.json";
export const PROVENANCE_FILE = "model/provenance.json";
export const TELEMETRY_FOLDER = "model/telemetry";
export const TELEMETRY_MANIFEST_FILE = `${TELEMETRY_FOLDER}/telemetry-manifest.json`;
export const RUN_FILE = "run.json";
export const INDEX_FILE = "series/index.json";
/** Written last: its presence marks a whole folder. */
export const MANIFEST_FILE = "manifest.json";
/** Always there; empty until an export is asked for. */
export const AGGREGATES_FOLDER = "aggregates";

export const DEFAULT_CLASS = "DEFAULT";
export const SERIES_UNIT = "entities/bin";

/** Longest file name of the file systems in use, in bytes. */
const MAX_FILE_NAME_BYTES = 255;

/** Which file a series goes to, and how readers find it. */
export interface SeriesName {
  readonly id: string;
  readonly componentId: string;
  /** `DEFAULT` for totals. */
  readonly classId: string;
}

export function nodeSeriesName(nodeId: string, classId: string = DEFAULT_CLASS): SeriesName {
  const componentId = upperInvariant(nodeId);
  return { id: `${nodeId}@${componentId}@${classId}`, componentId, classId };
}

/** @param classId null or blank for the total */
export function edgeSeriesName(edgeId: string, metric: string, classId: string | null): SeriesName {
  const local = `edge_${sanitisedToken(edgeId, "edge id")}_${sanitisedToken(metric, "metric")}`;
  const componentId = upperInvariant(local);
  const trimmed = trimDotnet(classId ?? "");
  const className = trimmed === "" ? DEFAULT_CLASS : trimmed;
  return { id: `${local}@${componentId}@${className}`, componentId, classId: className };
}

/**
 * Path of a series file inside the run folder.
 * Ids enter file names unchanged, so an id with a separator would leave the folder: `SnapshotError` `id_unsafe`.
 */
export function seriesPath(seriesId: string): string {
  const fileName = `${seriesId}.csv`;
  requireSafeName(fileName, `Series id '${seriesId}'`);
  return `series/${fileName}`;
}

/** How model.yaml names a series of its own run. */
export function seriesReference(nodeId: string): string {
  return `file:../series/${nodeSeriesName(nodeId).id}.csv`;
}

/** Throws `id_unsafe` unless the name is one plain path component. `what` opens the message. */
export function requireSafeName(name: string, what: string): void {
  const problem = unsafeReason(name);
  if (problem === null) return;
  throw new SnapshotError(
    "id_unsafe",
    `${what} cannot name a file: ${problem}. Rename it in the model or the request.`,
    {
      facts: { name },
    },
  );
}

function unsafeReason(name: string): string | null {
  if (name === "" || name === "." || name === "..") return "it is empty or means a folder";
  if (/[/\\]/.test(name)) return "it contains a path separator";
  if (name.includes("\0")) return "it contains a NUL character";
  if (name.startsWith("..")) return "it starts with '..'";
  if (!name.isWellFormed()) return "it contains half a surrogate pair";
  if (new TextEncoder().encode(name).length > MAX_FILE_NAME_BYTES)
    return `it is longer than ${MAX_FILE_NAME_BYTES} bytes`;
  return null;
}

/**
 * Upper case as .NET's invariant culture has it: one UTF-16 unit at a time, never growing (`ß` stays), and never from a
 * letter outside ASCII into ASCII (`ı` and `ſ` stay).
 */
export function upperInvariant(text: string): string {
  let upper = "";
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charAt(index);
    const mapped = unit.toUpperCase();
    const isKept = mapped.length !== 1 || (unit > "\u007f" && mapped <= "\u007f");
    upper += isKept ? unit : mapped;
  }
  return upper;
}

function sanitisedToken(text: string, what: string): string {
  const trimmed = trimDotnet(text);
  if (trimmed === "") throw new SnapshotError("id_unsafe", `Edge series ${what} is required.`);
  const token = Array.from({ length: trimmed.length }, (_, index) => trimmed.charAt(index))
    .map((unit) => (/[\p{L}\p{Nd}_.-]/u.test(unit) ? unit : "_"))
    .join("")
    .replace(/^_+|_+$/g, "");
  if (token === "") {
    throw new SnapshotError("id_unsafe", `Edge series ${what} must contain at least one valid character.`, {
      facts: { value: text },
    });
  }
  return token;
}
