/**
 * Position in a run's stream: which timeline (`epoch`) and how many published frames of it (`seq`).
 * On the wire, and as SSE event id: `<epoch>.<seq>`.
 */
export interface Cursor {
  /** Opaque id of this timeline: letters and digits. */
  readonly epoch: string;
  /** Frames published so far: 0 before the first, then 1, 2, 3 without a hole. */
  readonly seq: number;
}

const CURSOR = /^([A-Za-z0-9]{1,64})\.(0|[1-9][0-9]{0,15})$/;

export function formatCursor(cursor: Cursor): string {
  return `${cursor.epoch}.${cursor.seq}`;
}

/** The cursor, or null when the text is none (also for a sequence beyond the safe integers). */
export function parseCursor(text: string): Cursor | null {
  const match = CURSOR.exec(text.trim());
  if (!match) return null;
  const seq = Number(match[2]);
  return Number.isSafeInteger(seq) ? { epoch: match[1]!, seq } : null;
}
