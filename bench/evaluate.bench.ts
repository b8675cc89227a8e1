/**
 * What a user feels: what a bin costs while a run grows, beside the plain way, which evaluates everything so far again
 * for every bin. The plain way is given twice: through the same evaluator, reset to bin 0 (so that only the work differs,
 * not the code), and through the whole-window oracle that the evaluator is tested against.
 * Counted are operators of the plan that compute something: literals are written once, before the first bin.
 */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { evaluateWindow } from "../src/engine/batch.ts";
import { Evaluator } from "../src/engine/evaluator.ts";
import { compileModel } from "../src/model/compile.ts";
import { parseModel } from "../src/model/parse.ts";
import type { Plan } from "../src/model/plan.ts";
import { timestampedRunId } from "../src/protocol/ids.ts";
import { LiveRun } from "../src/runtime/live-run.ts";
import { chainModel } from "./chain-model.ts";
import { printMachine, printTable, summary, timed } from "./report.ts";

const SIZES = [
  [20, 1_000],
  [100, 10_000],
  [1_000, 2_000],
  // 20,016 and 36,000 operators: no cliff where generated code grows.
  [1_112, 1_000],
  [2_000, 500],
] as const;
/** Bins at which the plain way is measured, besides the last one. */
const MARKS = [10, 100, 1_000];
/** The oracle walks trees; beyond this many values it would take minutes. */
const ORACLE_VALUES = 2_000_000;
const SAMPLES = 7;
/** Bins over which the cost of one is averaged: a clock's tick is not far from a small bin. */
const SPAN = 50;
const LATE_BIN = 100_000;
const NO_INPUTS = new Float64Array(0);
const NOTHING = { bin: 0, rows: new Float64Array(0) };

type Execution = "compiled" | "interpreted";

function planOf(stations: number, bins: number): Plan {
  const { model } = parseModel(chainModel(stations, bins));
  return compileModel(model!).plan!;
}

function advance(evaluator: Evaluator, bins: number): void {
  for (let bin = 0; bin < bins; bin++) evaluator.advance(NO_INPUTS);
}

/** An evaluator at bin 0 whose code is warm. */
function warm(plan: Plan, bins: number, execution: Execution): Evaluator {
  const evaluator = new Evaluator(plan, { horizonBins: bins, execution });
  for (let round = 0; round < 2; round++) {
    advance(evaluator, Math.min(bins, 2_000));
    evaluator.restoreState(NOTHING);
  }
  return evaluator;
}

function samples(action: () => number): { readonly median: number; readonly low: number; readonly high: number } {
  return summary(Array.from({ length: SAMPLES }, action));
}

function million(perSecond: number): string {
  return `${(perSecond / 1e6).toFixed(0)} M/s`;
}

function milliseconds(ms: number): string {
  return ms >= 10 ? ms.toFixed(0) : ms >= 0.1 ? ms.toFixed(2) : ms.toFixed(4);
}

printMachine();
console.log(`${SAMPLES} samples after warming up; median, then lowest and highest\n`);

const throughput = [["stations x bins", "execution", "operators", "median", "low", "high", "a bin"]];
const rerun = [
  ["stations", "at bin", "this bin alone", "all again, same evaluator", "ratio", "all again, oracle", "ratio"],
];
for (const [stations, bins] of SIZES) {
  const plan = planOf(stations, bins);
  const operators = plan.operators.filter(({ op }) => op !== "literal").length;
  for (const execution of ["compiled", "interpreted"] as const) {
    const evaluator = warm(plan, bins, execution);
    const { median, low, high } = samples(() => {
      evaluator.restoreState(NOTHING);
      return timed(() => advance(evaluator, bins));
    });
    const rate = (ms: number): string => million((operators * bins) / (ms / 1000));
    throughput.push([
      `${stations} x ${bins}`,
      execution,
      String(operators),
      rate(median),
      rate(high),
      rate(low),
      `${((median / bins) * 1000).toFixed(1)} us`,
    ]);
  }

  const evaluator = warm(plan, bins, "compiled");
  for (const mark of [...MARKS.filter((bin) => bin < bins), bins]) {
    const alone = samples(() => {
      evaluator.restoreState(NOTHING);
      advance(evaluator, mark - Math.min(SPAN, mark));
      const span = Math.min(SPAN, mark);
      return timed(() => advance(evaluator, span)) / span;
    }).median;
    const again = samples(() => {
      evaluator.restoreState(NOTHING);
      return timed(() => advance(evaluator, mark));
    }).median;
    const isShort = mark * plan.seriesCount <= ORACLE_VALUES;
    if (isShort) evaluateWindow(plan, Math.min(mark, 20), () => Number.NaN);
    const oracle = isShort ? timed(() => evaluateWindow(plan, mark, () => Number.NaN)) : null;
    rerun.push([
      String(stations),
      String(mark - 1),
      `${milliseconds(alone)} ms`,
      `${milliseconds(again)} ms`,
      `${Math.round(again / alone)}x`,
      oracle === null ? "-" : `${milliseconds(oracle)} ms`,
      oracle === null ? "-" : `${Math.round(oracle / alone)}x`,
    ]);
  }
}
printTable(throughput);
console.log();
printTable(rerun);

