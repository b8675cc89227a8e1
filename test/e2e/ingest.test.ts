import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { readBundle } from "../../src/ingest/bundle.ts";
import { bundleFrames } from "../../src/ingest/bundle-frames.ts";
import { encodeFrame } from "../../src/protocol/frame.ts";
import { BuiltCli, type Finished, finished, projectRoot, said } from "../support/built-cli.ts";
import { describeWithReference } from "../support/reference.ts";
import { tempFolder } from "../support/temp-folder.ts";

const bundles = path.join(projectRoot, "fixtures/bundles");
const PIPELINE = path.join(bundles, "order-pipeline");
const MODEL = path.join(PIPELINE, "model.yaml");

let cli: BuiltCli;
/** What an undisturbed ingest of the order pipeline comes to. */
let expected: Outcome;

interface Outcome {
  readonly runId: string;
  readonly state: string;
  readonly sealedBin: number;
  readonly hash: string;
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly snapshot: string;
}

beforeAll(async () => {
  cli = await BuiltCli.build();
});
afterAll(() => cli[Symbol.dispose]());

function outcomeOf(result: Finished): Outcome {
  if (result.code !== 0) throw new Error(`exit ${result.code}: ${result.stderr}`);
  expect(result.stdout.split("\n")).toHaveLength(2);
  return JSON.parse(result.stdout);
}

async function ingest(source: string, args: readonly string[] = [], input = ""): Promise<Outcome> {
  const data = args.includes("--data") ? [] : ["--data", tempFolder()];
  return outcomeOf(await cli.run(["ingest", source, "--json", ...data, ...args], { input }));
}

async function frames(bundle: string): Promise<readonly string[]> {
  return [...bundleFrames(await readBundle(bundle))].map(encodeFrame);
}

function seriesOf(snapshot: string): Record<string, string> {
  const folder = path.join(snapshot, "series");
  const files = readdirSync(folder).filter((name) => name.endsWith(".csv"));
  return Object.fromEntries(files.map((name) => [name, readFileSync(path.join(folder, name), "utf8")]));
}

beforeAll(async () => {
  const data = tempFolderOfFile();
  expected = await ingest(PIPELINE, ["--data", data]);
});

/** `tempFolder` removes its folder with the test; this one stays for all of them. */
function tempFolderOfFile(): string {
  const folder = path.join(cli.root, "data");
  mkdirSync(folder, { recursive: true });
  return folder;
}

