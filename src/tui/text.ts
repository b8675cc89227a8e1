import stringWidth from "string-width";

/** What a stretch of text means; colours come later, and may be none. */
export type Tone = "plain" | "dim" | "strong" | "good" | "warn" | "bad" | "accent";

export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

/** One row of the screen, already cut to its width. */
export type Line = readonly Span[];

/** Control characters, which ids and messages may hold, become blanks. */
export function span(text: string, tone: Tone = "plain"): Span {
  return { text: printable(text), tone };
}

/** Text of which every character takes one cell: nearly all there is on the screen, and 20 times faster to measure. */
const NARROW = /^[\x20-\x7e\u00b7\u2013\u2026\u2190-\u2193\u2500-\u259f]*$/;

/** Cells that the text takes on a terminal: wide characters take two, combining ones none. */
export function widthOf(text: string): number {
  return NARROW.test(text) ? text.length : stringWidth(text);
}

export function lineText(line: Line): string {
  return line.map(({ text }) => text).join("");
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0);
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The text without control characters, cut to at most `width` cells; the mark shows that something is missing. */
export function cut(text: string, width: number, mark: string): string {
  const clean = printable(text);
  if (widthOf(clean) <= width) return clean;
  if (width <= 0) return "";
  const room = width - widthOf(mark);
  let used = 0;
  let kept = "";
  for (const { segment } of graphemes.segment(clean)) {
    const size = widthOf(segment);
    if (used + size > room) break;
    kept += segment;
    used += size;
  }
  return room < 0 ? "" : kept + mark;
}

/** Ids and messages come from models and engines: nothing in them may move the cursor or change colours. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, " ");
}

/** Exactly `width` cells: cut or filled with blanks behind (left) or in front (right). */
export function pad(text: string, width: number, mark: string, align: "left" | "right" = "left"): string {
  const shown = cut(text, width, mark);
  const blanks = " ".repeat(Math.max(0, width - widthOf(shown)));
  return align === "left" ? shown + blanks : blanks + shown;
}

/** The line cut to `width` cells; a span that does not fit is cut, those behind it are left out. */
export function cutLine(line: Line, width: number, mark: string): Line {
  const kept: Span[] = [];
  let room = width;
  for (const part of line) {
    const size = widthOf(part.text);
    if (size <= room) {
      kept.push(part);
      room -= size;
      continue;
    }
    if (room > 0) kept.push({ ...part, text: cut(part.text, room, mark) });
    break;
  }
  return kept;
}

/** `left` at the left edge and `right` at the right one; `left` gives way when both do not fit. */
export function spread(left: Line, right: Line, width: number, mark: string): Line {
  const rightWidth = lineWidth(right);
  if (rightWidth >= width) return cutLine(right, width, mark);
  const shown = cutLine(left, width - rightWidth - 1, mark);
  const gap = width - rightWidth - lineWidth(shown);
  return [...shown, span(" ".repeat(gap)), ...right];
}
