import { readFile, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { type CaptureManifest, readCaptureManifest } from "./bundle-manifest.ts";
import { readTelemetryValues } from "./bundle-series.ts";
import { CAPTURE_MANIFEST_FILE } from "./capture.ts";
import { requireSafeName, TELEMETRY_FOLDER } from "./layout.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { decodeText, type SnapshotFile } from "./text-file.ts";

/** A year of minutes is 20 MB; more than this in one file is a mistake rather than a capture. */
export const MAX_CAPTURE_FILE_BYTES = 512 * 1024 * 1024;

/** A capture folder with everything its manifest lists. */
export interface CaptureFolder {
  readonly directory: string;
  readonly manifest: CaptureManifest;
  /** Values by path as the manifest writes it. */
  readonly values: ReadonlyMap<string, Float64Array>;
  /** Absolute paths of the listed files, in order. */
  readonly paths: readonly string[];
  /** The listed CSVs byte for byte, at their place in a bundled run. */
  readonly files: readonly SnapshotFile[];
}

/**
 * Reads a capture (artifacts.md §10.1). A file that is listed twice is read once, where FlowTime's bundler fails. Throws
 * `SnapshotError`: `capture_not_found`, `capture_malformed`, `id_unsafe` for a path that leads out of the folder.
 */
export async function readCaptureFolder(name: string): Promise<CaptureFolder> {
  const directory = path.resolve(name);
  const info = await stat(directory).catch(() => null);
  if (!info?.isDirectory()) throw missing(`Directory not found: ${directory}`);
  const manifestPath = path.join(directory, CAPTURE_MANIFEST_FILE);
  const bytes = await readFile(manifestPath).catch(() => null);
  if (bytes === null) throw missing(`Telemetry manifest not found: ${manifestPath}`);
  const manifest = readCaptureManifest(decodeText(bytes), manifestPath);
  const root = await realpath(directory);
  const values = new Map<string, Float64Array>();
  const files: SnapshotFile[] = [];
  const paths: string[] = [];
  for (const { path: listed } of manifest.files) {
    if (values.has(listed)) continue;
    for (const component of listed.split("/")) requireSafeName(component, `Captured file '${listed}'`);
    const file = path.join(directory, listed);
    const content = await readInside(root, file);
    values.set(listed, readTelemetryValues(decodeText(content), file, manifest.grid.bins));
    files.push({ path: `${TELEMETRY_FOLDER}/${path.posix.basename(listed)}`, bytes: content });
    paths.push(file);
  }
  return { directory, manifest, values, paths, files };
}

async function readInside(root: string, file: string): Promise<Uint8Array> {
  const real = await realpath(file).catch(() => null);
  if (real === null) throw missing(`Telemetry CSV not found: ${file}`);
  if (!real.startsWith(root + path.sep)) {
    throw new SnapshotError("id_unsafe", `${file} leads out of the capture's folder; it is not read.`, {
      facts: { file },
    });
  }
  const { size } = await stat(real);
  if (size > MAX_CAPTURE_FILE_BYTES) {
    throw new SnapshotError(
      "capture_malformed",
      `${file} has ${size} bytes; at most ${MAX_CAPTURE_FILE_BYTES} are read.`,
      { facts: { file } },
    );
  }
  return readFile(real);
}

function missing(message: string): SnapshotError {
  return new SnapshotError("capture_not_found", message);
}
