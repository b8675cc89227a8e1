import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseFloatText } from "../lib/dotnet-number.ts";
import { INDEX_FILE, MANIFEST_FILE, RUN_FILE, requireSafeName, seriesPath } from "./layout.ts";
import type { SnapshotWarning } from "./run-file.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { decodeText } from "./text-file.ts";

/** The parts of a stored run that readers rely on (artifacts.md §11.1). Extra members are ignored. */
export interface StoredRun {
  readonly directory: string;
  readonly run: StoredRunFile;
  readonly index: StoredIndex;
  readonly manifest: StoredManifest;
}
export interface StoredGrid {
  readonly bins: number;
  readonly binSize: number;
  readonly binUnit: string;
}
export interface StoredRunFile {
  /** run.json's id, else the folder's name. */
  readonly runId: string;
  readonly grid: StoredGrid;
  readonly inputHash: string | null;
  readonly modelHash: string | null;
  readonly scenarioHash: string;
  readonly createdUtc: string;
  readonly classCoverage: string | null;
  readonly warnings: readonly SnapshotWarning[];
  readonly series: readonly { readonly id: string; readonly path: string; readonly unit: string }[];
}
export interface StoredIndex {
  readonly grid: StoredGrid;
  readonly series: readonly StoredSeries[];
}
export interface StoredSeries {
  readonly id: string;
  readonly kind: string;
  readonly path: string;
  readonly componentId: string;
  readonly class: string;
  readonly points: number;
  readonly hash: string;
}
export interface StoredManifest {
  readonly scenarioHash: string;
  readonly seed: number;
  readonly seriesHashes: ReadonlyMap<string, string>;
  readonly modelHash: string | null;
}

/** Reads run.json, series/index.json and manifest.json. Throws `SnapshotError` `run_folder_unreadable`. */
export async function readRunFolder(directory: string): Promise<StoredRun> {
  const [run, index, manifest] = await Promise.all([
    readJsonObject(directory, RUN_FILE),
    readJsonObject(directory, INDEX_FILE),
    readJsonObject(directory, MANIFEST_FILE),
  ]);
  return {
    directory,
    run: storedRunFile(run, path.basename(directory)),
    index: storedIndex(index),
    manifest: {
      scenarioHash: textOf(manifest, "scenarioHash", MANIFEST_FILE),
      seed: numberOf(objectOf(manifest, "rng", MANIFEST_FILE), "seed", MANIFEST_FILE),
      seriesHashes: new Map(
        Object.entries(objectOf(manifest, "seriesHashes", MANIFEST_FILE)).map(([id, hash]) => [id, String(hash)]),
      ),
      modelHash: optionalText(manifest, "modelHash"),
    },
  };
}

/** Reads series/index.json alone. Throws `SnapshotError` `run_folder_unreadable`. */
export async function readRunIndex(directory: string): Promise<StoredIndex> {
  return storedIndex(await readJsonObject(directory, INDEX_FILE));
}

/** Values of a series by position; the first line is a header. Throws `SnapshotError` `run_folder_unreadable`. */
export async function readSeries(directory: string, seriesId: string): Promise<Float64Array> {
  const name = seriesPath(seriesId);
  const rows = (await readText(directory, name)).split("\n").slice(1);
  while (rows.at(-1) === "") rows.pop();
  if (rows.length === 0)
    throw unreadable(`Series file ${path.join(directory, name)} must have header and at least one data row`);
  return Float64Array.from(rows, (row) => {
    const fields = row.split(",");
    const value = fields.length === 2 ? parseFloatText(fields[1] ?? "") : null;
    if (value === null)
      throw unreadable(`Invalid row '${row}' in ${path.join(directory, name)}: expected 'bin_index,value'`);
    return value;
  });
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Text of a file without its byte order mark. */
export async function readText(directory: string, name: string): Promise<string> {
  return decodeText(await readBytes(directory, name));
}

export async function readBytes(directory: string, name: string): Promise<Uint8Array> {
  for (const component of name.split("/")) requireSafeName(component, `Path '${name}'`);
  try {
    return await readFile(path.join(directory, name));
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const problem = isMissing ? "not found" : `not readable (${(error as Error).message})`;
    throw unreadable(`${name} ${problem} at ${directory}`, error);
  }
}

/** A JSON file whose root is an object. */
export async function readJsonObject(directory: string, name: string): Promise<JsonObject> {
  const text = await readText(directory, name);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable(`${name} in ${directory} is not JSON`, error);
  }
  if (!isObject(value)) throw unreadable(`${name} in ${directory} is not a JSON object`);
  return value;
}

