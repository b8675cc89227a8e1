import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { BuiltCli, type Finished, finished, projectRoot, said } from "../support/built-cli.ts";
import { tempFolder } from "../support/temp-folder.ts";

/** What a person sees who gives the command line something wrong: the message, and the exit code. */

const fixture = (name: string) => path.join(projectRoot, "fixtures", name);
const PIPELINE = fixture("bundles/order-pipeline");
const MODEL = path.join(PIPELINE, "model.yaml");
const NOBODY = 65_534;

let cli: BuiltCli;
beforeAll(async () => {
  cli = await BuiltCli.build();
});
afterAll(() => cli[Symbol.dispose]());

/** No stack, no data where there is none to give. */
function expectMessage(result: Finished, code: number, ...words: readonly string[]): void {
  for (const word of words) expect(result.stderr).toContain(word);
  expect(result.stderr).not.toMatch(/^\s+at /m);
  expect(result.stderr).not.toContain("internal error");
  expect(result.code).toBe(code);
}

function copyOf(bundle: string): string {
  const folder = path.join(tempFolder(), "bundle");
  cpSync(fixture(`bundles/${bundle}`), folder, { recursive: true });
  return folder;
}

async function serving(dataDir: string): Promise<string> {
  const child = cli.start(["serve", "--data", dataDir, "--port", "0"]);
  onTestFinished(async () => {
    const gone = finished(child);
    child.kill("SIGTERM");
    await gone;
  });
  const text = await said(child.stderr, /listening on \S+/);
  return /listening on (\S+)/.exec(text)?.[1] ?? "";
}

const frame = (binIndex: number, nodeId: string, metrics: object) =>
  JSON.stringify({ type: "telemetry", binIndex, nodeId, metrics });

describe("a broken YAML", () => {
  test("fails validation with line, column and the place", async () => {
    const result = await cli.run(["validate", fixture("models/broken-yaml.yaml")]);
    expect(result.stdout).toContain("broken-yaml.yaml:11:3: error[yaml_syntax]:");
    expect(result.stdout).toMatch(/ 11 \| {3}- id: served\n {4}\| {3}\^/);
    expectMessage(result, 1, "1 error");
  });

  test("is not taken for one because of a byte-order mark, from a file or a pipe", async () => {
    const marked = `\uFEFF${readFileSync(fixture("models/hello.yaml"), "utf8")}`;
    const file = path.join(tempFolder(), "marked.yaml");
    writeFileSync(file, marked);
    expectMessage(await cli.run(["validate", file]), 0);
    expectMessage(await cli.run(["validate", "-"], { input: marked }), 0);
  });

  test("is not run", async () => {
    const out = path.join(tempFolder(), "out");
    const result = await cli.run(["run", fixture("models/broken-yaml.yaml"), "--out", out]);
    expectMessage(result, 1, "Model validation failed:\n  - Invalid YAML syntax:");
    expect(result.stdout).toBe("");
  });

  test("is not fed", async () => {
    const folder = copyOf("missing-bins");
    cpSync(fixture("models/broken-yaml.yaml"), path.join(folder, "model.yaml"));
    const result = await cli.run(["ingest", folder, "--data", tempFolder()]);
    expectMessage(result, 2, "model.yaml:11:3: error[yaml_syntax]", "has errors; no run was created");
    expect(result.stdout).toBe("");
  });

  test("tells all mistakes at once", async () => {
    const result = await cli.run(["validate", fixture("models/several-mistakes.yaml"), "--json"]);
    const report = JSON.parse(result.stdout);
    expect(report).toMatchObject({ tier: "analyse", isValid: false, warnings: [] });
    expect(report.errors.map(({ line, code, text }: Record<string, unknown>) => [line, code, text])).toEqual([
      [3, "out_of_range", "0"],
      [12, "unknown_value", "exprr"],
      [14, "duplicate_id", "demand"],
    ]);
    expect(result.code).toBe(1);
  });
});

