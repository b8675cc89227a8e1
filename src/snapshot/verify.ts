import { readdir } from "node:fs/promises";
import path from "node:path";
import {
  INDEX_SHAPE,
  MANIFEST_SHAPE,
  METADATA_SHAPE,
  RUN_SHAPE,
  type Shape,
  shapeProblems,
  TELEMETRY_MANIFEST_SHAPE,
} from "./file-shapes.ts";
import { type Finding, guarded, guardedOptional, type Report } from "./findings.ts";
import {
  INDEX_FILE,
  MANIFEST_FILE,
  METADATA_FILE,
  RUN_FILE,
  seriesPath,
  TELEMETRY_FOLDER,
  TELEMETRY_MANIFEST_FILE,
} from "./layout.ts";
import { optionalText, readBytes, readJsonObject, readRunFolder, type StoredRun } from "./reader.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { decodeText, sha256 } from "./text-file.ts";
import { verifyIdentity } from "./verify-identity.ts";

export interface Verification {
  readonly isSound: boolean;
  /** In the order of looking: shapes of files, what they say of each other, series, model and identity, telemetry. */
  readonly problems: readonly Finding[];
  /** Files whose hash was compared. */
  readonly checkedFiles: number;
}

const SHAPES: readonly (readonly [string, Shape])[] = [
  [RUN_FILE, RUN_SHAPE],
  [INDEX_FILE, INDEX_SHAPE],
  [MANIFEST_FILE, MANIFEST_SHAPE],
  [METADATA_FILE, METADATA_SHAPE],
];

/**
 * Recomputes every hash of a run folder, checks its layout and the form of its files, and compares what they say about each
 * other. Findings are data; nothing is thrown for a damaged folder.
 */
export async function verifyRunFolder(directory: string): Promise<Verification> {
  const problems: Finding[] = [];
  const report: Report = (file, problem) => problems.push({ path: file, problem });
  for (const [name, shape] of SHAPES) await verifyShape(directory, name, shape, report);
  if (problems.length > 0) return { isSound: false, problems, checkedFiles: 0 };
  const stored = await readRunFolder(directory);
  compareFiles(stored, report);
  let checkedFiles = 0;
  for (const { id, path: file, hash, points } of stored.index.series) {
    const bytes = await guarded(file, report, () => readBytes(directory, file));
    if (bytes === null) continue;
    checkedFiles += 1;
    const actual = sha256(bytes);
    if (actual !== hash) report(file, `hash is ${actual}, ${INDEX_FILE} says ${hash}`);
    const noted = stored.manifest.seriesHashes.get(id);
    if (actual !== noted) report(file, `hash is ${actual}, ${MANIFEST_FILE} says ${noted ?? "nothing"}`);
    const rows = decodeText(bytes).trimEnd().split("\n").length - 1;
    if (rows !== points) report(file, `has ${rows} rows, ${INDEX_FILE} says ${points} points`);
  }
  await findUnlisted(directory, stored, report);
  checkedFiles += await verifyIdentity(directory, stored, report);
  checkedFiles += await verifyTelemetry(directory, report);
  return { isSound: problems.length === 0, problems, checkedFiles };
}

async function verifyShape(directory: string, name: string, shape: Shape, report: Report): Promise<void> {
  const file = await guarded(name, report, () => readJsonObject(directory, name));
  for (const problem of file === null ? [] : shapeProblems(file, shape)) report(name, problem);
}

function compareFiles({ run, index, manifest }: StoredRun, report: Report): void {
  const { bins, binSize, binUnit } = run.grid;
  if (bins !== index.grid.bins || binSize !== index.grid.binSize || binUnit !== index.grid.binUnit) {
    report(INDEX_FILE, `grid differs from the grid of ${RUN_FILE}`);
  }
  const indexed = new Set(index.series.map(({ id }) => id));
  for (const { id } of run.series) if (!indexed.has(id)) report(INDEX_FILE, `lacks series '${id}' of ${RUN_FILE}`);
  for (const id of manifest.seriesHashes.keys()) {
    if (!indexed.has(id)) report(INDEX_FILE, `lacks series '${id}' of ${MANIFEST_FILE}`);
  }
  const named = new Set(run.series.map(({ id }) => id));
  for (const { id, path: file, points } of index.series) {
    if (!named.has(id)) report(RUN_FILE, `lacks series '${id}' of ${INDEX_FILE}`);
    if (points !== bins) report(file, `has ${points} points in a grid of ${bins} bins`);
    if (file !== expectedPath(id)) report(INDEX_FILE, `has series '${id}' in '${file}', where readers do not look`);
  }
  if (run.scenarioHash !== manifest.scenarioHash) report(MANIFEST_FILE, `scenarioHash differs from ${RUN_FILE}`);
}

/** Null for an id that names no file. */
function expectedPath(id: string): string | null {
  try {
    return seriesPath(id);
  } catch (error) {
    if (error instanceof SnapshotError) return null;
    throw error;
  }
}

/** Files that no hash vouches for: left by an earlier run of the same id, or slipped in. */
async function findUnlisted(directory: string, { index }: StoredRun, report: Report): Promise<void> {
  const listed = new Set(index.series.map(({ path: file }) => file));
  const names = await readdir(path.join(directory, "series"));
  for (const name of names.sort()) {
    const file = `series/${name}`;
    if (name.endsWith(".csv") && !listed.has(file)) report(file, `is not listed in ${INDEX_FILE}; no hash covers it`);
  }
}

/** Bundled telemetry: the manifest's form, and the hash of every file it lists. */
async function verifyTelemetry(directory: string, report: Report): Promise<number> {
  const manifest = await guardedOptional(TELEMETRY_MANIFEST_FILE, report, () =>
    readJsonObject(directory, TELEMETRY_MANIFEST_FILE),
  );
  if (manifest === null) return 0;
  const problems = shapeProblems(manifest, TELEMETRY_MANIFEST_SHAPE);
  for (const problem of problems) report(TELEMETRY_MANIFEST_FILE, problem);
  if (problems.length > 0) return 0;
  let checked = 0;
  for (const entry of manifest.files as readonly Readonly<Record<string, unknown>>[]) {
    const file = `${TELEMETRY_FOLDER}/${path.posix.basename(String(entry.path))}`;
    const bytes = await guarded(file, report, () => readBytes(directory, file));
    const noted = optionalText(entry, "hash");
    if (bytes === null || noted === null) continue;
    checked += 1;
    const actual = sha256(bytes);
    if (actual !== noted) report(file, `hash is ${actual}, ${TELEMETRY_MANIFEST_FILE} says ${noted}`);
  }
  return checked;
}