describe("a bundle", () => {
  test("is fed, evaluated and written; the folder is the one line on stdout", async () => {
    const result = await cli.run(["ingest", PIPELINE, "--data", tempFolder()]);
    expect(result.code).toBe(0);
    expect(existsSync(path.join(result.stdout.trim(), "run.json"))).toBe(true);
    expect(result.stdout).toMatch(/^\/\S*run_\d{8}T\d{6}Z_[0-9a-f]{8}\n$/);
    expect(result.stderr).toMatch(/tail it: flowtime stream runs run_\S+ --data \S+\n/);
    expect(expected).toMatchObject({ state: "completed", sealedBin: 47, accepted: 144, duplicates: 0, rejected: 0 });
  });

  test("with missing bins is fed with gaps", async () => {
    const outcome = await ingest(path.join(bundles, "missing-bins"));
    expect(outcome).toMatchObject({ state: "completed", sealedBin: 11, rejected: 0 });
    const calls = seriesOf(outcome.snapshot)["calls@CALLS@DEFAULT.csv"]?.trim().split("\n").slice(1) ?? [];
    expect(calls.map((row) => row.split(",")[1])).toEqual([
      "18",
      "21",
      "25",
      "NaN",
      "30",
      "NaN",
      "24",
      "22",
      "NaN",
      "NaN",
      "19",
      "17",
    ]);
  });

  test("gives the same run from disk, as a file of frames, through a pipe, and while it grows", async () => {
    const lines = await frames(PIPELINE);
    const file = path.join(tempFolder(), "frames.ndjson");
    writeFileSync(file, lines.join("\n"));
    const fromFile = await ingest(file, ["--model", MODEL]);
    const fromPipe = await ingest("-", ["--model", MODEL], `${lines.join("\r\n")}\r\n`);
    expect([fromFile.hash, fromPipe.hash]).toEqual([expected.hash, expected.hash]);
    expect(seriesOf(fromPipe.snapshot)).toEqual(seriesOf(expected.snapshot));
  });

  test("may be written while it is fed", async () => {
    const growing = path.join(tempFolder(), "growing");
    mkdirSync(growing);
    const files = readdirSync(PIPELINE).filter((name) => name.endsWith(".csv"));
    const rows = new Map(files.map((name) => [name, readFileSync(path.join(PIPELINE, name), "utf8").split("\n")]));
    for (const [name, [header]] of rows) writeFileSync(path.join(growing, name), `${header}\n`);
    cpSync(MODEL, path.join(growing, "model.yaml"));
    const child = cli.start(["ingest", growing, "--watch", "--json", "--data", tempFolder()]);
    const end = finished(child);
    await said(child.stderr, /tail it/);
    for (let row = 1; row < 49; row++) {
      for (const [name, lines] of rows) appendFileSync(path.join(growing, name), `${lines[row]}\n`);
    }
    await said(child.stderr, /48\/48 bins sealed|waiting for manifest/);
    cpSync(path.join(PIPELINE, "manifest.json"), path.join(growing, "manifest.json"));
    const outcome = outcomeOf(await end);
    expect(outcome).toMatchObject({ state: "completed", sealedBin: 47, rejected: 0 });
    const { "order_queue@ORDER_QUEUE@DEFAULT.csv": queue } = seriesOf(outcome.snapshot);
    expect(queue).toBe(seriesOf(expected.snapshot)["order_queue@ORDER_QUEUE@DEFAULT.csv"]);
  });

  test("can be fed twice into one run: nothing is doubled", async () => {
    const data = tempFolder();
    const args = ["--data", data, "--run", "run_twice"];
    expect((await ingest(PIPELINE, args)).accepted).toBe(144);
    const again = await ingest(PIPELINE, args);
    expect(again).toMatchObject({ accepted: 0, duplicates: 144, rejected: 0, hash: expected.hash });
  });
});

describe("a pipe", () => {
  test("that is cut keeps the run open, and the next one goes on", async () => {
    const lines = await frames(PIPELINE);
    const data = tempFolder();
    const first = lines.slice(0, 50).join("\n");
    const args = ["--data", data, "--run", "run_cut", "--model", MODEL];
    const open = await ingest("-", [...args, "--no-end"], first);
    expect(open.state).toBe("running");
    expect(open.accepted + open.duplicates).toBe(50);
    expect(existsSync(open.snapshot)).toBe(true);
    const rest = await ingest("-", ["--data", data, "--run", "run_cut"], lines.slice(40).join("\n"));
    expect(rest).toMatchObject({ state: "completed", rejected: 0, hash: expected.hash });
  });

  test("whose frames carry times instead of bins feeds the same run", async () => {
    const lines = (await frames(PIPELINE)).map((line) =>
      line.replace(/"binIndex":(\d+)/, (_, bin) => {
        const at = Date.UTC(2026, 10, 23, 6) + Number(bin) * 300_000 + 1_000;
        return `"timestampUtc":"${new Date(at).toISOString()}"`;
      }),
    );
    expect((await ingest("-", ["--model", MODEL], lines.join("\n"))).hash).toBe(expected.hash);
  });

  test("is fed as it comes: a bin is sealed before the next one is written", async () => {
    const lines = await frames(PIPELINE);
    const child = cli.start(["ingest", "-", "--model", MODEL, "--bind", "order_arrivals", "--data", tempFolder()]);
    onTestFinished(() => void child.kill("SIGKILL"));
    const end = finished(child);
    const arrivals = lines.filter((line) => line.includes('"Intake"'));
    const only = arrivals.map((line) => line.replace(/,"served":\d+/, ""));
    for (const line of only.slice(0, 5)) child.stdin?.write(`${line}\n`);
    await said(child.stderr, /5\/48 bins sealed/);
    for (const line of only.slice(5)) child.stdin?.write(`${line}\n`);
    child.stdin?.end();
    expect((await end).code).toBe(0);
  });
});

