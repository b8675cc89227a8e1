import type { Placed } from "./findings.ts";

/**
 * Where a stretch of a scalar's value stands in the model text. A value is not always written as it is read: quotes,
 * escapes, folded lines and indentation stand in between, so value and text are walked together.
 * @param at the scalar in the text, with its quotes or block header
 * @param value what was read there
 * @param length of the stretch; 0 marks the place alone
 */
export function placeInScalar(text: string, at: Placed, value: string, position: number, length: number): Placed {
  const written = text.slice(at.start, at.end);
  const quote = written[0] === '"' || written[0] === "'" ? 1 : 0;
  if (written.length === value.length + 2 * quote && written.startsWith(value, quote)) {
    const start = at.start + quote + position;
    return { start, end: start + length };
  }
  const first = inkBefore(value, position);
  const marked = inkBefore(value, position + length) - first;
  const walk = new ScalarWalk(text, at);
  walk.skip(first);
  if (marked === 0) return { start: walk.end, end: walk.end };
  const start = walk.next();
  if (start === null) return at;
  walk.skip(marked - 1);
  return { start, end: walk.end };
}

/** Characters that are no white space: folding and indentation change all others. */
function inkBefore(value: string, position: number): number {
  let ink = 0;
  for (let index = 0; index < position && index < value.length; index++) if (!isSpace(value[index]!)) ink++;
  return ink;
}

const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
/** Escapes that stand for white space or for nothing. */
const BLANK_ESCAPES = new Set([..." \t\ntnvfrLP_"]);

/** Goes over the characters of a scalar's value that are no white space, by their places in the text. */
class ScalarWalk {
  private readonly text: string;
  private readonly stop: number;
  private readonly quote: string;
  private at: number;
  /** Offset behind the last character walked over. */
  end: number;

  constructor(text: string, { start, end }: Placed) {
    this.text = text;
    const first = text[start] ?? "";
    this.quote = first === '"' || first === "'" ? first : "";
    this.stop = this.quote === "" ? end : end - 1;
    this.at = start;
    if (this.quote !== "") this.at = start + 1;
    else if (first === "|" || first === ">") this.at = Math.max(start, text.indexOf("\n", start));
    this.end = this.at;
  }

  skip(count: number): void {
    for (let left = count; left > 0 && this.next() !== null; left--);
  }

  /** Place of the next character, null when there is none left. */
  next(): number | null {
    while (this.at < this.stop) {
      const start = this.at;
      const char = this.text[start]!;
      this.at += this.widthOf(char);
      const isBlank =
        char === "\\" && this.quote === '"' ? BLANK_ESCAPES.has(this.text[start + 1] ?? "") : isSpace(char);
      if (isBlank) continue;
      this.end = Math.min(this.at, this.stop);
      return start;
    }
    return null;
  }

  private widthOf(char: string): number {
    if (char === "'" && this.quote === "'") return 2;
    if (char !== "\\" || this.quote !== '"') return 1;
    return 2 + (HEX_DIGITS[this.text[this.at + 1] ?? ""] ?? 0);
  }
}

function isSpace(char: string): boolean {
  return /\s/.test(char);
}
