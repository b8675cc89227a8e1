import { fromCell, toCell } from "../state-cell.ts";
import type { Warning, WarningHead } from "../warning.ts";
import type { Rule, RuleState } from "./rule.ts";

/** Shorter runs are everyday noise (FlowTime's bound). */
export const MIN_STREAK_BINS = 3;

export interface StreakWords {
  readonly head: Omit<WarningHead, "message">;
  readonly signal: string;
  readonly message: (length: number, start: number, end: number) => string;
}

/** The longest run of bins in which something held; of equally long ones the first. */
class LongestRun {
  length = 0;
  end = -1;
  private current = 0;

  /** Whether the longest run changed. */
  feed(bin: number, holds: boolean): boolean {
    this.current = holds ? this.current + 1 : 0;
    if (this.current <= this.length) return false;
    this.length = this.current;
    this.end = bin;
    return true;
  }

  save(): readonly number[] {
    return [this.length, this.end, this.current];
  }

  restore(length: number, end: number, current: number): void {
    this.length = length;
    this.end = end;
    this.current = current;
  }
}

/** A condition of single bins that held for three or more of them in a row. */
export class StreakRule implements Rule {
  private readonly words: StreakWords;
  private readonly holds: (row: Float64Array) => boolean;
  private readonly longest = new LongestRun();

  constructor(words: StreakWords, holds: (row: Float64Array) => boolean) {
    this.words = words;
    this.holds = holds;
  }

  feed(bin: number, row: Float64Array): boolean {
    return this.longest.feed(bin, this.holds(row)) && this.longest.length >= MIN_STREAK_BINS;
  }

  active(): Warning | null {
    const { length, end } = this.longest;
    return length < MIN_STREAK_BINS ? null : streakWarning(this.words, length, end - length + 1, end);
  }

  save(): RuleState {
    return this.longest.save();
  }

  restore(state: RuleState): void {
    this.longest.restore(fromCell(state[0]), fromCell(state[1]), fromCell(state[2]));
  }
}

/** A series that rose three or more times in a row. The streak starts at the bin before the first rise. */
export class GrowthRule implements Rule {
  private readonly words: StreakWords;
  private readonly column: number;
  private readonly longest = new LongestRun();
  private previous = Number.NaN;

  constructor(words: StreakWords, column: number) {
    this.words = words;
    this.column = column;
  }

  feed(bin: number, row: Float64Array): boolean {
    const value = row[this.column]!;
    const isRise = value > this.previous;
    this.previous = value;
    return this.longest.feed(bin, isRise) && this.longest.length >= MIN_STREAK_BINS;
  }

  active(): Warning | null {
    const { length, end } = this.longest;
    return length < MIN_STREAK_BINS ? null : streakWarning(this.words, length, end - length, end);
  }

  save(): RuleState {
    return [toCell(this.previous), ...this.longest.save()];
  }

  restore(state: RuleState): void {
    this.previous = fromCell(state[0]);
    this.longest.restore(fromCell(state[1]), fromCell(state[2]), fromCell(state[3]));
  }
}

export function streakWarning(words: StreakWords, length: number, startBin: number, endBin: number): Warning {
  const message = words.message(length, startBin, endBin);
  return { ...words.head, message, bins: [], value: null, startBin, endBin, signal: words.signal };
}
