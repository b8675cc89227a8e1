/**
 * What a snapshot costs a run of 1,000 series x 10,000 bins: time beside a raw copy of the same bytes, delay of the event loop
 * meanwhile, and the cost of the n-th snapshot of a run that grows. `FLOWTIME_BENCH_DIR` names a folder on the disk to measure.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { timestampedRunId } from "../src/protocol/ids.ts";
import { compileRun } from "../src/runtime/compile-run.ts";
import { LiveRun } from "../src/runtime/live-run.ts";
import { ThreadSnapshots } from "../src/runtime/snapshot-thread/thread-snapshots.ts";
import { chainModel } from "./chain-model.ts";
import { printMachine, printTable } from "./report.ts";

/** Ten series a station. */
const STATIONS = 100;
const BINS = 10_000;
const STEPS = 5;

const root = mkdtempSync(path.join(process.env.FLOWTIME_BENCH_DIR ?? tmpdir(), "flowtime-bench-"));
const snapshots = new ThreadSnapshots({ root, stagingRoot: path.join(root, ".staging") });
try {
  printMachine();
  const modelText = chainModel(STATIONS, BINS);
  const definition = {
    runId: timestampedRunId(0, new Uint8Array(4)),
    epoch: "0",
    mode: "simulation",
    createdUtc: "",
    modelText,
    bindings: [],
    checkpointEvery: null,
  } as const;
  const run = new LiveRun(definition, compileRun(modelText, []));
  const rows = [["bins", "new bins", "snapshot s", "raw copy s", "MiB", "MiB/s", "loop p99 ms", "loop max ms"]];
  for (let step = 1; step <= STEPS; step++) {
    while (run.evaluatedBin + 1 < (BINS * step) / STEPS) run.evaluateNext();
    rows.push(await measure(run));
  }
  // Once more without a new bin: what is left is the writing.
  rows.push(await measure(run));
  printTable(rows);
} finally {
  await snapshots.close();
  rmSync(root, { recursive: true, force: true });
}

async function measure(run: LiveRun): Promise<string[]> {
  const request = run.snapshotRequest();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  const { path: folder } = await snapshots.write(request);
  const seconds = (performance.now() - start) / 1000;
  delay.disable();
  const copy = `${folder}.copy`;
  const copyStart = performance.now();
  cpSync(folder, copy, { recursive: true });
  const copySeconds = (performance.now() - copyStart) / 1000;
  const mebibytes = bytesIn(folder) / 1024 ** 2;
  rmSync(copy, { recursive: true });
  rmSync(folder, { recursive: true });
  return [
    String(request.bins),
    String(request.bins - request.changedFrom),
    seconds.toFixed(2),
    copySeconds.toFixed(2),
    mebibytes.toFixed(0),
    (mebibytes / seconds).toFixed(0),
    (delay.percentile(99) / 1e6).toFixed(1),
    (delay.max / 1e6).toFixed(1),
  ];
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
}
