import type { Diagnostic } from "./diagnostics.ts";

/**
 * Most columns of a plan before it is laid out, intermediate results included. Plain nodes stay below by the limits of the
 * text; classes multiply, since each series has a column for every class that reaches it. A row of so many is 8 MB.
 */
export const MAX_PLAN_COLUMNS = 1_000_000;

/**
 * Most values that the evaluator keeps for later bins: columns times the longest lag (rounded up to a power of two, at
 * most the grid's bins). 1 GiB of memory.
 */
export const MAX_STATE_CELLS = 2 ** 27;

/**
 * Most steps of compiling how classes share the series: visits of a node, and columns made or found again. Rounds repeat
 * while classes travel against the evaluation order, so a plan with few columns can take long; this many take some seconds.
 */
export const MAX_PLAN_STEPS = 3_000_000;

/** Most values of series that a run keeps in memory: series times bins. 1 GiB. */
export const MAX_WINDOW_VALUES = 2 ** 27;

/** Thrown while a plan grows beyond a limit; `compileModel` makes a finding of it. */
export class PlanTooLarge extends Error {
  readonly of: "columns" | "steps";

  constructor(of: "columns" | "steps") {
    super(`too many ${of}`);
    this.of = of;
  }
}

/** The finding about a plan that grew beyond a limit. */
export function planTooLarge({ of }: PlanTooLarge): Diagnostic {
  if (of === "columns") {
    return tooLarge(
      `The model needs more than ${MAX_PLAN_COLUMNS} columns.`,
      "Split it, or assign fewer classes: every series has a column for each class that reaches it.",
    );
  }
  return tooLarge(
    `Following the classes through the model takes more than ${MAX_PLAN_STEPS} steps.`,
    "Split it, assign fewer classes, or declare what SHIFT reads before its reader: every later node in a chain takes a round.",
  );
}

/** The finding about a plan that would have to remember too much, or null. */
export function stateFinding(columns: number, lookback: number, bins: number): Diagnostic | null {
  const rows = 2 ** Math.ceil(Math.log2(Math.min(lookback, bins) + 1));
  if (rows * columns <= MAX_STATE_CELLS) return null;
  return tooLarge(
    `The model keeps ${rows} bins of ${columns} columns for later ones; at most ${MAX_STATE_CELLS} values are kept.`,
    "Shorten the longest SHIFT or CONV, or split the model.",
  );
}

/** The finding about a run that would keep too many values, or null. @param bins kept in memory */
export function windowFinding(series: number, bins: number): Diagnostic | null {
  if (series * bins <= MAX_WINDOW_VALUES) return null;
  return tooLarge(
    `A run of the model keeps ${bins} bins of ${series} series; at most ${MAX_WINDOW_VALUES} values are kept.`,
    "Shorten the grid, split the model, or keep fewer bins of a live run (historyBins).",
  );
}

function tooLarge(message: string, hint: string): Diagnostic {
  return { severity: "error", tier: "analyse", code: "too_large", message, pointer: "", span: null, hint };
}