/** Everything that happens to a bin but log and network: evaluation, metrics, warnings, hash, the update as an object. */
function liveRunOf(plan: Plan): LiveRun {
  const runId = timestampedRunId(0, new Uint8Array(4));
  const definition = { runId, epoch: "0", mode: "simulation", createdUtc: "", modelText: "", bindings: [] } as const;
  return new LiveRun({ ...definition, checkpointEvery: null }, plan);
}

const LIVE_BINS = 1_000;
console.log("\na bin of a whole live run (evaluation, metrics, warnings, hash, update; without log and network)");
for (const stations of [20, 100, 1_000]) {
  const plan = planOf(stations, 3 * LIVE_BINS);
  const cost = samples(() => {
    const run = liveRunOf(plan);
    for (let bin = 0; bin < LIVE_BINS / 4; bin++) run.evaluateNext();
    return (
      (timed(() => {
        for (let bin = 0; bin < LIVE_BINS; bin++) run.evaluateNext();
      }) /
        LIVE_BINS) *
      1000
    );
  });
  console.log(
    `${String(stations).padStart(6)} stations: ${cost.median.toFixed(0)} us (${cost.low.toFixed(0)} to ${cost.high.toFixed(0)})`,
  );
}

const long = warm(planOf(100, 1_000), Number.POSITIVE_INFINITY, "compiled");
function costAt(first: number): { readonly median: number; readonly low: number; readonly high: number } {
  advance(long, first - long.bin);
  return samples(() => (timed(() => advance(long, 200)) / 200) * 1000);
}
const early = costAt(100);
const late = costAt(LATE_BIN);
const text = ({ median, low, high }: ReturnType<typeof costAt>): string =>
  `${median.toFixed(1)} us (${low.toFixed(1)} to ${high.toFixed(1)})`;
console.log(
  `\na bin of 100 stations: ${text(early)} at bin 100, ${text(late)} at bin ${LATE_BIN}: ${(late.median / early.median).toFixed(2)}x`,
);

/** What a bin allocates once everything is warm: in a process of its own, whose collector tells when it runs. */
function printAllocation(): void {
  const script = path.join(import.meta.dirname, "allocation.ts");
  const flags = ["--trace-gc", "--expose-gc", "--max-semi-space-size=64", "--import", "tsx"];
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, script], { encoding: "utf8" });
  if (status !== 0) throw new Error(`bench/allocation.ts failed: ${stderr}`);
  let collections = 0;
  const rows = [["20 stations, warm", "bytes a bin", "bins", "collections"]];
  for (const line of stdout.split("\n")) {
    if (line.startsWith("begin ")) collections = 0;
    else if (/ (Scavenge|Mark-Compact) /.test(line)) collections++;
    else if (line.startsWith("end ")) {
      const { name, bins, bytes } = JSON.parse(line.slice(4)) as { name: string; bins: number; bytes: number };
      rows.push([name, String(Math.round(bytes / bins)), String(bins), String(collections)]);
    }
  }
  console.log();
  printTable(rows);
}

printAllocation();
