import type { Placed } from "./findings.ts";

/**
 * Long lists of plain numbers make up most of a model's text, and a YAML parser spends a thousand bytes and several
 * microseconds on each number. So they are read beforehand and blanked out: the parser sees a list of one zero with the
 * same place, lines and length.
 */
export interface CondensedText {
  /** As long as the given text, with the same line breaks. */
  readonly text: string;
  /** The lists taken out, by the offset of their opening bracket. */
  readonly lists: ReadonlyMap<number, NumberList>;
}

export interface NumberList {
  /** Offset behind the closing bracket. */
  readonly end: number;
  readonly values: readonly number[];
  readonly areIntegers: boolean;
}

/** Shorter lists are not worth the detour. */
const MIN_LENGTH = 16;

const SPACE = 0x20;
const NEWLINE = 0x0a;
const COMMA = 0x2c;
const CLOSE = 0x5d;

/**
 * The result is only good where each list is found again as a whole flow sequence of the document: brackets in comments
 * and strings look the same from here.
 */
export function condenseNumberLists(text: string): CondensedText {
  const lists = new Map<number, NumberList>();
  const pieces: string[] = [];
  let copied = 0;
  let open = text.indexOf("[");
  while (open >= 0) {
    const { list, stoppedAt } = readNumbers(text, open);
    if (list !== null) {
      lists.set(open, list);
      pieces.push(text.slice(copied, open), blank(text, open, list.end));
      copied = list.end;
    }
    open = text.indexOf("[", stoppedAt);
  }
  if (lists.size === 0) return { text, lists };
  pieces.push(text.slice(copied));
  return { text: pieces.join(""), lists };
}

function blank(text: string, open: number, end: number): string {
  const inside = text
    .slice(open + 2, end - 1)
    .split("\n")
    .map((line) => " ".repeat(line.length))
    .join("\n");
  return `[${text[open + 1] === "\n" ? `\n${inside.replace(" ", "0")}` : `0${inside}`}]`;
}

/** Where items of a list that was taken out stand, in one pass over its text. `indices` ascend. */
export function numberPlaces(text: string, open: number, indices: readonly number[]): readonly Placed[] {
  let at = open + 1;
  let reached = 0;
  return indices.map((index) => {
    for (; reached < index; reached++) at = text.indexOf(",", at) + 1;
    let start = at;
    while (isSpace(text.charCodeAt(start))) start++;
    let end = start;
    while (isNumberPart(text.charCodeAt(end))) end++;
    return { start, end };
  });
}

function readNumbers(text: string, open: number): { list: NumberList | null; stoppedAt: number } {
  const values: number[] = [];
  let areIntegers = true;
  let at = open + 1;
  for (;;) {
    at = skipSpace(text, at);
    const start = at;
    while (isNumberPart(text.charCodeAt(at))) at++;
    const word = text.slice(start, at);
    const isInteger = /^[+-]?\d{1,9}$/.test(word);
    if (!isInteger && !/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(word))
      return { list: null, stoppedAt: at };
    const value = Number(word);
    if (!Number.isFinite(value)) return { list: null, stoppedAt: at };
    values.push(value);
    areIntegers &&= isInteger;
    at = skipSpace(text, at);
    const separator = text.charCodeAt(at);
    if (separator === COMMA) {
      at++;
      continue;
    }
    if (separator !== CLOSE || values.length < MIN_LENGTH) return { list: null, stoppedAt: at };
    return { list: { end: at + 1, values, areIntegers }, stoppedAt: at + 1 };
  }
}

/** Over spaces, and over line breaks whose next line is indented; whether less will do depends on the place. */
function skipSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === SPACE || (code === NEWLINE && text.charCodeAt(at + 1) === SPACE)) at++;
    else return at;
  }
}

function isSpace(code: number): boolean {
  return code === SPACE || code === NEWLINE;
}

function isNumberPart(code: number): boolean {
  // Digits, '+', '-', '.', 'E', 'e'.
  return (
    (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2d || code === 0x2e || code === 0x45 || code === 0x65
  );
}