function storedRunFile(run: JsonObject, folderName: string): StoredRunFile {
  return {
    runId: optionalText(run, "runId") ?? folderName,
    grid: gridOf(run, RUN_FILE),
    inputHash: optionalText(run, "inputHash"),
    modelHash: optionalText(run, "modelHash"),
    scenarioHash: textOf(run, "scenarioHash", RUN_FILE),
    createdUtc: textOf(run, "createdUtc", RUN_FILE),
    classCoverage: optionalText(run, "classCoverage"),
    warnings: (Array.isArray(run.warnings) ? run.warnings : []).map(storedWarning),
    series: listOf(run, "series", RUN_FILE).map((entry) => ({
      id: textOf(entry, "id", RUN_FILE),
      path: textOf(entry, "path", RUN_FILE),
      unit: textOf(entry, "unit", RUN_FILE),
    })),
  };
}

function storedIndex(index: JsonObject): StoredIndex {
  return {
    grid: gridOf(index, INDEX_FILE),
    series: listOf(index, "series", INDEX_FILE).map((entry) => ({
      id: textOf(entry, "id", INDEX_FILE),
      kind: textOf(entry, "kind", INDEX_FILE),
      path: textOf(entry, "path", INDEX_FILE),
      componentId: textOf(entry, "componentId", INDEX_FILE),
      class: textOf(entry, "class", INDEX_FILE),
      points: numberOf(entry, "points", INDEX_FILE),
      hash: textOf(entry, "hash", INDEX_FILE),
    })),
  };
}

/** A bare string is a message; what is missing has the defaults of artifacts.md §8. */
function storedWarning(entry: unknown): SnapshotWarning {
  const warning: JsonObject = isObject(entry) ? entry : { message: String(entry) };
  const severity = optionalText(warning, "severity");
  const bins = Array.isArray(warning.bins) ? warning.bins.filter((bin) => typeof bin === "number") : [];
  const edgeIds = Array.isArray(warning.edgeIds) ? warning.edgeIds.map(String) : null;
  return {
    code: optionalText(warning, "code") ?? "engine_warning",
    message: optionalText(warning, "message") ?? "",
    nodeId: optionalText(warning, "nodeId"),
    bins,
    value: typeof warning.value === "number" ? warning.value : null,
    severity: severity === "info" || severity === "error" ? severity : "warning",
    ...(edgeIds === null ? {} : { edgeIds }),
  };
}

function gridOf(file: JsonObject, name: string): StoredGrid {
  const grid = objectOf(file, "grid", name);
  return {
    bins: numberOf(grid, "bins", name),
    binSize: numberOf(grid, "binSize", name),
    binUnit: textOf(grid, "binUnit", name),
  };
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function optionalText(file: JsonObject, key: string): string | null {
  const value = file[key];
  return typeof value === "string" ? value : null;
}

function textOf(file: JsonObject, key: string, name: string): string {
  const value = file[key];
  if (typeof value !== "string") throw unreadable(`${name} lacks the text '${key}'`);
  return value;
}

function numberOf(file: JsonObject, key: string, name: string): number {
  const value = file[key];
  if (typeof value !== "number") throw unreadable(`${name} lacks the number '${key}'`);
  return value;
}

function objectOf(file: JsonObject, key: string, name: string): JsonObject {
  const value = file[key];
  if (!isObject(value)) throw unreadable(`${name} lacks the object '${key}'`);
  return value;
}

function listOf(file: JsonObject, key: string, name: string): readonly JsonObject[] {
  const value = file[key];
  if (!Array.isArray(value) || !value.every(isObject)) throw unreadable(`${name} lacks the list '${key}'`);
  return value;
}

function unreadable(message: string, cause?: unknown): SnapshotError {
  return new SnapshotError("run_folder_unreadable", message, cause === undefined ? {} : { cause });
}
