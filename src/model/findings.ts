import type { Diagnostic, SourceSpan } from "./diagnostics.ts";

/** A stretch of the text, in offsets. */
export interface Placed {
  readonly start: number;
  readonly end: number;
}

/**
 * Most findings kept of one model. A person fixes the first screenful; the bound keeps a hostile million-line model from
 * answering with a million findings.
 */
export const MAX_FINDINGS = 1000;

/** Most findings that get a "did you mean": each costs a comparison with every known name. */
export const MAX_SUGGESTIONS = 50;

type Finding = Omit<Diagnostic, "severity" | "tier" | "span" | "hint"> & {
  readonly severity?: Diagnostic["severity"];
  readonly tier?: Diagnostic["tier"];
  readonly at: Placed | null;
  readonly hint?: string | null;
};

/** Collects what is wrong with one text and knows its lines. */
export class Findings {
  readonly text: string;
  private readonly lineStarts: number[] = [0];
  private readonly found: Diagnostic[] = [];
  private dropped = 0;
  private suggestionsLeft = MAX_SUGGESTIONS;

  constructor(text: string) {
    this.text = text;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.lineStarts.push(at + 1);
  }

  get hasErrors(): boolean {
    return this.found.some((finding) => finding.severity === "error");
  }

  /** Reports an error of the schema tier, unless the finding says otherwise. */
  report(finding: Finding): void {
    if (this.found.length >= MAX_FINDINGS) {
      this.dropped++;
      return;
    }
    const { at, hint, severity = "error", tier = "schema", code, message, pointer } = finding;
    const span = at === null ? null : this.span(at);
    this.found.push({ severity, tier, code, message, pointer, span, ...(hint ? { hint } : {}) });
  }

  /** The findings so far, with a last one that says how many were left out, if any. */
  all(): readonly Diagnostic[] {
    if (this.dropped === 0) return this.found;
    return [
      ...this.found,
      {
        severity: "error",
        tier: "schema",
        code: "too_many_findings",
        message: `${this.dropped} more findings are not listed.`,
        pointer: "",
        span: this.span({ start: this.text.length, end: this.text.length }),
        hint: "Fix the ones above first.",
      },
    ];
  }

  span({ start, end }: Placed): SourceSpan {
    const startOffset = Math.max(0, Math.min(start, this.text.length));
    const endOffset = Math.max(startOffset, Math.min(end, this.text.length));
    let low = 0;
    let high = this.lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.lineStarts[middle]! <= startOffset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: startOffset - this.lineStarts[low]! + 1, startOffset, endOffset };
  }

  /** "Did you mean 'x'?" for the nearest known name, or null when none is near. */
  didYouMean(written: string, known: Iterable<string>): string | null {
    if (this.suggestionsLeft === 0) return null;
    this.suggestionsLeft--;
    const name = nearest(written, known);
    return name === null ? null : `Did you mean '${name}'?`;
  }
}

const MAX_SUGGESTED_LENGTH = 64;

/** The known name that differs least from the written one: at most a third of its letters, case ignored. */
export function nearest(written: string, known: Iterable<string>): string | null {
  if (written.length > MAX_SUGGESTED_LENGTH) return null;
  const wanted = written.toLowerCase();
  let best: string | null = null;
  let bound = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const name of known) {
    if (Math.abs(name.length - wanted.length) >= bound) continue;
    const distance = editDistance(wanted, name.toLowerCase(), bound);
    if (distance < bound) {
      best = name;
      bound = distance;
      if (distance === 0) break;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; `bound` when that many or more. */
function editDistance(a: string, b: string, bound: number): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min(replaced, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, beforeLast[j - 2]! + 1);
      }
      row.push(distance);
      least = Math.min(least, distance);
    }
    if (least >= bound) return bound;
    beforeLast = last;
    last = row;
  }
  return Math.min(bound, last[b.length]!);
}
