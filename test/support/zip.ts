import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { ZipFile } from "yazl";

export interface ZipEntry {
  readonly path: string;
  readonly bytes: Buffer;
  /** `st_mode`. Default a plain file. */
  readonly mode?: number;
}

/** Every file below a folder, by the path it is to have in an archive. */
export function zipEntries(directory: string, prefix = ""): ZipEntry[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    return entry.isDirectory() ? zipEntries(file, name) : [{ path: name, bytes: readFileSync(file) }];
  });
}

export async function zip(entries: readonly ZipEntry[]): Promise<Buffer> {
  const archive = new ZipFile();
  for (const { path: name, bytes, mode } of entries) archive.addBuffer(bytes, name, mode === undefined ? {} : { mode });
  archive.end();
  return buffer(archive.outputStream);
}

/** The same archive with other bytes of the same length, everywhere: what no honest program writes. */
export function patched(archive: Buffer, from: string, to: string): Buffer {
  if (from.length !== to.length || !archive.includes(from)) throw new Error(`cannot patch '${from}'`);
  return Buffer.from(archive.toString("latin1").replaceAll(from, to), "latin1");
}

export function writeZip(scratch: string, bytes: Buffer): string {
  const file = path.join(scratch, "run.zip");
  writeFileSync(file, bytes);
  return file;
}
