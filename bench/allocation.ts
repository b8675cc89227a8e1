/**
 * Bytes that a bin allocates on the heap once everything is warm, for `evaluate.bench.ts`. Runs in a process of its own under
 * `--trace-gc --expose-gc`: between two lines `begin` and `end` the collector says each of its runs, and where there is none the
 * growth of the heap is what was allocated.
 */
import { Analyser } from "../src/analysis/analyser.ts";
import { NodeMetrics } from "../src/analysis/metrics.ts";
import { Evaluator } from "../src/engine/evaluator.ts";
import { History } from "../src/engine/history.ts";
import { compileModel } from "../src/model/compile.ts";
import { parseModel } from "../src/model/parse.ts";
import { timestampedRunId } from "../src/protocol/ids.ts";
import { LiveRun } from "../src/runtime/live-run.ts";
import { chainModel } from "./chain-model.ts";

/** Until everything runs optimised: before that V8 puts every double into an object. */
const WARM_BINS = 60_000;
const WARM_LIVE_BINS = 3_000;
/** Few enough for one generation of young objects, so that no collection disturbs, many enough to see a byte a bin. */
const MEASURED_BINS = 2_000;
/** The whole live run makes objects to be sent; fewer bins, so that they fit. */
const MEASURED_LIVE_BINS = 100;
const STATIONS = 20;
const NO_INPUTS = new Float64Array(0);

const { plan } = compileModel(parseModel(chainModel(STATIONS, 9_000)).model!);

function measure(name: string, warmBins: number, bins: number, step: () => void): void {
  for (let bin = 0; bin < warmBins; bin++) step();
  globalThis.gc?.();
  // The first question after a collection makes objects of its own.
  process.memoryUsage();
  console.log(`begin ${name}`);
  const before = process.memoryUsage().heapUsed;
  for (let bin = 0; bin < bins; bin++) step();
  const after = process.memoryUsage().heapUsed;
  console.log(`end ${JSON.stringify({ name, bins, bytes: after - before })}`);
}

measure("nothing", 0, MEASURED_BINS, () => {});

for (const execution of ["compiled", "interpreted"] as const) {
  const evaluator = new Evaluator(plan!, { execution });
  measure(`evaluator, ${execution}`, WARM_BINS, MEASURED_BINS, () => evaluator.advance(NO_INPUTS));
}

{
  const evaluator = new Evaluator(plan!);
  const analyser = new Analyser(plan!);
  measure("evaluator and warnings", WARM_BINS, MEASURED_BINS, () => {
    const bin = evaluator.bin;
    analyser.feed(bin, evaluator.advance(NO_INPUTS));
  });
}

{
  const evaluator = new Evaluator(plan!);
  const metrics = new NodeMetrics(plan!);
  measure("evaluator and metrics", WARM_BINS, MEASURED_BINS, () => {
    const bin = evaluator.bin;
    metrics.evaluate(bin, evaluator.advance(NO_INPUTS));
  });
}

{
  const evaluator = new Evaluator(plan!);
  const history = new History(plan!.seriesCount, { retainedBins: 512 });
  measure("evaluator and bounded history", WARM_BINS, MEASURED_BINS, () =>
    history.append(evaluator.advance(NO_INPUTS)),
  );
}

{
  const runId = timestampedRunId(0, new Uint8Array(4));
  const fixed = { runId, epoch: "0", mode: "simulation", createdUtc: "", modelText: "", bindings: [] } as const;
  const run = new LiveRun({ ...fixed, checkpointEvery: null }, plan!);
  measure("whole live run", WARM_LIVE_BINS, MEASURED_LIVE_BINS, () => run.evaluateNext());
}