describe("frames", () => {
  const bin = (index: number) => [
    frame(index, "Intake", { arrivals: 80, served: 80 }),
    frame(index, "Billing", { errors: 2, capacity: 100 }),
    frame(index, "Shipping", { capacity: 100 }),
  ];

  test("that name an unknown node are refused one by one, and the rest goes on", async () => {
    const input = [frame(0, "Intaek", { arrivals: 80 }), ...bin(0), ...bin(1), frame(1, "Intaek", { arrivals: 1 })];
    const args = ["ingest", "-", "--model", MODEL, "--data", tempFolder()];
    const result = await cli.run(args, { input: input.join("\n") });
    expectMessage(result, 0, "refused line 1: unknown_node", "refused line 8: unknown_node", "'Intaek'");
    expect(result.stderr).toContain(
      "2 bins sealed, run completed · 6 frames accepted, 0 duplicate, 0 late, 2 rejected",
    );
    const strict = await cli.run([...args, "--strict"], { input: input.join("\n") });
    expect(strict.code).toBe(1);
  });

  test("with a bad line in the middle go on, and the bad lines can be kept", async () => {
    const rejects = path.join(tempFolder(), "refused.ndjson");
    const input = [...bin(0), '{"type":"telemetry","binIndex":0', "", '{"type":"tick"}', ...bin(1)];
    const args = ["ingest", "-", "--model", MODEL, "--data", tempFolder()];
    const shown = await cli.run(args, { input: input.join("\n") });
    expectMessage(shown, 0, "refused line 4: malformed: The line is not JSON", "refused line 6: unknown_type");
    expect(shown.stderr).toContain("2 bins sealed");
    expect(shown.stdout).toMatch(/run_[^\n]+\n$/);
    const kept = await cli.run([...args, "--rejects", rejects], { input: input.join("\n") });
    expect(kept.code).toBe(0);
    expect(kept.stderr).not.toContain("refused line");
    const lines = readFileSync(rejects, "utf8").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { where: "line 4", code: "malformed", frame: '{"type":"telemetry","binIndex":0' },
      { where: "line 6", code: "unknown_type", frame: '{"type":"tick"}' },
    ]);
  });

  test("that are all bad seal nothing: that is a no", async () => {
    const input = [...bin(0), "x"].map((line) => line.replaceAll(/Intake|Billing|Shipping/g, "Nowhere")).join("\n");
    const args = ["ingest", "-", "--model", MODEL, "--bind", "order_arrivals", "--data", tempFolder()];
    const result = await cli.run(args, { input });
    expectMessage(result, 1, "4 rejected", "no bin was sealed, so there is no run folder");
    expect(result.stdout).toBe("");
  });

  test("without a model are no run", async () => {
    const result = await cli.run(["ingest", "-", "--data", tempFolder()], { input: "" });
    expectMessage(result, 2, "frames need a model", "--model", "--run ID");
  });
});

describe("a bundle", () => {
  test("without a CSV that it lists", async () => {
    const folder = copyOf("order-pipeline");
    rmSync(path.join(folder, "Billing_errors.csv"));
    const result = await cli.run(["ingest", folder, "--data", tempFolder()]);
    expectMessage(result, 2, "Billing_errors.csv is listed, but not in the bundle");
    expect(result.stdout).toBe("");
  });

  test("whose CSV is not the one that was hashed", async () => {
    const folder = copyOf("order-pipeline");
    const file = path.join(folder, "Billing_errors.csv");
    writeFileSync(file, readFileSync(file, "utf8").replace("0,DEFAULT,2", "0,DEFAULT,3"));
    const result = await cli.run(["ingest", folder, "--data", tempFolder()]);
    expectMessage(result, 2, "Billing_errors.csv is not the file that manifest.json lists", "SHA-256");
  });

  test("that is not there, or has no model", async () => {
    expectMessage(await cli.run(["ingest", "no/such/bundle"]), 2, "There is no bundle or file no/such/bundle");
    expectMessage(await cli.run(["ingest", tempFolder()]), 2, "has no model.yaml", "--model");
  });

  test("whose manifest is of another grid", async () => {
    const folder = copyOf("order-pipeline");
    const file = path.join(folder, "manifest.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"binSize": 5', '"binSize": 15'));
    const result = await cli.run(["ingest", folder, "--data", tempFolder()]);
    expectMessage(result, 2, "manifest.json has 48 bins of 15 minutes, the model 48 bins of 5 minutes");
  });
});

test("a port in use", async () => {
  const other = createServer();
  onTestFinished(() => void other.close());
  const port = await new Promise<number>((resolve) => {
    other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port));
  });
  const result = await cli.run(["serve", "--data", tempFolder(), "--port", String(port)]);
  expectMessage(result, 2, `Port ${port} on 127.0.0.1 is in use`, "--port");
  expect(result.stdout).toBe("");
});

