import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { METADATA_FILE, MODEL_FILE, RUN_FILE, TELEMETRY_MANIFEST_FILE } from "./layout.ts";
import { isObject, optionalText, readJsonObject, readText } from "./reader.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { member, parseYamlStream, scalarText } from "./yaml-tree.ts";

/** One stored run as a list shows it (api.md §4.2). */
export interface StoredRunSummary {
  readonly runId: string;
  readonly directory: string;
  /** Lower case. */
  readonly mode: string;
  readonly templateId: string;
  readonly templateTitle: string | null;
  /** As written; null when missing. */
  readonly createdUtc: string | null;
  readonly bins: number;
  readonly inputHash: string | null;
  /** Of the telemetry manifest: what FlowTime's own list counts. 0 without that file. */
  readonly telemetryWarningCount: number;
  /** Of run.json. */
  readonly warningCount: number;
}

/** Folders read at once: enough to hide the latency of a disk, few enough for the limit on open files. */
const READ_CONCURRENCY = 16;

/**
 * Every direct subfolder, whatever its name, that has a readable model, metadata and run.json; all others are left out
 * without a word. Newest first, runs without a date last. A missing root is an empty list.
 */
export async function listRunFolders(root: string): Promise<readonly StoredRunSummary[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  // Links count: a live run's folder may be a link that is switched at each checkpoint.
  const pending = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map((entry) => entry.name);
  const summaries: StoredRunSummary[] = [];
  const work = async () => {
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const summary = await summarise(path.join(root, name));
      if (summary !== null) summaries.push(summary);
    }
  };
  await Promise.all(Array.from({ length: READ_CONCURRENCY }, work));
  return summaries.sort(newestFirst);
}

async function summarise(directory: string): Promise<StoredRunSummary | null> {
  try {
    const [run, metadata] = await Promise.all([
      readJsonObject(directory, RUN_FILE),
      readJsonObject(directory, METADATA_FILE),
      stat(path.join(directory, MODEL_FILE)),
    ]);
    const known = await identityOf(directory, metadata);
    if (known === null) return null;
    const telemetry = await readJsonObject(directory, TELEMETRY_MANIFEST_FILE).catch(ignoreUnreadable);
    const grid = isObject(run.grid) ? run.grid : {};
    return {
      runId: optionalText(run, "runId") ?? path.basename(directory),
      directory,
      mode: (optionalText(metadata, "mode") ?? optionalText(run, "mode") ?? "simulation").toLowerCase(),
      templateId: known.templateId,
      templateTitle: optionalText(metadata, "templateTitle"),
      createdUtc: optionalText(run, "createdUtc"),
      bins: typeof grid.bins === "number" ? grid.bins : 0,
      inputHash: optionalText(run, "inputHash"),
      telemetryWarningCount: lengthOf(telemetry?.warnings),
      warningCount: lengthOf(run.warnings),
    };
  } catch (error) {
    const isDamage = error instanceof SnapshotError || (error as NodeJS.ErrnoException).code !== undefined;
    if (isDamage) return null;
    throw error;
  }
}

/** Schema version and template id of metadata.json, each else of the model; null when one is nowhere. */
async function identityOf(
  directory: string,
  metadata: Readonly<Record<string, unknown>>,
): Promise<{ templateId: string } | null> {
  const version = metadata.schemaVersion;
  const templateId = optionalText(metadata, "templateId");
  if (typeof version === "number" && version > 0 && templateId !== null && templateId.trim() !== "")
    return { templateId };
  const root = parseYamlStream(await readText(directory, MODEL_FILE))?.documents[0];
  const modelVersion = typeof version === "number" ? version : Number(scalarText(member(root, "schemaVersion")) ?? 0);
  const modelTemplate = templateId?.trim() ? templateId : scalarText(member(member(root, "metadata"), "id"));
  return modelVersion > 0 && modelTemplate !== null ? { templateId: modelTemplate } : null;
}

function ignoreUnreadable(error: unknown): null {
  if (error instanceof SnapshotError) return null;
  throw error;
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}

function newestFirst(a: StoredRunSummary, b: StoredRunSummary): number {
  const [first, second] = [timeOf(a), timeOf(b)];
  if (first !== second) return first < second ? 1 : -1;
  return a.runId < b.runId ? -1 : 1;
}

function timeOf({ createdUtc }: StoredRunSummary): number {
  const time = Date.parse(createdUtc ?? "");
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time;
}
