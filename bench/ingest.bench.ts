/**
 * Telemetry in: cells per second that come back as durable, over HTTP and over a pipe, beside the bare `JSON.parse` of
 * the same lines; and what the event loop waits for the disk, with the log in its own thread and without.
 * `FLOWTIME_BENCH_CELLS` (default 600,000) sets the amount, `FLOWTIME_BENCH_DIR` the disk, `FLOWTIME_BENCH_NODES` and
 * `FLOWTIME_BENCH_HISTORY_BINS` the size of the run, `FLOWTIME_BENCH_ENGINE` options of the engine's Node.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { text } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import { buildCli } from "../scripts/build-cli.mjs";
import { EngineClient } from "../src/client/client.ts";
import { LocalLogStore } from "../src/log/local-log-store.ts";
import { SqliteLogStore } from "../src/log/sqlite/sqlite-log-store.ts";
import type { LogStore } from "../src/log/telemetry-log.ts";
import { WorkerLogStore } from "../src/log/worker/worker-log-store.ts";
import { parseRunId } from "../src/protocol/ids.ts";
import { printMachine, printTable } from "./report.ts";

const NODES = Number(process.env.FLOWTIME_BENCH_NODES ?? 100);
/** Bins whose values and cells the engine holds; all by default. */
const HISTORY_BINS = process.env.FLOWTIME_BENCH_HISTORY_BINS;
const METRICS = ["arrivals", "served", "errors"] as const;
const BINS = 10_000;
const CELLS_PER_BIN = NODES * METRICS.length;
const CELLS = Number(process.env.FLOWTIME_BENCH_CELLS ?? 600_000);
const BATCH_LINES = 2_000;
const BINS_A_BATCH = Math.ceil(BATCH_LINES / NODES);
/** In order, so that no bin runs ahead of the others by more than may be open. */
const IN_FLIGHT = 2;

type Lines = Iterable<string>;

const folder = mkdtempSync(path.join(process.env.FLOWTIME_BENCH_DIR ?? tmpdir(), "flowtime-bench-"));
/** What users run, so that nobody's start through a compiler counts. */
const root = path.resolve(import.meta.dirname, "..");
const main = path.join(root, "bin", "flowtime.js");
/** Options of the engine's Node, such as `--cpu-prof`. */
const engineOptions = (process.env.FLOWTIME_BENCH_ENGINE ?? "").split(" ").filter((option) => option !== "");

printMachine();
await buildCli(path.join(root, "dist", "cli"));
try {
  await compareLogs();
  await compareWays();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function compareLogs(): Promise<void> {
  const commits = 400;
  const records = Array.from({ length: 500 }, (_, index) => lineOf(index, index % NODES));
  const rows = [["log", "p50 ms", "p99 ms", "longest ms", "event loop p99 ms", "longest ms"]];
  const stores: [string, LogStore][] = [
    ["on the event loop", new LocalLogStore(new SqliteLogStore(path.join(folder, "local")))],
    ["in its own thread", new WorkerLogStore(path.join(folder, "thread"))],
  ];
  for (const [name, store] of stores) {
    const log = await store.create(parseRunId("run_bench")!, "{}");
    for (let commit = 0; commit < 20; commit++) await log.append(records, { sealedBin: 0, hash: "0".repeat(64) });
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const times: number[] = [];
    for (let commit = 0; commit < commits; commit++) {
      const start = performance.now();
      await log.append(records, { sealedBin: 0, hash: "0".repeat(64) });
      times.push(performance.now() - start);
      await wait(0);
    }
    delay.disable();
    await store.close();
    times.sort((a, b) => a - b);
    const ms = (value: number): string => value.toFixed(2);
    const at = (share: number): string => ms(times[Math.floor((commits - 1) * share)]!);
    rows.push([name, at(0.5), at(0.99), at(1), ms(delay.percentile(99) / 1e6), ms(delay.max / 1e6)]);
  }
  console.log(`\n${commits} commits of ${records.length} records; the resolution of the event loop's delay is 1 ms`);
  printTable(rows);
}

async function compareWays(): Promise<void> {
  const dataDir = path.join(folder, "data");
  const engine = spawn(process.execPath, [...engineOptions, main, "serve", "--data", dataDir, "--port", "0"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    const { url, pid } = await engineFile(dataDir, engine);
    const client = new EngineClient({ baseUrl: url });
    const bins = Math.min(BINS - 1, Math.ceil(CELLS / CELLS_PER_BIN));
    const runs = Math.ceil(CELLS / (bins * CELLS_PER_BIN));
    const rows = [
      ["way", "cells", "seconds", "cells/s", "of JSON.parse", "engine us/cell", "MB before", "a fifth", "after"],
    ];
    const parsed = parseOnly(bins);
    rows.push([
      "JSON.parse alone",
      `${parsed.cells}`,
      parsed.seconds.toFixed(2),
      rate(parsed),
      "100 %",
      "-",
      "-",
      "-",
      "-",
    ]);
    const ways = [
      ["HTTP NDJSON", (runId: string, lines: Lines) => overHttp(url, runId, lines)],
      ["stdin", (runId: string, lines: Lines) => overStdin(url, runId, lines)],
    ] as const;
    for (const [name, way] of ways) {
      const memory = [residentMb(pid)];
      const busyBefore = cpuSeconds(pid);
      let seconds = 0;
      for (let run = 0; run < runs; run++) {
        const { runId } = await client.createRun({
          mode: "live",
          model: modelText(),
          bindings: bindings(),
          ...(HISTORY_BINS === undefined ? {} : { historyBins: Number(HISTORY_BINS) }),
        });
        const start = performance.now();
        await way(
          runId,
          withNote(batches(bins), Math.ceil(bins / 5 / BINS_A_BATCH), () => memory.push(residentMb(pid))),
        );
        seconds += (performance.now() - start) / 1000;
        const { sealedBin } = await client.run(runId);
        if (sealedBin < bins - 300) throw new Error(`only ${sealedBin + 1} bins are evaluated`);
      }
      const result = { cells: runs * bins * CELLS_PER_BIN, seconds };
      const share = `${Math.round((100 * result.cells * parsed.seconds) / (seconds * parsed.cells))} %`;
      const busy = (((cpuSeconds(pid) - busyBefore) * 1e6) / result.cells).toFixed(2);
      const sizes = [memory[0]!, memory[1]!, residentMb(pid)].map((mb) => mb.toFixed(0));
      rows.push([name, `${result.cells}`, seconds.toFixed(2), rate(result), share, busy, ...sizes]);
    }
    console.log(
      `\n${NODES} nodes, ${METRICS.length} cells a line, ${BINS} bins, ${BATCH_LINES} lines a request, ${IN_FLIGHT} at once`,
    );
    printTable(rows);
  } finally {
    engine.kill("SIGTERM");
    if (engine.exitCode === null) await once(engine, "exit");
  }
}

function parseOnly(bins: number): { cells: number; seconds: number } {
  const lines = [...batches(bins)].flatMap((batch) => batch.split("\n"));
  const start = performance.now();
  for (const line of lines) JSON.parse(line);
  return { cells: bins * CELLS_PER_BIN, seconds: (performance.now() - start) / 1000 };
}

async function overHttp(url: string, runId: string, lines: Lines): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
  const onTheWay: Promise<void>[] = [];
  for (const body of lines) {
    onTheWay.push(post(`${url}/v1/runs/${runId}/frames`, body, agent));
    if (onTheWay.length >= IN_FLIGHT) await onTheWay.shift();
  }
  await Promise.all(onTheWay);
  agent.destroy();
}

async function post(url: string, body: string, agent: Agent): Promise<void> {
  const sending = request(url, { method: "POST", agent, headers: { "content-type": "application/x-ndjson" } });
  sending.end(body);
  const [response] = await once(sending, "response");
  const answer = JSON.parse(await text(response)) as { accepted?: number; rejected?: number };
  if (response.statusCode !== 200 || answer.rejected !== 0) throw new Error(JSON.stringify(answer).slice(0, 300));
}

async function overStdin(url: string, runId: string, lines: Lines): Promise<void> {
  const args = [main, "ingest", "-", "--engine", url, "--run", runId, "--no-end"];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "ignore", "ignore"] });
  for (const batch of lines) {
    if (!child.stdin.write(`${batch}\n`)) await once(child.stdin, "drain");
  }
  child.stdin.end();
  const [code] = await once(child, "exit");
  if (code !== 0 && code !== 1) throw new Error(`flowtime ingest ended with ${code}`);
}

