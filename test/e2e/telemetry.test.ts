import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BuiltCli, projectRoot } from "../support/built-cli.ts";
import { completed, serve } from "../support/server.ts";
import { tempFolder } from "../support/temp-folder.ts";

/** A run of this project's own that FlowTime wrote, its model, and FlowTime's capture of it. */
const CASE = "rnd-1092";
const conformance = path.join(projectRoot, "fixtures/conformance");
const runs = path.join(conformance, "simulation", CASE, "run");
const RUN_DIR = path.join(runs, readdirSync(runs)[0]!);
const MODEL = path.join(conformance, "simulation", CASE, "model.yaml");
const CAPTURE = path.join(conformance, "capture", CASE, "capture");

let cli: BuiltCli;

beforeAll(async () => {
  cli = await BuiltCli.build();
});
afterAll(() => cli[Symbol.dispose]());

function csvs(folder: string): Readonly<Record<string, string>> {
  const names = readdirSync(folder).filter((name) => name.endsWith(".csv"));
  return Object.fromEntries(names.map((name) => [name, readFileSync(path.join(folder, name), "utf8")]));
}

test("a run folder to a capture, the capture to a run folder with the same series", async () => {
  const scratch = tempFolder();
  const output = path.join(scratch, "capture");
  const args = ["telemetry", "capture", "--run-dir", RUN_DIR, "--output", output];

  const plan = await cli.run([...args, "--dry-run"]);
  expect(plan.code).toBe(0);
  expect(plan.stderr).toContain("dry run, nothing written");
  expect(readdirSync(scratch)).toEqual([]);

  const made = await cli.run(args);
  expect(made).toMatchObject({ code: 0, stdout: `${output}\n` });
  expect(csvs(output)).toEqual(csvs(CAPTURE));
  const planned = plan.stdout
    .trimEnd()
    .split("\n")
    .map((line) => path.basename(line.split("\t")[0]!));
  expect([...new Set(planned)].sort()).toEqual(Object.keys(csvs(output)).sort());

  expect(await cli.run(args)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("--overwrite") });
  expect(await cli.run([...args, "--overwrite"])).toMatchObject({ code: 0 });

  const bundle = [
    "telemetry",
    "bundle",
    "--capture-dir",
    output,
    "--model",
    MODEL,
    "--output",
    path.join(scratch, "runs"),
  ];
  const bundled = await cli.run([...bundle, "--deterministic-run-id"]);
  expect(bundled).toMatchObject({ code: 0, stderr: expect.stringMatching(/^flowtime: run_deterministic_/m) });
  const folder = bundled.stdout.trimEnd();
  const [ours, theirs] = [folder, RUN_DIR].map((run) => csvs(path.join(run, "series")));
  const totals = Object.entries(theirs!).filter(([name]) => name.endsWith("@DEFAULT.csv") && !name.startsWith("edge_"));
  for (const [name, text] of totals) expect([name, ours![name]]).toEqual([name, text]);
  expect(csvs(path.join(folder, "model/telemetry"))).toEqual(csvs(output));
  expect(await cli.run(["verify", folder])).toMatchObject({ code: 0 });
  expect(await cli.run([...bundle, "--deterministic-run-id"])).toMatchObject({ code: 2 });
}, 60_000);

test("a live run is captured from its engine", async () => {
  const engine = await serve();
  const { runId } = await engine.client.createRun({ mode: "simulation", model: readFileSync(MODEL, "utf8") });
  await completed(engine.client, runId);
  const target = ["--data", engine.dataDir];
  const made = await cli.run(["telemetry", "capture", "--run", runId, "--json", ...target]);
  expect(made.code).toBe(0);
  const { output, entries } = JSON.parse(made.stdout);
  expect(output).toBe(path.join(engine.dataDir, "captures", runId));
  expect(csvs(output)).toEqual(csvs(CAPTURE));
  expect(entries.length).toBeGreaterThan(0);

  const unknown = await cli.run(["telemetry", "capture", "--run", "run_none", ...target]);
  expect(unknown).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("run_none") });
  expect(readdirSync(path.join(engine.dataDir, "captures"))).toEqual([runId]);
}, 60_000);

test.each([
  [["capture"], "--run-dir"],
  [["capture", "--run-dir", "a", "--run", "b"], "one run"],
  [["capture", "--run-dir", "/nowhere"], "was not found"],
  [["bundle", "--model", "m.yaml"], "--capture-dir"],
  [["bundle", "--capture-dir", "/nowhere", "--model", MODEL], "Directory not found"],
  [["bundle", "--capture-dir", CAPTURE, "--model", "/nowhere.yaml"], "/nowhere.yaml"],
])("telemetry %j is wrong use", async (args, message) => {
  const result = await cli.run(["telemetry", ...args, "--data", tempFolder()]);
  expect(result).toMatchObject({ code: 2, stdout: "" });
  expect(result.stderr).toContain(message);
  expect(result.stderr).not.toMatch(/\bat .*\.(ts|js):\d/);
});
