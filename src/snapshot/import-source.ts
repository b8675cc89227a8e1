import { requireSafeName } from "./layout.ts";
import { SnapshotError } from "./snapshot-error.ts";

/** One plain file of what is to be imported. */
export interface ImportEntry {
  /** Relative, with forward slashes; every part is a plain name. */
  readonly path: string;
  /** As the source announces it; what is read is counted again. */
  readonly bytes: number;
  /** @throws SnapshotError `import_unreadable` */
  readonly read: () => AsyncIterable<Uint8Array>;
}

export interface ImportSource extends AsyncDisposable {
  readonly entries: readonly ImportEntry[];
}

export interface ImportLimits {
  /** Files and folders: a run of 10,000 series with room to spare. */
  readonly maxEntries: number;
  /** One file: a series of 10,000 bins has a quarter of a megabyte, the model of a large system some. */
  readonly maxFileBytes: number;
  /** All files, unpacked: 1,000 series of 10,000 bins by ten classes. */
  readonly maxTotalBytes: number;
  /** The archive itself. */
  readonly maxArchiveBytes: number;
  /** Unpacked bytes to packed ones. CSVs of a constant come to some 10; a bomb to hundreds or more. */
  readonly maxRatio: number;
}

const MIB = 1024 * 1024;
export const IMPORT_LIMITS: ImportLimits = {
  maxEntries: 20_000,
  maxFileBytes: 256 * MIB,
  maxTotalBytes: 2_048 * MIB,
  maxArchiveBytes: 512 * MIB,
  maxRatio: 100,
};
/** Below this the ratio says nothing: a short file of one character packs well and harms nobody. */
export const RATIO_FLOOR_BYTES = MIB;
/** Folders within folders: a run folder has three. */
const MAX_DEPTH = 16;

/** Counts what is announced or read against the limits. */
export class ImportBudget {
  readonly #limits: ImportLimits;
  #entries = 0;
  #bytes = 0;

  constructor(limits: ImportLimits) {
    this.#limits = limits;
  }

  /** @throws SnapshotError `import_too_large` */
  addEntry(): void {
    this.#entries += 1;
    const { maxEntries } = this.#limits;
    if (this.#entries > maxEntries) throw tooLarge(`it has more than ${maxEntries} files and folders`, { maxEntries });
  }

  /** @throws SnapshotError `import_too_large` */
  addBytes(path: string, ofFile: number, more: number): void {
    this.#bytes += more;
    const { maxFileBytes, maxTotalBytes } = this.#limits;
    if (ofFile > maxFileBytes) throw tooLarge(`${path} has more than ${maxFileBytes} bytes`, { path, maxFileBytes });
    if (this.#bytes > maxTotalBytes) {
      throw tooLarge(`its files have more than ${maxTotalBytes} bytes together`, { maxTotalBytes });
    }
  }
}

/** The path in its plain form. @throws SnapshotError `import_unsafe` for one that could name anything outside of its folder */
export function safeEntryPath(written: string): string {
  const refuse = (why: string) => unsafe(`'${written}' ${why}`, { path: written });
  if (/^([/\\]|[A-Za-z]:)/.test(written)) throw refuse("is an absolute path");
  const parts = written.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length === 0) throw refuse("names no file");
  if (parts.length > MAX_DEPTH) throw refuse(`lies more than ${MAX_DEPTH} folders deep`);
  for (const part of parts) {
    if (part === "..") throw refuse("leads out of its folder");
    try {
      requireSafeName(part, `Path '${written}'`);
    } catch (error) {
      throw error instanceof SnapshotError ? unsafe(error.message, { path: written }) : error;
    }
  }
  return parts.join("/");
}

export function tooLarge(why: string, facts: SnapshotError["facts"] = {}): SnapshotError {
  return new SnapshotError("import_too_large", `It is not imported: ${why}, which is more than a run needs.`, {
    facts,
  });
}

export function unsafe(why: string, facts: SnapshotError["facts"] = {}): SnapshotError {
  return new SnapshotError("import_unsafe", `It is not imported: ${why}.`, { facts });
}

export function notImportable(why: string, cause?: unknown): SnapshotError {
  return new SnapshotError("import_unreadable", `It is not imported: ${why}.`, cause === undefined ? {} : { cause });
}
