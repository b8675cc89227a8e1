/**
 * Memory of a live run with a bounded history over ten million cells: 334 nodes of three series, 10,000 bins, 256 of them kept.
 * The run alone, without log and network; collected before each reading.
 */
import { timestampedRunId } from "../src/protocol/ids.ts";
import { compileRun } from "../src/runtime/compile-run.ts";
import { LiveRun, type RowStore } from "../src/runtime/live-run.ts";
import { printMachine, printTable } from "./report.ts";

const NODES = 334;
const BINS = 10_000;
const HISTORY_BINS = 256;
const READINGS = 10;
const ROLES = ["arrivals", "served", "errors"] as const;

const collect = globalThis.gc;
if (collect === undefined) throw new Error("run with --expose-gc: npm run bench memory");

/** Bins that leave the history are not asked for again. */
const nowhere: RowStore = {
  descriptor: null,
  write: () => {},
  read: (block) => {
    throw new Error(`block ${block} is not read`);
  },
};

printMachine();
const modelText = text();
const bindings = Array.from({ length: NODES }, (_, node) => ROLES.map((role) => `${role}${node}`)).flat();
const run = new LiveRun(
  {
    runId: timestampedRunId(0, new Uint8Array(4)),
    epoch: "0",
    mode: "live",
    createdUtc: "",
    modelText,
    bindings,
    checkpointEvery: null,
    historyBins: HISTORY_BINS,
  },
  compileRun(modelText, bindings),
  { store: nowhere },
);
const rows = [["million cells", "heap MB", "buffers MB", "resident MB"]];
const start = performance.now();
for (let bin = 0; bin < BINS; bin++) {
  feed(bin);
  if ((bin + 1) % (BINS / READINGS) === 0) rows.push(reading(bin + 1));
}
printTable(rows);
console.log(`${((performance.now() - start) / 1000).toFixed(1)} s with the collections`);

function feed(binIndex: number): void {
  run.begin();
  for (let node = 0; node < NODES; node++) {
    const metrics = { arrivals: binIndex % 50, served: binIndex % 40, errors: 1 };
    run.admit({ type: "telemetry", binIndex, nodeId: `N${node}`, metrics });
  }
  run.commit();
  while (run.evaluateNext() !== null) {}
}

function reading(bins: number): string[] {
  collect!();
  collect!();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  const cells = bins * NODES * ROLES.length;
  return [(cells / 1e6).toFixed(1), ...[heapUsed, arrayBuffers, rss].map((bytes) => (bytes / 1e6).toFixed(1))];
}

function text(): string {
  const values = `[${"0,".repeat(BINS - 1)}0]`;
  const ids = Array.from({ length: NODES }, (_, node) => node);
  const series = ids.flatMap((node) =>
    ROLES.map((role) => `  - { id: ${role}${node}, kind: const, values: ${values} }`),
  );
  const semantics = (node: number) => ROLES.map((role) => `${role}: ${role}${node}`).join(", ");
  const nodes = ids.map((node) => `    - { id: N${node}, kind: service, semantics: { ${semantics(node)} } }`);
  return [
    "schemaVersion: 1",
    `grid: { bins: ${BINS}, binSize: 5, binUnit: minutes }`,
    "nodes:",
    ...series,
    "topology:",
    "  nodes:",
    ...nodes,
    "  edges: []",
    "",
  ].join("\n");
}
