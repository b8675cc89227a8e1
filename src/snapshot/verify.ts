import { INDEX_FILE, MANIFEST_FILE, METADATA_FILE, MODEL_FILE, RUN_FILE, SPEC_FILE } from "./layout.ts";
import { DEFAULT_SEED, scenarioHash } from "./manifest.ts";
import { optionalText, readBytes, readJsonObject, readRunFolder, type StoredRun } from "./reader.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { decodeText, sha256 } from "./text-file.ts";

export interface Verification {
  readonly isSound: boolean;
  readonly problems: readonly { readonly path: string; readonly problem: string }[];
  /** Files whose hash was compared. */
  readonly checkedFiles: number;
}

/**
 * Recomputes every hash of a run folder and compares what its files say about each other. Findings are data; nothing is
 * thrown for a damaged folder.
 */
export async function verifyRunFolder(directory: string): Promise<Verification> {
  const problems: { path: string; problem: string }[] = [];
  const report = (path: string, problem: string) => problems.push({ path, problem });
  const stored = await guarded(RUN_FILE, report, () => readRunFolder(directory));
  if (stored === null) return { isSound: false, problems, checkedFiles: 0 };
  compareFiles(stored, report);
  let checkedFiles = 0;
  for (const { id, path, hash, points } of stored.index.series) {
    const bytes = await guarded(path, report, () => readBytes(directory, path));
    if (bytes === null) continue;
    checkedFiles += 1;
    const actual = sha256(bytes);
    if (actual !== hash) report(path, `hash is ${actual}, ${INDEX_FILE} says ${hash}`);
    const noted = stored.manifest.seriesHashes.get(id);
    if (actual !== noted) report(path, `hash is ${actual}, ${MANIFEST_FILE} says ${noted ?? "nothing"}`);
    const rows = decodeText(bytes).trimEnd().split("\n").length - 1;
    if (rows !== points) report(path, `has ${rows} rows, ${INDEX_FILE} says ${points} points`);
  }
  checkedFiles += await verifyModel(directory, stored, report);
  return { isSound: problems.length === 0, problems, checkedFiles };
}

type Report = (path: string, problem: string) => void;

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
  for (const { path, points } of index.series) {
    if (points !== bins) report(path, `has ${points} points in a grid of ${bins} bins`);
  }
  if (run.scenarioHash !== manifest.scenarioHash) report(MANIFEST_FILE, `scenarioHash differs from ${RUN_FILE}`);
}

async function verifyModel(directory: string, stored: StoredRun, report: Report): Promise<number> {
  const model = await guarded(MODEL_FILE, report, () => readBytes(directory, MODEL_FILE));
  const spec = await guarded(SPEC_FILE, report, () => readBytes(directory, SPEC_FILE));
  const metadata = await guarded(METADATA_FILE, report, () => readJsonObject(directory, METADATA_FILE));
  if (model !== null) {
    const actual = sha256(model);
    const noted = [
      [RUN_FILE, stored.run.modelHash],
      [MANIFEST_FILE, stored.manifest.modelHash],
      [METADATA_FILE, metadata === null ? actual : optionalText(metadata, "modelHash")],
    ] as const;
    for (const [name, hash] of noted) {
      if (hash !== actual) report(MODEL_FILE, `hash is ${actual}, ${name} says ${hash ?? "nothing"}`);
    }
  }
  if (spec !== null) {
    const { seed, scenarioHash: noted } = stored.manifest;
    const text = decodeText(spec);
    // The manifest does not tell a run without a seed from one that asked for the default.
    const candidates = seed === DEFAULT_SEED ? [null, seed] : [seed];
    if (!candidates.some((candidate) => scenarioHash(text, candidate) === noted)) {
      report(SPEC_FILE, `does not have the scenarioHash ${noted} of ${MANIFEST_FILE}`);
    }
    if (model !== null && Buffer.compare(model, spec) !== 0) report(MODEL_FILE, `differs from ${SPEC_FILE}`);
  }
  return Number(model !== null) + Number(spec !== null);
}

async function guarded<Value>(path: string, report: Report, read: () => Promise<Value>): Promise<Value | null> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    report(path, error.message);
    return null;
  }
}
