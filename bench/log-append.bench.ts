/**
 * What a producer feels: records per second that come back as durable, by the size of its batches, and how fast a
 * run's log is read back on a restart. `FLOWTIME_BENCH_DIR` names a folder on the disk to measure; the default is
 * the system's folder for temporary files.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { SqliteLogStore } from "../src/log/sqlite/sqlite-log-store.ts";
import { parseRunId } from "../src/protocol/ids.ts";

const WARM_UP = 50;
const COMMITS = 1_500;
const record =
  '{"type":"telemetry","binIndex":12,"nodeId":"OrderService","metrics":{"arrivals":131,"served":120,"errors":2}}';
const mark = { sealedBin: 12, hash: "0".repeat(64) };

const folder = mkdtempSync(path.join(process.env.FLOWTIME_BENCH_DIR ?? tmpdir(), "flowtime-bench-"));
const store = new SqliteLogStore(folder);
console.log(`${new Date().toISOString()}, Node ${process.version}, ${cpus()[0]?.model}, ${cpus().length} cores`);
console.log(`${COMMITS} commits of records of ${record.length} bytes after ${WARM_UP} to warm up\n`);
console.log("records/commit   p50 ms   p99 ms   max ms   records/s   read back records/s");
try {
  for (const size of [1, 10, 100, 1_000]) {
    const runId = parseRunId(`run_bench_${size}`)!;
    const log = store.create(runId, "{}");
    const batch = Array.from({ length: size }, () => record);
    for (let commit = 0; commit < WARM_UP; commit++) log.append(batch, mark);
    const times: number[] = [];
    for (let commit = 0; commit < COMMITS; commit++) {
      const start = performance.now();
      log.append(batch, mark);
      times.push(performance.now() - start);
    }
    log.close();
    const total = times.reduce((sum, ms) => sum + ms, 0);
    times.sort((a, b) => a - b);

    const reopened = store.open(runId);
    const start = performance.now();
    let read = 0;
    for (const chunk of reopened.readFrom(0)) read += chunk.records.length;
    const readMs = performance.now() - start;
    reopened.close();
    const columns = [
      `${size}`.padStart(14),
      times[COMMITS >> 1]!.toFixed(3).padStart(8),
      times[Math.floor(COMMITS * 0.99)]!.toFixed(3).padStart(8),
      times.at(-1)!.toFixed(1).padStart(8),
      Math.round((COMMITS * size * 1000) / total)
        .toString()
        .padStart(11),
      Math.round((read * 1000) / readMs)
        .toString()
        .padStart(21),
    ];
    console.log(columns.join(" "));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
