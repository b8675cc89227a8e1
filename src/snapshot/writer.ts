import path from "node:path";
import type { RunFolderStream } from "./assemble.ts";
import { requireSafeName } from "./layout.ts";
import { SnapshotError, type SnapshotErrorCode } from "./snapshot-error.ts";
import { diskFiles, type SnapshotFiles } from "./snapshot-files.ts";

export interface WriteOptions {
  /** Folder of run folders; created when missing. */
  readonly root: string;
  /**
   * Where folders are assembled: on the file system of `root`, but not inside it, where readers look; one for each root.
   * Created when missing.
   */
  readonly stagingRoot: string;
  /** Whether a folder of that name is replaced. Default false: `run_folder_exists`. */
  readonly overwrite?: boolean;
  /** Default the disk. */
  readonly files?: SnapshotFiles;
}

/**
 * Writes a run folder so that a reader of `root` sees it whole or not at all, also after a crash: everything is written
 * and made durable aside, then renamed into place. Replacing a folder moves the old one aside first; a reader may miss it
 * for that moment.
 * Returns the absolute path. Throws `SnapshotError`; then nothing of the new folder is in `root` and a folder that was to be
 * replaced is back in place, unless only the last step failed, which makes the new name durable. What a crash leaves is put
 * right by the next write of any process.
 */
export function writeRunFolder(folder: RunFolderStream, options: WriteOptions): Promise<string> {
  const files = options.files ?? diskFiles;
  return placeRunFolder(folder.folderName, options, (fresh) => fill(files, folder, fresh));
}

/**
 * The same for a folder that is filled by `write`, which gets its path aside, makes it, and returns once all in it is
 * durable; what it throws undoes everything.
 */
export async function placeRunFolder(
  folderName: string,
  options: WriteOptions,
  write: (directory: string) => Promise<void>,
): Promise<string> {
  const files = options.files ?? diskFiles;
  requireSafeName(folderName, `Run id '${folderName}'`);
  const root = path.resolve(options.root);
  const target = path.join(root, folderName);
  const stagingRoot = path.resolve(options.stagingRoot);
  const staging = path.join(stagingRoot, `${STAGING_PREFIX}${writerTag()}-${files.uniqueName()}`);
  try {
    await files.createFolder(root);
    await files.createFolder(stagingRoot);
    await sweepStale(files, stagingRoot, root);
    if (options.overwrite !== true && (await files.exists(target))) throw alreadyExists(target);
    const fresh = path.join(staging, "new");
    await write(fresh);
    await files.sync(staging);
    await putInPlace(files, fresh, target, staging, options.overwrite === true);
    await files.sync(root);
  } catch (error) {
    throw asSnapshotError(error, target);
  } finally {
    // What cannot be discarded now is no harm to readers and is swept by the next writer.
    await discard(files, staging, root).catch(() => undefined);
  }
  return target;
}

/** @throws an error with code `ENOSPC`, before the disk is full */
async function requireRoom(files: SnapshotFiles, directory: string, bytes: number): Promise<void> {
  if ((await files.roomBytes(directory)) >= bytes) return;
  throw Object.assign(new Error("too little space would stay free"), { code: "ENOSPC", path: directory });
}

/** Takes a run folder away in one step, then removes it. Nothing happens when there is none of that name. */
export async function removeRunFolder(folderName: string, options: WriteOptions): Promise<void> {
  const files = options.files ?? diskFiles;
  requireSafeName(folderName, `Run id '${folderName}'`);
  const root = path.resolve(options.root);
  const target = path.join(root, folderName);
  const staging = path.join(path.resolve(options.stagingRoot), `${STAGING_PREFIX}${writerTag()}-${files.uniqueName()}`);
  if (!(await files.exists(target))) return;
  try {
    await files.createFolder(staging);
    await files.rename(target, path.join(staging, "removed"));
    await files.sync(root);
    await files.remove(staging);
  } catch (error) {
    throw asSnapshotError(error, target);
  }
}

/** Discards what writers left that are no longer alive, and puts back what they had moved aside. */
export async function sweepStaging(options: WriteOptions): Promise<void> {
  await sweepStale(options.files ?? diskFiles, path.resolve(options.stagingRoot), path.resolve(options.root));
}

