// What a user feels: how long a bin takes while a run grows, beside evaluating everything again for every bin.
import { evaluateWindow } from "../src/engine/batch.ts";
import { Evaluator } from "../src/engine/evaluator.ts";
import { compileModel } from "../src/model/compile.ts";
import { parseModel } from "../src/model/parse.ts";
import type { Plan } from "../src/model/plan.ts";
import { chainModel } from "./chain-model.ts";
import { printMachine, printTable, summary, timed } from "./report.ts";

const SIZES = [
  [20, 1_000],
  [100, 10_000],
  [1_000, 2_000],
] as const;
const SAMPLES = 5;
const NO_INPUTS = new Float64Array(0);

function planOf(stations: number, bins: number): Plan {
  const { model } = parseModel(chainModel(stations, bins));
  return compileModel(model!).plan!;
}

function million(perSecond: number): string {
  return `${(perSecond / 1e6).toFixed(1)} M/s`;
}

printMachine();
const rows = [
  ["stations x bins", "operators", "incremental", "low", "high", "bin", "re-run per bin (last bin)", "ratio"],
];
for (const [stations, bins] of SIZES) {
  const plan = planOf(stations, bins);
  const operators = plan.operators.length;
  const times: number[] = [];
  for (let sample = 0; sample <= SAMPLES; sample++) {
    const evaluator = new Evaluator(plan, {
      horizonBins: bins,
      execution: (process.env.EXECUTION ?? "compiled") as "compiled",
    });
    const ms = timed(() => {
      for (let bin = 0; bin < bins; bin++) evaluator.advance(NO_INPUTS);
    });
    if (sample > 0) times.push(ms);
  }
  // A re-run per bin evaluates k bins for the k-th; the last one alone shows its cost, all of them would take hours.
  const window = Math.min(bins, 200);
  const rerunMs = timed(() => evaluateWindow(plan, window, () => Number.NaN)) * (bins / window);
  const { median, low, high } = summary(times);
  const rate = (ms: number): number => (operators * bins) / (ms / 1000);
  const binUs = (median / bins) * 1000;
  rows.push([
    `${stations} x ${bins}`,
    String(operators),
    million(rate(median)),
    million(rate(high)),
    million(rate(low)),
    `${binUs.toFixed(1)} us`,
    `${rerunMs.toFixed(0)} ms`,
    `${Math.round((rerunMs * 1000) / binUs)}x`,
  ]);
}
printTable(rows);

const long = new Evaluator(planOf(100, 1_000));
const LATE_BIN = 100_000;
const SPAN = 2_000;
const at = (first: number): number => {
  while (long.bin < first) long.advance(NO_INPUTS);
  const times: number[] = [];
  for (let part = 0; part < 10; part++) {
    times.push(
      timed(() => {
        for (let bin = 0; bin < SPAN / 10; bin++) long.advance(NO_INPUTS);
      }) /
        (SPAN / 10),
    );
  }
  return summary(times).median * 1000;
};
for (let warmUp = 0; warmUp < 3; warmUp++) {
  const evaluator = new Evaluator(long.plan);
  for (let bin = 0; bin < 3_000; bin++) evaluator.advance(NO_INPUTS);
}
const early = at(100);
const late = at(LATE_BIN);
console.log(
  `a bin of 100 stations: ${early.toFixed(1)} us at bin 100, ${late.toFixed(1)} us at bin ${LATE_BIN}: ${(late / early).toFixed(2)}x`,
);
