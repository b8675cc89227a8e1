// `flowtime run` as a whole process, on chains of stations, beside FlowTime's own .NET command on a machine of this size.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { chainModel } from "./chain-model.ts";
import { printMachine, printTable, summary } from "./report.ts";

/** Seconds and megabytes of FlowTime's `run`. */
const CASES = [
  { stations: 20, bins: 1000, dotnet: { seconds: 0.93, megabytes: 99 } },
  { stations: 100, bins: 10_000, dotnet: { seconds: 6.5, megabytes: 354 } },
  { stations: 1000, bins: 2000, dotnet: { seconds: 17.6, megabytes: 660 } },
] as const;
const SAMPLES = 3;

const launcher = path.resolve(import.meta.dirname, "../bin/flowtime.js");
/** Loaded before the command: says at the end what the process took at most, in kilobytes. */
const PROBE = `data:text/javascript,${encodeURIComponent(
  "process.on('exit', () => process.stderr.write('maxRSS ' + process.resourceUsage().maxRSS));",
)}`;

const scratch = mkdtempSync(path.join(tmpdir(), "flowtime-bench-run-"));
try {
  printMachine();
  const rows = [["flowtime run", "s (median)", "low", "high", "MB", ".NET s", ".NET MB", "time", "memory"]];
  for (const { stations, bins, dotnet } of CASES) {
    const model = path.join(scratch, "model.yaml");
    writeFileSync(model, chainModel(stations, bins));
    const runs = Array.from({ length: SAMPLES }, () => measure(model));
    const seconds = summary(runs.map((run) => run.seconds));
    const megabytes = summary(runs.map((run) => run.megabytes)).median;
    rows.push([
      `${stations} x ${bins}`,
      ...[seconds.median, seconds.low, seconds.high].map((value) => value.toFixed(2)),
      megabytes.toFixed(0),
      dotnet.seconds.toFixed(2),
      String(dotnet.megabytes),
      `${((100 * seconds.median) / dotnet.seconds).toFixed(0)} %`,
      `${((100 * megabytes) / dotnet.megabytes).toFixed(0)} %`,
    ]);
  }
  printTable(rows);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function measure(model: string): { readonly seconds: number; readonly megabytes: number } {
  const out = path.join(scratch, "runs");
  const start = performance.now();
  const args = ["--import", PROBE, launcher, "run", model, "--out", out];
  const child = spawnSync(process.execPath, args, { encoding: "utf8" });
  const seconds = (performance.now() - start) / 1000;
  rmSync(out, { recursive: true, force: true });
  const kilobytes = /maxRSS (\d+)/.exec(child.stderr)?.[1];
  if (child.status !== 0 || kilobytes === undefined) throw new Error(`flowtime run failed: ${child.stderr}`);
  return { seconds, megabytes: Number(kilobytes) / 1024 };
}