/** Calls `note` once, when that many batches were given. */
function* withNote(lines: Lines, after: number, note: () => void): Generator<string> {
  let given = 0;
  for (const batch of lines) {
    yield batch;
    if (++given === after) note();
  }
}

function* batches(bins: number): Generator<string> {
  let lines: string[] = [];
  for (let bin = 0; bin < bins; bin++) {
    for (let index = 0; index < NODES; index++) lines.push(lineOf(bin, index));
    if (lines.length < BATCH_LINES) continue;
    yield lines.join("\n");
    lines = [];
  }
  if (lines.length > 0) yield lines.join("\n");
}

function lineOf(bin: number, index: number): string {
  const arrivals = 100 + ((bin * 7 + index * 13) % 50);
  return `{"type":"telemetry","binIndex":${bin},"nodeId":"Station${index}","metrics":{"arrivals":${arrivals},"served":${arrivals - 3},"errors":${index % 4}}}`;
}

function modelText(): string {
  const stations = Array.from({ length: NODES }, (_, index) => index);
  const series = stations.flatMap((index) => METRICS.map((metric) => `${metric}_${index}`));
  const values = `[${Array.from({ length: BINS }, () => 0).join(",")}]`;
  return [
    "schemaVersion: 1",
    `grid: { bins: ${BINS}, binSize: 1, binUnit: minutes }`,
    "nodes:",
    `  - { id: none, kind: const, values: ${values} }`,
    // What telemetry feeds takes the place of its definition, so a short one will do.
    ...series.map((id) => `  - { id: ${id}, kind: expr, expr: "none + 0" }`),
    "topology:",
    "  nodes:",
    ...stations.map(
      (index) =>
        `    - { id: Station${index}, kind: service, semantics: { ${METRICS.map((metric) => `${metric}: ${metric}_${index}`).join(", ")} } }`,
    ),
    "",
  ].join("\n");
}

function bindings(): { nodeId: string; metric: string }[] {
  return Array.from({ length: NODES }, (_, index) =>
    METRICS.map((metric) => ({ nodeId: `Station${index}`, metric })),
  ).flat();
}

async function engineFile(dataDir: string, engine: ChildProcess): Promise<{ url: string; pid: number }> {
  for (;;) {
    if (engine.exitCode !== null) throw new Error(`the engine ended with ${engine.exitCode}`);
    try {
      return JSON.parse(readFileSync(path.join(dataDir, "engine.json"), "utf8"));
    } catch {
      await wait(50);
    }
  }
}

function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
}

/** What all threads of a process have computed so far: unlike seconds it says little of what others do meanwhile. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function rate({ cells, seconds }: { readonly cells: number; readonly seconds: number }): string {
  return Math.round(cells / seconds).toLocaleString("en-US");
}
