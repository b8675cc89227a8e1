import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import type { CaptureContent } from "../protocol/capture.ts";
import { AUTOCAPTURE_FILE, CAPTURE_MANIFEST_FILE } from "./capture.ts";
import type { JsonValue } from "./dotnet-json.ts";
import { parseJson } from "./json-text.ts";
import { requireSafeName } from "./layout.ts";
import { SnapshotError } from "./snapshot-error.ts";
import type { SnapshotFile } from "./text-file.ts";

export interface WriteCaptureOptions {
  /** Created when missing. */
  readonly directory: string;
  /** Whether an earlier capture there is replaced: its manifest and the files it lists. Default false: `capture_exists`. */
  readonly overwrite?: boolean;
  /** A second name for the manifest inside the folder. Default none. */
  readonly manifestCopy?: string;
}

/**
 * Writes a capture into a folder: aside first, and moved into place only when all of it is there, manifest.json last, so
 * that who waits for a manifest finds a whole capture. Whatever else is in the folder stays.
 * Throws `SnapshotError`, also what the capture itself throws; then the folder is as it was.
 */
export async function writeCapture(
  capture: AsyncGenerator<SnapshotFile, CaptureContent>,
  options: WriteCaptureOptions,
): Promise<CaptureContent> {
  const directory = path.resolve(options.directory);
  const manifest = path.join(directory, CAPTURE_MANIFEST_FILE);
  if (options.overwrite !== true && (await stat(manifest).catch(() => null)) !== null) {
    throw new SnapshotError(
      "capture_exists",
      `${directory} already holds a capture (${CAPTURE_MANIFEST_FILE}). Replace it with --overwrite, or choose another folder.`,
      { facts: { directory } },
    );
  }
  const first = await capture.next();
  const created = await mkdir(directory, { recursive: true }).catch((error: unknown) => {
    throw failed(directory, error);
  });
  const staging = await mkdtemp(path.join(directory, ".capture-")).catch((error: unknown) => {
    throw failed(directory, error);
  });
  let isDone = false;
  try {
    const { names, content } = await stage(first, capture, staging);
    await guard(directory, async () => {
      if (options.overwrite === true) await removeEarlier(directory);
      if (options.manifestCopy !== undefined) {
        await writeFile(
          path.join(directory, options.manifestCopy),
          await readFile(path.join(staging, CAPTURE_MANIFEST_FILE)),
        );
      }
      for (const name of names) {
        await mkdir(path.dirname(path.join(directory, name)), { recursive: true });
        await rename(path.join(staging, name), path.join(directory, name));
      }
    });
    isDone = true;
    return content;
  } finally {
    await rm(staging, { recursive: true, force: true });
    if (!isDone && created !== undefined) await rm(created, { recursive: true, force: true });
  }
}

async function stage(
  first: IteratorResult<SnapshotFile, CaptureContent>,
  capture: AsyncGenerator<SnapshotFile, CaptureContent>,
  staging: string,
): Promise<{ names: readonly string[]; content: CaptureContent }> {
  const names: string[] = [];
  for (let next = first; ; next = await capture.next()) {
    if (next.done === true) return { names, content: next.value };
    const { path: name, bytes } = next.value;
    requireInside(name);
    names.push(name);
    await guard(staging, async () => {
      await mkdir(path.dirname(path.join(staging, name)), { recursive: true });
      await writeFile(path.join(staging, name), bytes);
    });
  }
}

/** The manifest goes first: from then on there is no capture to mistake the rest for. */
async function removeEarlier(directory: string): Promise<void> {
  const manifest = path.join(directory, CAPTURE_MANIFEST_FILE);
  const names = listedFiles(await readFile(manifest, "utf8").catch(() => "null")).filter(isInside);
  await rm(manifest, { force: true });
  for (const name of [...names, AUTOCAPTURE_FILE]) await rm(path.join(directory, name), { force: true });
}

/** Files that an earlier manifest lists; none when it cannot be read: then nothing tells which are its own. */
function listedFiles(text: string): readonly string[] {
  const manifest = parseJson(text.replace(/^\ufeff/, ""));
  const files = manifest instanceof Map ? (manifest as ReadonlyMap<string, JsonValue>).get("files") : null;
  if (!Array.isArray(files)) return [];
  const paths = files.map((file) =>
    file instanceof Map ? (file as ReadonlyMap<string, JsonValue>).get("path") : null,
  );
  return paths.filter((name) => typeof name === "string");
}

function isInside(name: string): boolean {
  try {
    requireInside(name);
    return true;
  } catch (error) {
    if (error instanceof SnapshotError) return false;
    throw error;
  }
}

function requireInside(name: string): void {
  for (const component of name.split("/")) requireSafeName(component, `Capture file '${name}'`);
}

async function guard(directory: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    throw error instanceof SnapshotError ? error : failed(directory, error);
  }
}

function failed(directory: string, cause: unknown): SnapshotError {
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  const why = cause instanceof Error ? cause.message : String(cause);
  if (/^(EACCES|EPERM|EROFS|ENOTDIR|EEXIST)$/.test(code)) {
    return new SnapshotError("run_folder_access_denied", `${directory} cannot be written: ${why}`, { cause });
  }
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new SnapshotError(
    isFull ? "run_folder_no_space" : "run_folder_write_failed",
    isFull ? `There is no room to write ${directory}.` : `${directory} cannot be written: ${why}`,
    { cause },
  );
}
