import { isUtf8 } from "node:buffer";

/** A frame with a few hundred metrics takes some 10 kB; whatever is longer is no frame, and must not fill the memory. */
export const MAX_LINE_BYTES = 1024 * 1024;

/** One line of NDJSON, 1-based, without its line end; or why it has no text. Blank lines are counted but not given. */
export type NdjsonLine =
  | { readonly line: number; readonly text: string }
  | { readonly line: number; readonly fault: "too_long" | "not_utf8"; readonly bytes: number };

const LF = 0x0a;
const CR = 0x0d;
/** Bytes of UTF-8 that one unit of a JavaScript string takes at most. */
const MAX_BYTES_A_UNIT = 3;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Cuts a stream of bytes into lines, wherever the chunks end (also inside a character). LF and CRLF end a line; the
 * last line needs no end. Holds at most one line of `maxLineBytes`: the rest of a longer one is dropped as it arrives.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  #line = 0;
  #parts: Buffer[] = [];
  #bytes = 0;

  /** @param maxLineBytes longest line taken, in bytes of UTF-8, its end not counted. Default 1 MiB. */
  constructor(maxLineBytes: number = MAX_LINE_BYTES) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Lines that `chunk` completes. */
  push(chunk: Uint8Array): NdjsonLine[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const lines: NdjsonLine[] = [];
    let start = 0;
    // What an earlier chunk began, and what may have a byte order mark.
    if (this.#bytes > 0 || this.#line === 0) start = this.#pushLine(bytes, 0, lines);
    const last = bytes.lastIndexOf(LF);
    if (last > start) {
      const whole = bytes.subarray(start, last);
      if (isUtf8(whole)) {
        for (const text of whole.toString("utf8").split("\n")) this.#take(text, lines);
        start = last + 1;
      }
    }
    while (start < bytes.length) start = this.#pushLine(bytes, start, lines);
    return lines;
  }

  /** The last line, when it had no end. */
  end(): NdjsonLine[] {
    const lines: NdjsonLine[] = [];
    if (this.#bytes > 0) this.#finish(lines);
    return lines;
  }

  /** The bytes from `start` to the end of their line, or of the chunk. @returns where the next line begins */
  #pushLine(bytes: Buffer, start: number, lines: NdjsonLine[]): number {
    const end = bytes.indexOf(LF, start);
    if (end < 0) {
      // Copied: the caller may fill the same chunk anew.
      if (start < bytes.length) this.#keep(Buffer.from(bytes.subarray(start)));
      return bytes.length;
    }
    this.#keep(bytes.subarray(start, end));
    this.#finish(lines);
    return end + 1;
  }

  /** A whole line of proper text, but for its end. */
  #take(text: string, lines: NdjsonLine[]): void {
    const line = ++this.#line;
    const content = text.endsWith("\r") ? text.slice(0, -1) : text;
    if (content.length * MAX_BYTES_A_UNIT > this.#maxLineBytes) {
      const bytes = Buffer.byteLength(content, "utf8");
      if (bytes > this.#maxLineBytes) {
        lines.push({ line, fault: "too_long", bytes });
        return;
      }
    }
    if (content.startsWith("{") || content.trim() !== "") lines.push({ line, text: content });
  }

  #keep(part: Buffer): void {
    // One byte more than allowed is held, so that a CR before the LF does not count.
    const room = this.#maxLineBytes + 1 - this.#bytes;
    if (room > 0 && part.length > 0) this.#parts.push(part.length > room ? part.subarray(0, room) : part);
    this.#bytes += part.length;
  }

  #finish(lines: NdjsonLine[]): void {
    let content = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    let bytes = this.#bytes;
    this.#parts = [];
    this.#bytes = 0;
    this.#line++;
    const isWhole = content.length === bytes;
    if (isWhole && content.at(-1) === CR) {
      content = content.subarray(0, -1);
      bytes--;
    }
    if (this.#line === 1 && content.subarray(0, 3).equals(BYTE_ORDER_MARK)) {
      content = content.subarray(3);
      bytes -= 3;
    }
    if (bytes > this.#maxLineBytes) {
      lines.push({ line: this.#line, fault: "too_long", bytes });
    } else if (!isUtf8(content)) {
      lines.push({ line: this.#line, fault: "not_utf8", bytes });
    } else {
      const text = content.toString("utf8");
      if (text.trim() !== "") lines.push({ line: this.#line, text });
    }
  }
}
