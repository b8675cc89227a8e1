import { stat } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import {
  ImportBudget,
  type ImportEntry,
  type ImportLimits,
  type ImportSource,
  notImportable,
  RATIO_FLOOR_BYTES,
  safeEntryPath,
  tooLarge,
  unsafe,
} from "./import-source.ts";
import { SnapshotError } from "./snapshot-error.ts";

/** Kinds of files in the Unix mode of an entry (`st_mode`); 0 where the archive was not made on Unix. */
const KIND_MASK = 0o170000;
const PLAIN_FILE = 0o100000;
const FOLDER = 0o040000;
const SYMBOLIC_LINK = 0o120000;
const MADE_ON_UNIX = 3;

/**
 * The files of a zip archive. Everything its directory says is judged before a byte is unpacked; nothing is written here.
 * @throws SnapshotError `import_unreadable`, `import_too_large`, `import_unsafe`
 */
export async function openArchive(file: string, limits: ImportLimits): Promise<ImportSource> {
  const { size } = await stat(file);
  if (size > limits.maxArchiveBytes) throw tooLarge(`${file} has ${size} bytes`, { bytes: size });
  const zip = await openPromise(file, { lazyEntries: true, autoClose: false, strictFileNames: true }).catch((error) => {
    throw broken(error);
  });
  try {
    return { entries: await listEntries(zip, size, limits), [Symbol.asyncDispose]: async () => zip.close() };
  } catch (error) {
    zip.close();
    throw error instanceof SnapshotError ? error : broken(error);
  }
}

async function listEntries(zip: ZipFile, archiveBytes: number, limits: ImportLimits): Promise<readonly ImportEntry[]> {
  const budget = new ImportBudget(limits);
  const entries = new Map<string, ImportEntry>();
  let totalBytes = 0;
  for await (const entry of zip.eachEntry()) {
    budget.addEntry();
    const path = safeEntryPath(entry.fileName);
    if (isFolder(entry, path)) continue;
    if (entries.has(path)) throw unsafe(`'${path}' is in the archive twice`, { path });
    const { uncompressedSize: bytes, compressedSize } = entry;
    budget.addBytes(path, bytes, bytes);
    totalBytes += bytes;
    if (isBomb(bytes, compressedSize, limits)) {
      throw tooLarge(`${path} unpacks from ${compressedSize} to ${bytes} bytes`, { path, bytes, compressedSize });
    }
    entries.set(path, { path, bytes, read: () => unpack(zip, entry, path) });
  }
  for (const path of entries.keys()) {
    const parent = parentsOf(path).find((name) => entries.has(name));
    if (parent !== undefined) throw unsafe(`'${parent}' is both a file and a folder`, { path: parent });
  }
  // Entries may share their packed bytes, so that each of them looks harmless.
  if (isBomb(totalBytes, archiveBytes, limits)) {
    throw tooLarge(`it unpacks from ${archiveBytes} to ${totalBytes} bytes`, { archiveBytes, totalBytes });
  }
  return [...entries.values()];
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

function isBomb(bytes: number, packed: number, { maxRatio }: ImportLimits): boolean {
  return bytes > RATIO_FLOOR_BYTES && bytes > packed * maxRatio;
}

/** @throws SnapshotError `import_unsafe` for what is neither a folder nor a plain file */
function isFolder(entry: Entry, path: string): boolean {
  const isUnix = entry.versionMadeBy >> 8 === MADE_ON_UNIX;
  const kind = isUnix ? (entry.externalFileAttributes >>> 16) & KIND_MASK : 0;
  if (kind === SYMBOLIC_LINK) throw unsafe(`${path} is a symbolic link`, { path });
  if (kind !== 0 && kind !== PLAIN_FILE && kind !== FOLDER)
    throw unsafe(`${path} is a device, pipe or socket`, { path });
  if (entry.isEncrypted()) throw unsafe(`${path} is encrypted`, { path });
  return kind === FOLDER || entry.fileName.endsWith("/");
}

async function* unpack(zip: ZipFile, entry: Entry, path: string): AsyncGenerator<Uint8Array> {
  let checksum = 0;
  try {
    // The package compares the size with the announced one while it unpacks, and does not check the sum.
    for await (const chunk of await zip.openReadStreamPromise(entry)) {
      checksum = crc32(chunk, checksum);
      yield chunk;
    }
  } catch (error) {
    throw notImportable(`${path} cannot be unpacked (${(error as Error).message})`, error);
  }
  if (checksum !== entry.crc32) throw notImportable(`${path} is corrupt: its checksum is not the archive's`);
}

function broken(error: unknown): SnapshotError {
  const why = error instanceof Error ? error.message : String(error);
  // The package itself refuses names that lead out of the folder.
  if (/^(absolute path|invalid relative path|invalid characters in fileName)/.test(why)) return unsafe(why);
  return notImportable(`it is no zip archive, or one that is corrupt or cut (${why})`, error);
}
