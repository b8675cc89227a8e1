import fc from "fast-check";
import { expect, test } from "vitest";
import { chainModel } from "../../bench/chain-model.ts";
import { Evaluator } from "../../src/engine/evaluator.ts";
import { findRepeats } from "../../src/engine/repeats.ts";
import { compileModel } from "../../src/model/compile.ts";
import { parseModel } from "../../src/model/parse.ts";
import { runs } from "../support/seed.ts";

const NO_INPUTS = new Float64Array(0);

test.each([[2], [9], [40], [130]])(
  "a chain of %i like stations: compiled and interpreted rows have the same bits",
  (stations) => {
    const bins = 60;
    const { plan } = compileModel(parseModel(chainModel(stations, bins)).model!);
    const compiled = new Evaluator(plan!, { horizonBins: bins });
    const interpreted = new Evaluator(plan!, { horizonBins: bins, execution: "interpreted" });
    for (let bin = 0; bin < bins; bin++) {
      const ours = new BigUint64Array(compiled.advance(NO_INPUTS).slice().buffer);
      const reference = new BigUint64Array(interpreted.advance(NO_INPUTS).slice().buffer);
      expect(ours, `bin ${bin}`).toEqual(reference);
    }
  },
);

test("repeats cover a sequence once, in order, and what they call repeated is", () => {
  const pattern = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 6 });
  const sequences = fc
    .array(fc.tuple(pattern, fc.integer({ min: 1, max: 20 })), { maxLength: 6 })
    .map((parts) => parts.flatMap(([elements, times]) => Array.from({ length: times }, () => elements).flat()));
  fc.assert(
    fc.property(sequences, (sequence) => {
      let next = 0;
      for (const { start, period, times } of findRepeats(sequence)) {
        expect(start).toBe(next);
        for (let at = start; at < start + period * (times - 1); at++) expect(sequence[at + period]).toBe(sequence[at]);
        next = start + period * times;
      }
      expect(next).toBe(sequence.length);
    }),
    runs(300),
  );
});
