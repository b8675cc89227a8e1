import { randomUUID } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  type StatsFs,
  statfsSync,
  writeSync,
} from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";

/**
 * What the snapshot writer needs of a disk. A port of its own so that tests can let any single step fail: the promise that a
 * reader sees a whole folder or none is about the order of these steps.
 */
export interface SnapshotFiles {
  /** Creates the folder and its parents; nothing happens when it exists. */
  createFolder(path: string): Promise<void>;
  /** Writes a new file; `sync` makes it durable. */
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  /** Returns once the content of a file, or the names in a folder, are durable. */
  sync(path: string): Promise<void>;
  /** Moves a folder in one step within its file system. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a folder with everything in it; nothing happens when it is missing. */
  remove(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** Bytes that may be written to the file system of a folder: what is free less a reserve. */
  roomBytes(path: string): Promise<number>;
  /** Names in a folder; none when it is missing. */
  list(path: string): Promise<readonly string[]>;
  /** A name no other call returns. */
  uniqueName(): string;
}

/** Space that snapshots leave free, so that the log of a live run still has room: 64 MiB, on a small disk 5 %. */
const RESERVED_BYTES = 64 * 1024 * 1024;
const RESERVED_SHARE = 0.05;

function roomOf({ bavail, bsize, blocks }: StatsFs): number {
  return bavail * bsize - Math.min(RESERVED_BYTES, blocks * bsize * RESERVED_SHARE);
}

export const diskFiles: SnapshotFiles = {
  async createFolder(path) {
    await mkdir(path, { recursive: true });
  },
  async writeFile(path, bytes) {
    await withHandle(await open(path, "wx"), (handle) => handle.writeFile(bytes));
  },
  async sync(path) {
    await withHandle(await open(path, "r"), (handle) => handle.sync());
  },
  rename,
  async remove(path) {
    await rm(path, { recursive: true, force: true });
  },
  async exists(path) {
    return (await stat(path).catch(ignoreMissing)) !== undefined;
  },
  roomBytes: async (path) => roomOf(await statfs(path)),
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

/**
 * The same disk for a thread of its own, which may wait: the calls of `diskFiles` share the few threads that the whole
 * process has for files and compression, and a snapshot of a thousand files would hold up others there.
 */
export const waitingDiskFiles: SnapshotFiles = {
  async createFolder(path) {
    mkdirSync(path, { recursive: true });
  },
  async writeFile(path, bytes) {
    withDescriptor(openSync(path, "wx"), (descriptor) => {
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    });
  },
  async sync(path) {
    withDescriptor(openSync(path, "r"), fsyncSync);
  },
  async rename(from, to) {
    renameSync(from, to);
  },
  async remove(path) {
    rmSync(path, { recursive: true, force: true });
  },
  exists: async (path) => existsSync(path),
  roomBytes: async (path) => roomOf(statfsSync(path)),
  list: async (path) => (existsSync(path) ? readdirSync(path) : []),
  uniqueName: randomUUID,
};

/** The same for what can simply be made again: it does not wait until the disk has it. */
export const quickDiskFiles: SnapshotFiles = { ...waitingDiskFiles, sync: async () => {} };

function withDescriptor(descriptor: number, use: (descriptor: number) => void): void {
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
