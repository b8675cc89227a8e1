import { mkdir, open, rename, rm } from "node:fs/promises";
import path from "node:path";

/**
 * Writes a file so that its readers see the old one or the new one, whole: aside in the same folder, then renamed. Folders
 * that are missing are made. Nothing stays of a write that fails.
 */
export async function replaceFile(
  file: string,
  chunks: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const aside = `${file}.${process.pid}.tmp`;
  try {
    await using handle = await open(aside, "w");
    for await (const chunk of chunks) await handle.writeFile(chunk);
    await handle.sync();
    await rename(aside, file);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}