test("a second engine over the same data folder", async () => {
  const data = tempFolder();
  const url = await serving(data);
  const result = await cli.run(["serve", "--data", data, "--port", "0"]);
  expectMessage(result, 2, "An engine already serves", url);
});

test("an unknown run id", async () => {
  const data = tempFolder();
  await serving(data);
  const unknown = "run_20261123T090000Z_00000000";
  const checkpoint = await cli.run(["checkpoint", unknown, "--data", data]);
  expectMessage(checkpoint, 2, unknown);
  const tail = await cli.run(["stream", "runs", unknown, "--data", data]);
  expectMessage(tail, 2, unknown);
  const feed = await cli.run(["ingest", "-", "--run", unknown, "--data", data], { input: '{"type":"end"}\n' });
  expectMessage(feed, 2, unknown);
  for (const { stdout } of [checkpoint, tail, feed]) expect(stdout).toBe("");
});

test("no engine", async () => {
  const data = tempFolder();
  const result = await cli.run(["checkpoint", "run_x", "--data", data]);
  expectMessage(result, 4, `no engine serves the data folder ${data}`, "flowtime serve");
  const elsewhere = await cli.run(["checkpoint", "run_x", "--engine", "http://127.0.0.1:2"]);
  expectMessage(elsewhere, 4, "cannot reach the engine at http://127.0.0.1:2");
  expectMessage(await cli.run(["runs", "--engine", "here"]), 2, "--engine must be an address");
});

test("a data folder without write permission", async () => {
  const data = path.join(tempFolder(), "data");
  mkdirSync(data);
  chmodSync(path.dirname(data), 0o755);
  chmodSync(data, 0o555);
  // Root may write everywhere, so the command runs as somebody who may not.
  const options = process.getuid?.() === 0 ? { uid: NOBODY } : {};
  for (const args of [
    ["serve", "--port", "0"],
    ["ingest", PIPELINE],
  ]) {
    const result = await cli.run([...args, "--data", data], options);
    expectMessage(result, 2, `Cannot write to the data folder ${data} (EACCES)`, "--data");
    expect(result.stdout).toBe("");
  }
  const run = await cli.run(["run", fixture("models/hello.yaml"), "--out", data], options);
  expectMessage(run, 2, "no permission to write there");
});

describe("wrong use", () => {
  test.each<[readonly string[], readonly string[]]>([
    [["ingset"], ["unknown command 'ingset'", "Did you mean ingest?", "flowtime --help"]],
    [["ingest"], ["missing required argument 'source'", "flowtime ingest --help"]],
    [
      ["serve", "--prot", "1"],
      ["unknown option '--prot'", "--port"],
    ],
    [["serve", "--port", "eighty"], ["--port must be a whole number from 0 to 65535, not 'eighty'"]],
    [["serve", "--host", "0.0.0.0"], ["not loopback"]],
    [["ingest", PIPELINE, "--speed", "0"], ["--speed must be a whole number from 1"]],
    [["ingest", MODEL, "--watch", "--model", MODEL], ["--watch follows a bundle folder"]],
    [["run", "nowhere.yaml"], ["There is no file nowhere.yaml"]],
    [["run", fixture("models")], ["it is a folder"]],
    [["run", MODEL, "--seed", "x"], ["--seed must be a whole number"]],
    [["run", MODEL, "--mode", "telemetry"], ["direct, simulation"]],
    [["validate", "nowhere.yaml"], ["There is no file nowhere.yaml"]],
    [["ingest", PIPELINE, "--rejects", "/nowhere/refused.ndjson"], ["/nowhere/refused.ndjson cannot be written"]],
    [["help", "serv"], ["there is no command 'serv'"]],
  ])("flowtime %j", async (args, words) => {
    const result = await cli.run(args);
    expectMessage(result, 2, ...words);
    expect(result.stdout).toBe("");
  });
});
