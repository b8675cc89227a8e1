import { createHash, type Hash } from "node:crypto";

/** A file of a run folder; `path` is relative to the folder, with forward slashes. */
export interface SnapshotFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

const BYTE_ORDER_MARK = "\ufeff";

/** UTF-8 with byte order mark: most of a run folder (artifacts.md §3.1). File hashes include the mark. */
export function markedFile(path: string, text: string): SnapshotFile {
  return { path, bytes: Buffer.from(BYTE_ORDER_MARK + text, "utf8") };
}

/** UTF-8 without byte order mark. */
export function plainFile(path: string, text: string): SnapshotFile {
  return { path, bytes: Buffer.from(text, "utf8") };
}

/** Text of bytes from disk, without a leading byte order mark. */
export function decodeText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

/** `sha256:` and 64 lower-case hex digits. */
export function sha256(content: Uint8Array | string): string {
  return hashText(createHash("sha256").update(content));
}

/** The same of a hash that has been given its content. */
export function hashText(hash: Hash): string {
  return `sha256:${hash.digest("hex")}`;
}