async function fill(files: SnapshotFiles, folder: RunFolderStream, directory: string): Promise<void> {
  const made = new Set<string>();
  const written: string[] = [];
  const make = async (name: string): Promise<void> => {
    if (made.has(name)) return;
    if (name !== directory) await make(path.dirname(name));
    made.add(name);
    await files.createFolder(name);
  };
  await make(directory);
  for (const name of folder.emptyFolders) await make(path.join(directory, name));
  for (const file of folder.files) {
    const target = path.join(directory, file.path);
    await requireRoom(files, directory, file.bytes.length);
    await make(path.dirname(target));
    await files.writeFile(target, file.bytes);
    written.push(target);
  }
  // All are written before the first is waited for: one commit of the file system's journal then serves many.
  for (const name of [...written, ...made]) await files.sync(name);
}

async function putInPlace(
  files: SnapshotFiles,
  fresh: string,
  target: string,
  staging: string,
  overwrite: boolean,
): Promise<void> {
  if (await files.exists(target)) {
    if (!overwrite) throw alreadyExists(target);
    const aside = path.join(staging, REPLACED_FOLDER);
    await files.createFolder(aside);
    await files.rename(target, path.join(aside, path.basename(target)));
  }
  await files.rename(fresh, target);
}

/** Removes a staging folder. A run folder moved aside in it whose successor never arrived goes back to `root` first. */
async function discard(files: SnapshotFiles, staging: string, root: string): Promise<void> {
  const aside = path.join(staging, REPLACED_FOLDER);
  for (const name of await files.list(aside)) {
    const target = path.join(root, name);
    if (!(await files.exists(target))) await files.rename(path.join(aside, name), target);
  }
  await files.remove(staging);
}

const REPLACED_FOLDER = "replaced";
const STAGING_PREFIX = "staging-";

/** Process id and start time: an id alone may belong to another process by the next sweep. */
function writerTag(): string {
  return `${process.pid}-${Math.round(performance.timeOrigin)}`;
}

/** Discards what writers left that are no longer alive. */
async function sweepStale(files: SnapshotFiles, stagingRoot: string, root: string): Promise<void> {
  for (const name of await files.list(stagingRoot)) {
    const match = /^staging-(\d+)-(\d+)-/.exec(name);
    if (match === null || name.startsWith(`${STAGING_PREFIX}${writerTag()}-`)) continue;
    const pid = Number(match[1]);
    if (pid === process.pid || !isAlive(pid)) await discard(files, path.join(stagingRoot, name), root);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function alreadyExists(target: string): SnapshotError {
  return new SnapshotError(
    "run_folder_exists",
    `Run directory '${target}' already exists. Enable Overwrite to replace it.`,
    { facts: { path: target } },
  );
}

const FAILURES: Readonly<Record<string, { code: SnapshotErrorCode; reason: string; retryable: boolean }>> = {
  EACCES: { code: "run_folder_access_denied", reason: "no permission to write there", retryable: false },
  EPERM: { code: "run_folder_access_denied", reason: "no permission to write there", retryable: false },
  EROFS: { code: "run_folder_access_denied", reason: "the file system is read-only", retryable: false },
  ENOSPC: { code: "run_folder_no_space", reason: "the disk is full; free some space and try again", retryable: true },
  EDQUOT: { code: "run_folder_no_space", reason: "the disk quota is used up", retryable: true },
  EXDEV: {
    code: "run_folder_write_failed",
    reason: "the staging folder is on another file system than the run folders; put both on one",
    retryable: false,
  },
};

function asSnapshotError(error: unknown, target: string): SnapshotError {
  if (error instanceof SnapshotError) return error;
  const { code = "", message, path: place } = error as NodeJS.ErrnoException;
  // Another writer put a folder of that name in place between the check and the rename.
  if (code === "ENOTEMPTY" || code === "EEXIST") return alreadyExists(target);
  const known = FAILURES[code];
  const reason = known?.reason ?? message;
  const where = place === undefined ? "" : ` (at '${place}')`;
  return new SnapshotError(
    known?.code ?? "run_folder_write_failed",
    `Run folder '${target}' was not written: ${reason}${where}.`,
    { facts: { path: target, systemCode: code }, cause: error, retryable: known?.retryable ?? false },
  );
}
