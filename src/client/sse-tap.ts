/**
 * What the `eventsource` package does not tell its caller, read off the bytes on their way to it:
 * - heartbeat comments, which it drops, prove that the connection lives;
 * - a block with an `id` and no data moves the cursor and fires no event; here it becomes an event of its own;
 * - it reads as fast as bytes come; here reading waits until the consumer has room.
 */

/** Name of the event that stands for a block with an id only. */
export const CURSOR_EVENT = "flowtime-cursor";

const LF = 0x0a;
const CR = 0x0d;
const INSERTED = new TextEncoder().encode(`event: ${CURSOR_EVENT}\ndata: 1\n`);
/** Characters of a line that decide which field it is. */
const FIELD_LENGTH = 5;

export interface TapHooks {
  /** Called for every chunk, before the parser sees it. */
  readonly onBytes: () => void;
  /** Resolves when there is room for more; awaited before every read. */
  readonly whenReady: () => Promise<void>;
}

export function tapEventStream(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  hooks: TapHooks,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  const rewrite = idOnlyRewriter();
  return new ReadableStream({
    async pull(controller) {
      await hooks.whenReady();
      const { done, value } = await reader.read();
      if (done) {
        controller.close();
        return;
      }
      hooks.onBytes();
      for (const part of rewrite(value)) controller.enqueue(part);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** Splits at the blank lines that end an id-only block and puts an event in front of them. Keeps state over chunks. */
export function idOnlyRewriter(): (chunk: Uint8Array<ArrayBuffer>) => readonly Uint8Array<ArrayBuffer>[] {
  let field = "";
  let lineLength = 0;
  let hasId = false;
  let hasData = false;
  return (chunk) => {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let from = 0;
    let lineStart = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, lineStart)) {
      takeLine(chunk.subarray(lineStart, end));
      if (lineLength === 0) {
        if (hasId && !hasData) {
          parts.push(chunk.subarray(from, lineStart), INSERTED);
          from = lineStart;
        }
        hasId = false;
        hasData = false;
      } else if (/^data(:|$)/.test(field)) {
        hasData = true;
      } else if (/^id(:|$)/.test(field)) {
        hasId = true;
      }
      field = "";
      lineLength = 0;
      lineStart = end + 1;
    }
    takeLine(chunk.subarray(lineStart));
    parts.push(from === 0 ? chunk : chunk.subarray(from));
    return parts.filter((part) => part.length > 0);
  };

  function takeLine(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && field.length < FIELD_LENGTH; at++) {
      if (bytes[at] !== CR) field += String.fromCharCode(bytes[at]!);
    }
    lineLength += bytes.length === 1 && bytes[0] === CR ? 0 : bytes.length;
  }
}
