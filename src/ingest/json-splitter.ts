import { MAX_LINE_BYTES, type NdjsonLine } from "./ndjson.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** What a JSON body cannot be: thrown by `JsonSplitter`, caught by whoever feeds it. */
export class JsonBodyFault extends Error {}

/**
 * Cuts a JSON body into frames without holding it: an array of them, or one, or several one after the other. A frame's
 * number takes the place of its line. It looks at brackets and strings only; what a frame says is the decoder's.
 */
export class JsonSplitter {
  #parts: Buffer[] = [];
  #bytes = 0;
  #count = 0;
  /** Brackets open inside the frame; 0 between frames. */
  #depth = 0;
  #isInFrame = false;
  #isInString = false;
  #isEscaped = false;
  #array: "none" | "open" | "closed" = "none";

  /** Frames that `chunk` completes. @throws JsonBodyFault */
  push(chunk: Uint8Array): NdjsonLine[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const frames: NdjsonLine[] = [];
    let start = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#isInString = false;
        continue;
      }
      if (!this.#isInFrame) {
        if (isBlank(byte) || (byte === COMMA && this.#array === "open")) continue;
        if (this.#array === "closed") throw new JsonBodyFault("something follows the end of the array");
        if (byte === OPEN_ARRAY && this.#array === "none" && this.#count === 0) {
          this.#array = "open";
          continue;
        }
        if (byte === CLOSE_ARRAY && this.#array === "open") {
          this.#array = "closed";
          continue;
        }
        this.#isInFrame = true;
        start = at;
      }
      if (byte === QUOTE) this.#isInString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.#depth++;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        if (this.#depth === 0) {
          // Ends a bare word, and the array around it.
          this.#finish(bytes.subarray(start, at), frames);
          at--;
        } else if (--this.#depth === 0) {
          this.#finish(bytes.subarray(start, at + 1), frames);
        }
      } else if (this.#depth === 0 && (byte === COMMA || isBlank(byte))) {
        this.#finish(bytes.subarray(start, at), frames);
      }
    }
    if (this.#isInFrame) this.#keep(Buffer.from(bytes.subarray(start)));
    return frames;
  }

  /** The last frame, when it was not closed. @throws JsonBodyFault */
  end(): NdjsonLine[] {
    const frames: NdjsonLine[] = [];
    if (this.#isInFrame) this.#finish(Buffer.alloc(0), frames);
    if (this.#array === "open") throw new JsonBodyFault("it ends before its array does");
    return frames;
  }

  #keep(part: Buffer): void {
    if (this.#bytes <= MAX_LINE_BYTES) this.#parts.push(part);
    this.#bytes += part.length;
  }

  #finish(last: Buffer, frames: NdjsonLine[]): void {
    this.#keep(last);
    const line = ++this.#count;
    if (this.#bytes > MAX_LINE_BYTES) frames.push({ line, fault: "too_long", bytes: this.#bytes });
    else
      frames.push({ line, text: (this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts)).toString() });
    this.#parts = [];
    this.#bytes = 0;
    this.#depth = 0;
    this.#isInFrame = false;
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
