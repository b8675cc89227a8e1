import { type Diagnostic, normaliseModelText, type SourceSpan } from "./diagnostics.ts";

export interface RenderOptions {
  /** ANSI colours. Default false. */
  readonly color?: boolean;
  /** What to call the text. Default `<model>`. */
  readonly fileName?: string;
}

/** Columns of source shown of one line; a longer line is cut around the place. */
const MAX_SOURCE_COLUMNS = 100;
const TAB_COLUMNS = 4;
/** Columns shown in front of a place that a line is cut around. */
const LEAD_COLUMNS = 40;

const STYLES = { bold: "1", red: "31", yellow: "33", cyan: "36", dim: "2" } as const;

/**
 * One finding for a terminal, without a line end: `file:line:column: error[code]: message`, the line of the text with
 * the place underlined, and the hint. Control characters of the text are shown, never sent.
 * @param text the model as given to `parseModel`
 */
export function renderDiagnostic(diagnostic: Diagnostic, text: string, options: RenderOptions = {}): string {
  const { color = false, fileName = "<model>" } = options;
  const paint = (style: keyof typeof STYLES, words: string): string =>
    color ? `\u001B[${STYLES[style]}m${words}\u001B[0m` : words;
  const { severity, code, message, span, hint } = diagnostic;
  const tone = severity === "error" ? "red" : "yellow";
  const place = span === null ? fileName : `${fileName}:${span.line}:${span.column}`;
  const lines = [`${paint("bold", `${visible(place)}:`)} ${paint(tone, `${severity}[${code}]`)}: ${visible(message)}`];
  if (span !== null) {
    const { source, underline } = excerpt(normaliseModelText(text), span);
    const number = String(span.line);
    lines.push(`${paint("dim", ` ${number} |`)} ${source}`);
    lines.push(`${paint("dim", ` ${" ".repeat(number.length)} |`)} ${paint(tone, underline)}`.trimEnd());
  }
  if (hint !== undefined) lines.push(`${paint("cyan", "hint:")} ${visible(hint)}`);
  return lines.join("\n");
}

interface Cell {
  readonly shown: string;
  readonly columns: number;
  readonly isMarked: boolean;
}

function excerpt(text: string, span: SourceSpan): { source: string; underline: string } {
  const lineStart = span.startOffset - (span.column - 1);
  const newline = text.indexOf("\n", span.startOffset);
  const lineEnd = newline < 0 ? text.length : newline;
  const markEnd = Math.min(Math.max(span.endOffset, span.startOffset + 1), lineEnd);
  // Only the neighbourhood of the place is looked at: the line may be a megabyte of numbers.
  const from = surrogateSafe(text, Math.max(lineStart, span.startOffset - MAX_SOURCE_COLUMNS));
  const to = surrogateSafe(text, Math.min(lineEnd, span.startOffset + 2 * MAX_SOURCE_COLUMNS));
  const cells = cellsOf(text.slice(from, to), from, span.startOffset, markEnd);

  const total = cells.reduce((sum, cell) => sum + cell.columns, 0);
  const isWhole = from === lineStart && to === lineEnd && total <= MAX_SOURCE_COLUMNS;
  const first = isWhole ? 0 : firstShown(cells, from === lineStart);
  const isCutBefore = first > 0 || from > lineStart;
  let columns = 0;
  let last = first;
  while (last < cells.length && columns + cells[last]!.columns <= MAX_SOURCE_COLUMNS) columns += cells[last++]!.columns;
  const isCutAfter = last < cells.length || to < lineEnd;

  const shown = cells.slice(first, last);
  const marks = shown.map((cell) => (cell.isMarked ? "^" : " ").repeat(cell.columns)).join("");
  const lead = isCutBefore ? "…" : "";
  const underline = `${" ".repeat(lead.length)}${marks}`.trimEnd();
  return {
    source: `${lead}${shown.map((cell) => cell.shown).join("")}${isCutAfter ? "…" : ""}`,
    // A place at the end of the line has no character to stand under.
    underline: underline.includes("^") ? underline : `${" ".repeat(lead.length + columns)}^`,
  };
}

/** Index of the first cell to show so that the mark has some text in front of it. */
function firstShown(cells: readonly Cell[], startsLine: boolean): number {
  const marked = cells.findIndex((cell) => cell.isMarked);
  const mark = marked < 0 ? cells.length : marked;
  let columns = 0;
  let index = mark;
  while (index > 0 && columns < LEAD_COLUMNS) columns += cells[--index]!.columns;
  // With the whole beginning in reach and room for it, nothing is gained by a cut.
  const before = cells.slice(0, mark).reduce((sum, cell) => sum + cell.columns, 0);
  return startsLine && before <= LEAD_COLUMNS * 1.5 ? 0 : index;
}

function cellsOf(text: string, offset: number, markStart: number, markEnd: number): readonly Cell[] {
  const cells: Cell[] = [];
  let column = 0;
  let at = offset;
  for (const char of text) {
    const shown = char === "\t" ? " ".repeat(TAB_COLUMNS - (column % TAB_COLUMNS)) : visible(char);
    const columns = char === "\t" ? shown.length : columnsOf(shown);
    cells.push({ shown, columns, isMarked: at >= markStart && at < markEnd });
    column += columns;
    at += char.length;
  }
  return cells;
}

/** The offset, moved off the middle of a surrogate pair. */
function surrogateSafe(text: string, offset: number): number {
  const code = text.charCodeAt(offset);
  return code >= 0xdc00 && code <= 0xdfff && offset > 0 ? offset - 1 : offset;
}

/** Text whose control characters (and marks that reorder text) are replaced by pictures of them. */
function visible(text: string): string {
  return text.replace(/[\u0000-\u001F\u007F-\u009F\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/g, (char) => {
    const code = char.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? "\u2421" : "\uFFFD";
  });
}

/** Terminal columns of one character: 0 for combining marks, 2 for East Asian wide characters and emoji, else 1. */
function columnsOf(char: string): number {
  if (/^\p{Mark}$/u.test(char)) return 0;
  return /^[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1F64F}\u{1F680}-\u{1F6FF}\u{1F900}-\u{1F9FF}\u{20000}-\u{3FFFD}]$/u.test(
    char,
  )
    ? 2
    : 1;
}
