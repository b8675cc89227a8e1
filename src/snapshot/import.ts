import { mkdir, open } from "node:fs/promises";
import path from "node:path";
import {
  IMPORT_LIMITS,
  ImportBudget,
  type ImportEntry,
  type ImportLimits,
  type ImportSource,
  notImportable,
  unsafe,
} from "./import-source.ts";
import { RUN_FILE } from "./layout.ts";
import { isObject, optionalText } from "./reader.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { diskFiles } from "./snapshot-files.ts";
import { decodeText } from "./text-file.ts";
import { verifyRunFolder } from "./verify.ts";
import { placeRunFolder } from "./writer.ts";

export interface ImportOptions {
  /** Folder of run folders. */
  readonly root: string;
  /** See `WriteOptions`. */
  readonly stagingRoot: string;
  /** For a run whose run.json has no id. Default the name of the source. */
  readonly runId?: string;
  /** Default false: a run of that id is left alone, `run_folder_exists`. */
  readonly overwrite?: boolean;
  /** Default `IMPORT_LIMITS`. */
  readonly limits?: ImportLimits;
}

export interface ImportedRun {
  readonly runId: string;
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
}

/** run.json of a run of many series and warnings has some megabytes. */
const MAX_RUN_FILE_BYTES = 64 * 1024 * 1024;
/** Names in the data folder that are not run folders. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(["live", "runs", "engine.json", "registry-index.json"]);

/**
 * Brings a run folder, or a zip archive of one, into a data folder: all of it or nothing. It is copied aside, verified
 * there, and renamed into place; no path leaves the folder, and no link is followed or made.
 * @param source folder or zip archive; the run lies in it or in one of its direct subfolders
 * @throws SnapshotError `import_…`, `run_folder_…`
 */
export async function importRun(
  source: ImportSource,
  sourceName: string,
  options: ImportOptions,
): Promise<ImportedRun> {
  const entries = runEntries(source.entries);
  const runId = await runIdOf(entries, options.runId ?? sourceName);
  const budget = new ImportBudget(options.limits ?? IMPORT_LIMITS);
  let bytes = 0;
  const directory = await placeRunFolder(runId, options, async (fresh) => {
    bytes = await copyEntries(entries, fresh, budget);
    await requireSound(fresh);
  });
  return { runId, directory, files: entries.length, bytes };
}

/** The files below the folder that holds run.json: the source itself, else its first direct subfolder that does. */
function runEntries(entries: readonly ImportEntry[]): readonly ImportEntry[] {
  const isRun = (prefix: string) => entries.some((entry) => entry.path === `${prefix}${RUN_FILE}`);
  const folders = entries.flatMap((entry) => /^[^/]+\//.exec(entry.path)?.[0] ?? []);
  const root = isRun("") ? "" : [...new Set(folders)].sort().find(isRun);
  if (root === undefined) throw notImportable(`it holds no ${RUN_FILE}, so it is no run folder`);
  return entries
    .filter((entry) => entry.path.startsWith(root))
    .map((entry) => ({ ...entry, path: entry.path.slice(root.length) }));
}

async function runIdOf(entries: readonly ImportEntry[], fallback: string): Promise<string> {
  const file = entries.find((entry) => entry.path === RUN_FILE)!;
  if (file.bytes > MAX_RUN_FILE_BYTES) throw notImportable(`${RUN_FILE} has ${file.bytes} bytes`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.read()) chunks.push(chunk);
  let run: unknown;
  try {
    run = JSON.parse(decodeText(Buffer.concat(chunks)));
  } catch (error) {
    throw notImportable(`${RUN_FILE} is not JSON`, error);
  }
  const written = isObject(run) ? optionalText(run, "runId")?.trim() : null;
  const runId = written ? written : fallback;
  if (runId.startsWith(".") || RESERVED_NAMES.has(runId.toLowerCase()) || /[/\\\0]/.test(runId)) {
    throw unsafe(`its run id '${runId}' cannot be the name of a run folder`, { runId });
  }
  return runId;
}

async function copyEntries(entries: readonly ImportEntry[], directory: string, budget: ImportBudget): Promise<number> {
  const folders = new Set([directory]);
  let total = 0;
  for (const entry of entries) {
    const target = path.join(directory, ...entry.path.split("/"));
    const folder = path.dirname(target);
    await mkdir(folder, { recursive: true });
    for (let at = folder; at !== directory; at = path.dirname(at)) folders.add(at);
    budget.addEntry();
    await using handle = await open(target, "wx");
    let bytes = 0;
    for await (const chunk of entry.read()) {
      bytes += chunk.length;
      // Counted as it comes: what is announced may be a lie, and a file may grow while it is read.
      budget.addBytes(entry.path, bytes, chunk.length);
      await handle.writeFile(chunk);
    }
    await handle.sync();
    total += bytes;
  }
  for (const folder of folders) await diskFiles.sync(folder);
  return total;
}

async function requireSound(directory: string): Promise<void> {
  const { problems } = await verifyRunFolder(directory);
  const [first] = problems;
  if (first === undefined) return;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  // The folder aside means nothing to anyone.
  const problem = first.problem.replaceAll(` at ${directory}`, "").replaceAll(` in ${directory}`, "");
  throw new SnapshotError("import_not_sound", `It is not imported: ${first.path}: ${problem}${more}.`, {
    facts: { path: first.path },
  });
}
