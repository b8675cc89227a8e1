import { type Cursor, formatCursor } from "../protocol/cursor.ts";
import type { Hello, NumberedEvent, Progress, RunEvent } from "../protocol/run-event.ts";

/**
 * Events as bytes of Server-Sent Events (HTML Standard, section 9.2). JSON text has no line ends, so data is one line.
 * An id is given to what moves the cursor, and to nothing else.
 */

export function encodeEvent(event: RunEvent, id: Cursor | null = null): Buffer {
  return Buffer.from(eventText(event, id), "utf8");
}

/** The event that `encodeEvent` made these bytes of. */
export function decodeEvent(bytes: Buffer): NumberedEvent {
  // Text of JSON may have separators that a regular expression takes for line ends.
  const lines = bytes.toString("utf8").split("\n");
  const field = (name: string): string => lines.find((line) => line.startsWith(name))!.slice(name.length);
  return { event: field("event: "), data: JSON.parse(field("data: ")) } as NumberedEvent;
}

/** Moves the cursor of the client without an event: for frames that its filter left out, and on quiet streams. */
export function encodeId(id: Cursor): Buffer {
  return Buffer.from(idText(id), "utf8");
}

/** The first bytes of a connection. */
export function encodeHello(hello: Hello, retryMs: number): Buffer {
  return Buffer.from(`retry: ${retryMs}\n\n${eventText({ event: "hello", data: hello }, null)}`, "utf8");
}

/** Cursor before numbers, so that a client which stores the id with the event stores the right one. */
export function encodeHeartbeat(progress: Progress, id: Cursor): Buffer {
  return Buffer.from(`: \n${idText(id)}${eventText({ event: "progress", data: progress }, null)}`, "utf8");
}

/** As `encodeEvent`, before it is bytes. */
export function eventText(event: RunEvent, id: Cursor | null): string {
  const head = id === null ? "" : `id: ${formatCursor(id)}\n`;
  return `${head}event: ${event.event}\ndata: ${JSON.stringify(event.data)}\n\n`;
}

function idText(id: Cursor): string {
  return `id: ${formatCursor(id)}\n\n`;
}
