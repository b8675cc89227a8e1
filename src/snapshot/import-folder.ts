import { createReadStream } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import path from "node:path";
import {
  ImportBudget,
  type ImportEntry,
  type ImportLimits,
  type ImportSource,
  notImportable,
  safeEntryPath,
  unsafe,
} from "./import-source.ts";

/** The plain files of a folder. Links are not followed: what they lead to is not the sender's to give. */
export async function openFolder(directory: string, limits: ImportLimits): Promise<ImportSource> {
  const budget = new ImportBudget(limits);
  const entries: ImportEntry[] = [];
  const walk = async (prefix: string): Promise<void> => {
    for (const name of (await readdir(path.join(directory, prefix))).sort()) {
      budget.addEntry();
      const relative = safeEntryPath(prefix === "" ? name : `${prefix}/${name}`);
      const file = path.join(directory, relative);
      const info = await lstat(file);
      if (info.isDirectory()) await walk(relative);
      else if (info.isFile()) {
        budget.addBytes(relative, info.size, info.size);
        entries.push({ path: relative, bytes: info.size, read: () => readFile(file, relative) });
      } else {
        throw unsafe(`${relative} is ${info.isSymbolicLink() ? "a symbolic link" : "a device, pipe or socket"}`, {
          path: relative,
        });
      }
    }
  };
  try {
    await walk("");
  } catch (error) {
    throw isSystemError(error)
      ? notImportable(`${directory} cannot be read (${(error as Error).message})`, error)
      : error;
  }
  return { entries, [Symbol.asyncDispose]: async () => {} };
}

async function* readFile(file: string, relative: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file);
  } catch (error) {
    throw notImportable(`${relative} cannot be read (${(error as Error).message})`, error);
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
