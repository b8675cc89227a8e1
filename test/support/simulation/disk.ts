import { cpSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { BlockingLogStore } from "../../../src/log/blocking-log.ts";
import { MemoryLogStore } from "../../../src/log/memory-log.ts";
import { SqliteLogStore } from "../../../src/log/sqlite/sqlite-log-store.ts";
import type { Random } from "../random.ts";

/** What outlives the processes of a simulation. */
export interface Disk {
  /** The logs as a process finds them that starts now. */
  store(): BlockingLogStore;
  /** Before an append: what is on the disk now is flushed. */
  flushed(): void;
  /** The process is killed: whatever it does from now on does not count. `tear` harms what it wrote since `flushed`. */
  kill(tear: boolean, chance: Random): void;
}

export class MemoryDisk implements Disk {
  readonly #store = new MemoryLogStore();

  store(): BlockingLogStore {
    return this.#store;
  }

  flushed(): void {}

  kill(): void {}
}

const FRAME_HEADER_BYTES = 24;
const WAL_HEADER_BYTES = 32;
const PAGE_BYTES = 16 * 1024;

/** SQLite files. A killed process leaves a copy of them as they stood at that moment, its write-ahead log included. */
export class SqliteDisk implements Disk {
  readonly #root: string;
  readonly #runId: string;
  #life = 0;
  #flushedBytes = 0;

  constructor(root: string, runId: string) {
    this.#root = root;
    this.#runId = runId;
  }

  get folder(): string {
    return path.join(this.#root, String(this.#life));
  }

  get file(): string {
    return path.join(this.folder, this.#runId, "log.sqlite");
  }

  get #wal(): string {
    return `${this.file}-wal`;
  }

  store(): BlockingLogStore {
    return new SqliteLogStore(this.folder);
  }

  flushed(): void {
    this.#flushedBytes = existsSync(this.#wal) ? statSync(this.#wal).size : 0;
  }

  kill(tear: boolean, chance: Random): void {
    const before = this.folder;
    this.#life++;
    cpSync(before, this.folder, { recursive: true });
    if (!tear || !existsSync(this.#wal)) return;
    const { size } = statSync(this.#wal);
    if (size <= this.#flushedBytes) return;
    const at = this.#flushedBytes + chance.below(size - this.#flushedBytes);
    if (chance.chance(0.5)) truncateSync(this.#wal, at);
    else flip(this.#wal, at, chance);
  }

  /** Flips a bit of what was flushed, or cuts it off, in a copy. @returns the copy's folder and what was done */
  damagedCopy(chance: Random, name: string): { readonly folder: string; readonly what: string } {
    const folder = path.join(this.#root, name);
    cpSync(this.folder, folder, { recursive: true });
    const file = path.join(folder, this.#runId, "log.sqlite");
    // The newest commit of a write-ahead log cannot be told from a torn one (format.md).
    const walBytes = existsSync(`${file}-wal`) ? newestCommit(readFileSync(`${file}-wal`)) : 0;
    const target = walBytes > 0 && chance.chance(0.5) ? `${file}-wal` : file;
    const size = target === file ? statSync(file).size : walBytes;
    const at = chance.below(size);
    if (target === file && chance.chance(0.3)) {
      truncateSync(target, at);
      return { folder, what: `${path.basename(target)} cut to ${at} of ${size} bytes` };
    }
    flip(target, at, chance);
    return { folder, what: `a bit of byte ${at} of ${path.basename(target)} (${size} bytes) flipped` };
  }
}

function flip(file: string, at: number, chance: Random): void {
  const bytes = readFileSync(file);
  bytes[at]! ^= 1 << chance.below(8);
  writeFileSync(file, bytes);
}

/** Where the newest commit begins: 0 when there is no other before it. */
function newestCommit(wal: Buffer): number {
  const size = FRAME_HEADER_BYTES + PAGE_BYTES;
  const salts = wal.subarray(16, 24);
  let [begin, next] = [0, 0];
  for (let at = WAL_HEADER_BYTES; at + size <= wal.length; at += size) {
    if (!salts.equals(wal.subarray(at + 8, at + 16))) break;
    if (wal.readUInt32BE(at + 4) === 0) continue;
    begin = next;
    next = at + size;
  }
  return begin;
}
