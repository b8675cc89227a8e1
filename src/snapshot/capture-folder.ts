import { stat } from "node:fs/promises";
import path from "node:path";
import { parseThousandsText, trimDotnet } from "../lib/dotnet-number.ts";
import type { CaptureSource } from "./capture.ts";
import { type CaptureSeries, readCaptureModel } from "./capture-bindings.ts";
import type { JsonValue } from "./dotnet-json.ts";
import { parseJson } from "./json-text.ts";
import { INDEX_FILE, MANIFEST_FILE, METADATA_FILE, RUN_FILE, SPEC_FILE, seriesPath } from "./layout.ts";
import { DEFAULT_SEED } from "./manifest.ts";
import { isObject, optionalText, readJsonObject, readText } from "./reader.ts";
import { SnapshotError } from "./snapshot-error.ts";

/**
 * A stored run as FlowTime's capture reads it (artifacts.md §9.1, §9.2). Throws `SnapshotError` `run_folder_unreadable`
 * for a folder that lacks run.json, series/index.json, spec.yaml or model/metadata.json, and, from `rows`, for a series
 * that is missing or not made of numbers.
 */
export async function captureSourceOfFolder(directory: string): Promise<CaptureSource> {
  const folder = path.resolve(directory);
  if (!(await stat(folder).catch(() => null))?.isDirectory()) {
    throw unreadable(`Run directory '${folder}' was not found.`);
  }
  const [run, index, manifest, metadataText, specText] = await Promise.all([
    readJsonObject(folder, RUN_FILE),
    readJsonObject(folder, INDEX_FILE),
    readJsonObject(folder, MANIFEST_FILE).catch(ignoreUnreadable),
    readText(folder, METADATA_FILE),
    readText(folder, SPEC_FILE).catch((error: unknown) => {
      throw unreadable(`Canonical spec.yaml not found in run directory '${folder}'.`, error);
    }),
  ]);
  const metadata = parseJson(metadataText);
  const { grid } = index;
  if (!isObject(grid) || !(metadata instanceof Map) || !Array.isArray(index.series)) {
    throw unreadable(`${INDEX_FILE} or ${METADATA_FILE} of '${folder}' is not what FlowTime writes.`);
  }
  const rng = isObject(manifest?.rng) ? manifest.rng.seed : null;
  const textOf = (key: string): string => {
    const value = (metadata as Map<string, JsonValue>).get(key);
    return typeof value === "string" ? value : "";
  };
  return {
    model: readCaptureModel(specText),
    grid: { bins: Number(grid.bins), binSize: Number(grid.binSize), binUnit: String(grid.binUnit) },
    index: index.series.filter(isObject).map((entry) => ({
      id: optionalText(entry, "id") ?? "",
      class: optionalText(entry, "class") ?? "",
      points: typeof entry.points === "number" ? entry.points : 0,
    })),
    provenance: {
      runId: optionalText(run, "runId") ?? path.basename(folder),
      scenarioHash: optionalText(run, "scenarioHash") ?? "",
      modelHash: optionalText(run, "modelHash"),
    },
    templateId: textOf("templateId"),
    templateVersion: textOf("templateVersion") || "0.0.0",
    parameters: (metadata as Map<string, JsonValue>).get("parameters") ?? {},
    rngSeed: typeof rng === "number" ? rng : DEFAULT_SEED,
    rows: (series) => readRows(folder, series),
  };
}

/** By position; the first line is a header, blank lines do not count. */
async function readRows(folder: string, series: CaptureSeries): Promise<readonly (number | null)[]> {
  const file = path.join(folder, seriesPath(series.id));
  const text = await readText(folder, seriesPath(series.id)).catch((error: unknown) => {
    throw unreadable(`Series file not found: ${file}`, error);
  });
  if (text === "") throw unreadable(`Series file ${file} is empty.`);
  const rows = text
    .split(/\r?\n/)
    .slice(1)
    .filter((row) => trimDotnet(row) !== "");
  return rows.map((row) => {
    const comma = row.indexOf(",");
    if (comma < 0) throw unreadable(`Invalid CSV row '${row}' in ${file}.`);
    const cell = trimDotnet(row.slice(comma + 1));
    if (cell === "") return null;
    const value = parseThousandsText(cell);
    if (value === null) throw unreadable(`Unable to parse value '${cell}' from ${file}.`);
    return value;
  });
}

function ignoreUnreadable(error: unknown): null {
  if (error instanceof SnapshotError) return null;
  throw error;
}

function unreadable(message: string, cause?: unknown): SnapshotError {
  return new SnapshotError("run_folder_unreadable", message, cause === undefined ? {} : { cause });
}
