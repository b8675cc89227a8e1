/** A stretch of a sequence: `times` repetitions of `period` elements from `start` on; once and whole when it repeats not. */
export interface Stretch {
  readonly start: number;
  readonly period: number;
  readonly times: number;
}

/** Longest pattern that is looked for: a component of a model has rarely more operators. */
const MAX_PERIOD = 64;
/** Fewer repetitions are not worth a loop. */
const MIN_TIMES = 8;

/**
 * Cuts a sequence of signatures into repeated patterns and what lies between, from left to right, the pattern that
 * covers most first. Models are built from like components (a thousand services of five expressions each), and a loop
 * over a short body runs from the processor's instruction cache where a thousand copies of it do not fit.
 */
export function findRepeats(signatures: readonly number[]): Stretch[] {
  const size = signatures.length;
  const periods = Math.min(MAX_PERIOD, size);
  // matches[p][i]: how many elements from i on equal the one p further.
  const matches = Array.from({ length: periods + 1 }, (_, period) => {
    const run = new Int32Array(size + 1);
    if (period > 0) {
      for (let at = size - 1 - period; at >= 0; at--) {
        run[at] = signatures[at] === signatures[at + period] ? run[at + 1]! + 1 : 0;
      }
    }
    return run;
  });
  const stretches: Stretch[] = [];
  let plainFrom = 0;
  const flush = (end: number): void => {
    if (end > plainFrom) stretches.push({ start: plainFrom, period: end - plainFrom, times: 1 });
  };
  for (let at = 0; at < size; ) {
    let best: Stretch | null = null;
    for (let period = 1; period <= periods; period++) {
      const times = Math.floor(matches[period]![at]! / period) + 1;
      if (times >= MIN_TIMES && (best === null || period * times > best.period * best.times)) {
        best = { start: at, period, times };
      }
    }
    if (best === null) {
      at++;
      continue;
    }
    flush(at);
    stretches.push(best);
    at += best.period * best.times;
    plainFrom = at;
  }
  flush(size);
  return stretches;
}