describe("ends from outside", () => {
  test("Ctrl-C leaves the run open and dies by the signal", async () => {
    const data = tempFolder();
    const child = cli.start(["ingest", PIPELINE, "--speed", "5", "--run", "run_stopped", "--data", data]);
    const end = finished(child);
    await said(child.stderr, /tail it/);
    child.kill("SIGINT");
    const result = await end;
    expect(result.signal).toBe("SIGINT");
    expect(result.stderr).toContain("go on with --run run_stopped");
    const rest = await ingest(PIPELINE, ["--run", "run_stopped", "--data", data]);
    expect(rest.hash).toBe(expected.hash);
  });

  test("a reader that goes away is no failure", async () => {
    const child = cli.start(["help", "exit-codes"]);
    const end = finished(child);
    child.stdout?.destroy();
    const result = await end;
    expect(result.stderr).toBe("");
    expect([result.code, result.signal]).toEqual([0, null]);
  });

  test("an engine killed in the middle is waited for; the run comes out the same", async () => {
    const data = tempFolder();
    const serve = async () => {
      const child = cli.start(["serve", "--data", data, "--port", "0"]);
      onTestFinished(() => void child.kill("SIGKILL"));
      await said(child.stderr, /listening on/);
      return child;
    };
    const first = await serve();
    const producer = cli.start(["ingest", PIPELINE, "--speed", "40", "--json", "--data", data]);
    const end = finished(producer);
    await said(producer.stderr, /19\/48 bins sealed|2\d\/48 bins sealed/);
    first.kill("SIGKILL");
    await said(producer.stderr, /trying again for 60 s/);
    const second = await serve();
    const outcome = outcomeOf(await end);
    expect(outcome).toMatchObject({ state: "completed", sealedBin: 47, rejected: 0, hash: expected.hash });
    const stopped = finished(second);
    second.kill("SIGTERM");
    expect((await stopped).signal).toBe("SIGTERM");
  });
});

test("runs lists what is stored, and what is live while an engine runs", async () => {
  const data = tempFolder();
  const { snapshot, runId } = await ingest(PIPELINE, ["--data", data]);
  const stored = JSON.parse((await cli.run(["runs", "--json", "--data", data])).stdout);
  expect(stored).toMatchObject([{ kind: "stored", state: "completed", sealedBin: 47, path: snapshot }]);
  const engine = cli.start(["serve", "--data", data, "--port", "0"]);
  onTestFinished(() => void engine.kill("SIGKILL"));
  await said(engine.stderr, /listening on/);
  const table = await cli.run(["runs", "--data", data]);
  expect(table.stdout).toMatch(new RegExp(`^RUN +KIND .*\n${runId} +live +live +completed +48/48 `));
  const folder = await cli.run(["checkpoint", runId, "--data", data]);
  expect(folder.stdout).toBe(`${snapshot}\n`);
});

describeWithReference("FlowTime's own run", (root) => {
  const golden = path.join(root, "golden/direct");
  // Every tenth of the cases that the engine has all parts for; the figures themselves are the conformance suite's.
  const index = JSON.parse(readFileSync(path.join(root, "golden/index.json"), "utf8")) as readonly {
    readonly kind: string;
    readonly case: string;
    readonly features: readonly string[];
  }[];
  const built = index.filter(
    ({ kind, features }) =>
      kind === "direct" && !features.some((feature) => ["classes", "router", "constraints"].includes(feature)),
  );
  const cases = built.filter((_, position) => position % 10 === 0).map((entry) => entry.case);

  test.each(cases)("%s: the same words on stdout", async (name) => {
    const out = path.join(tempFolder(), "out");
    const folder = path.join(golden, name);
    const result = await cli.run([
      "run",
      path.join(folder, "model.yaml"),
      "--deterministic-run-id",
      "--verbose",
      "--out",
      out,
    ]);
    expect(result.stderr).toBe("");
    const said = readFileSync(path.join(folder, "stdout.txt"), "utf8").replace(/to \S+\/(run_\S+)/, `to ${out}/$1`);
    expect(result.stdout).toBe(said);
  });
});
