import { createHash } from "node:crypto";
import { open, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { BundleError } from "./bundle-error.ts";

/** A year of minutes is 20 MB; more than this in one file is a mistake rather than a bundle. */
export const MAX_FILE_BYTES = 512 * 1024 * 1024;

/** Files of one bundle folder, and nothing outside it: not by `..`, not by an absolute path, not through a link. */
export class BundleFolder {
  readonly #root: string;
  readonly #realRoot: string;

  private constructor(root: string, realRoot: string) {
    this.#root = root;
    this.#realRoot = realRoot;
  }

  /** @throws BundleError `bundle_not_found` */
  static async open(dir: string): Promise<BundleFolder> {
    const root = path.resolve(dir);
    const info = await stat(root).catch(() => null);
    if (info === null) throw new BundleError("bundle_not_found", `There is no folder ${dir}.`, { facts: { dir } });
    if (!info.isDirectory()) {
      throw new BundleError("bundle_not_found", `${dir} is not a folder.`, { facts: { dir } });
    }
    return new BundleFolder(root, await realpath(root));
  }

  get root(): string {
    return this.#root;
  }

  /** The file's bytes, null when there is none. @throws BundleError `path_outside_bundle`, `too_large`, `unreadable` */
  async read(relative: string): Promise<Buffer | null> {
    const file = await this.#locate(relative);
    return file === null ? null : readBounded(file, relative, 0);
  }

  /** What tells that a file has changed, null when there is none. */
  async stat(relative: string): Promise<FileStamp | null> {
    const file = await this.#locate(relative);
    if (file === null) return null;
    const info = await stat(file).catch(() => null);
    return info?.isFile() ? { bytes: info.size, modifiedMs: info.mtimeMs, inode: info.ino } : null;
  }

  /** The file's bytes from `offset` on, null when there is none. */
  async readFrom(relative: string, offset: number): Promise<Buffer | null> {
    const file = await this.#locate(relative);
    return file === null ? null : readBounded(file, relative, offset);
  }

  /**
   * Where in the bundle a model's `file:` reference points (artifacts.md §11.4), null when that is outside of it or
   * not a file reference. `file://telemetry/x.csv` is looked up in the folder `telemetry` and then beside the model.
   */
  async locateReference(reference: string): Promise<string | null> {
    const candidates = referencePaths(reference, this.#root).filter((candidate) => isInside(this.#root, candidate));
    for (const candidate of candidates) {
      const relative = path.relative(this.#root, candidate);
      if ((await this.stat(relative)) !== null) return relative;
    }
    return candidates.length === 0 ? null : path.relative(this.#root, candidates[0]!);
  }

  async #locate(relative: string): Promise<string | null> {
    const file = path.resolve(this.#root, relative);
    if (!isInside(this.#root, file)) throw outside(relative);
    let real: string;
    try {
      real = await realpath(file);
    } catch (error) {
      if (isMissing(error)) return null;
      throw unreadable(relative, error);
    }
    if (!isInside(this.#realRoot, real)) throw outside(relative);
    return real;
  }
}

export interface FileStamp {
  readonly bytes: number;
  readonly modifiedMs: number;
  readonly inode: number;
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function readBounded(file: string, relative: string, offset: number): Promise<Buffer> {
  try {
    await using handle = await open(file, "r");
    const { size } = await handle.stat();
    if (size > MAX_FILE_BYTES) {
      throw new BundleError("too_large", `${relative} has ${size} bytes; at most ${MAX_FILE_BYTES} are read.`, {
        facts: { file: relative, bytes: size, limit: MAX_FILE_BYTES },
      });
    }
    const bytes = Buffer.alloc(Math.max(0, size - offset));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset);
    return bytes.subarray(0, bytesRead);
  } catch (error) {
    throw error instanceof BundleError ? error : unreadable(relative, error);
  }
}

function referencePaths(reference: string, root: string): readonly string[] {
  if (!/^file:/i.test(reference)) return [];
  const rest = reference.slice("file:".length);
  const host = /^\/\/([^/\\]+)[/\\](.*)$/.exec(rest);
  if (host !== null) {
    const below = host[2]!;
    if (host[1]!.toLowerCase() !== "telemetry") return [];
    return [path.resolve(root, "telemetry", below), path.resolve(root, below)];
  }
  if (!rest.startsWith("/")) return [path.resolve(root, rest)];
  try {
    return [fileURLToPath(`file://${rest.replace(/^\/+/, "/")}`)];
  } catch {
    // Not a path on this system: then it is certainly not one inside the bundle.
    return [];
  }
}

function isInside(root: string, file: string): boolean {
  const relative = path.relative(root, file);
  return relative !== "" && relative !== ".." && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return code === "ENOENT" || code === "ENOTDIR";
}

function outside(relative: string): BundleError {
  return new BundleError("path_outside_bundle", `'${relative}' leads out of the bundle's folder; it is not read.`, {
    facts: { path: relative },
  });
}

function unreadable(relative: string, cause: unknown): BundleError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BundleError("unreadable", `${relative} cannot be read: ${why}`, { cause, facts: { file: relative } });
}
