import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";

/**
 * What the snapshot writer needs of a disk. A port of its own so that tests can let any single step fail: the promise that a
 * reader sees a whole folder or none is about the order of these steps.
 */
export interface SnapshotFiles {
  /** Creates the folder and its parents; nothing happens when it exists. */
  createFolder(path: string): Promise<void>;
  /** Writes a new file and returns once it is durable. */
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  /** Returns once the names in the folder are durable. */
  syncFolder(path: string): Promise<void>;
  /** Moves a folder in one step within its file system. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a folder with everything in it; nothing happens when it is missing. */
  remove(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** Names in a folder; none when it is missing. */
  list(path: string): Promise<readonly string[]>;
  /** A name no other call returns. */
  uniqueName(): string;
}

export const diskFiles: SnapshotFiles = {
  async createFolder(path) {
    await mkdir(path, { recursive: true });
  },
  async writeFile(path, bytes) {
    await withHandle(await open(path, "wx"), async (handle) => {
      await handle.writeFile(bytes);
      await handle.sync();
    });
  },
  async syncFolder(path) {
    await withHandle(await open(path, "r"), (handle) => handle.sync());
  },
  rename,
  async remove(path) {
    await rm(path, { recursive: true, force: true });
  },
  async exists(path) {
    return (await stat(path).catch(ignoreMissing)) !== undefined;
  },
  async list(path) {
    return (await readdir(path).catch(ignoreMissing)) ?? [];
  },
  uniqueName: randomUUID,
};

async function withHandle(handle: FileHandle, use: (handle: FileHandle) => Promise<void>): Promise<void> {
  try {
    await use(handle);
  } finally {
    await handle.close();
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
