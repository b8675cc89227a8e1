import { readdirSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { Frame } from "../../../src/protocol/frame.ts";
import { timestampedRunId } from "../../../src/protocol/ids.ts";
import { compileRun } from "../../../src/runtime/compile-run.ts";
import { LiveRun } from "../../../src/runtime/live-run.ts";
import { liveInputs, replayRun } from "../../../src/runtime/replay-run.ts";
import type { RunImage } from "../../../src/runtime/run-image.ts";
import { runModel } from "../../../src/runtime/run-model.ts";
import { FolderSnapshots } from "../../../src/runtime/snapshots.ts";
import { verifyReplay } from "../../../src/runtime/verify-replay.ts";
import { readRunInputs } from "../../../src/snapshot/run-inputs.ts";
import { verifyRunFolder } from "../../../src/snapshot/verify.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { foldScenario, pipelineScenario, type Scenario } from "../../support/live-scenario.ts";
import { modelText } from "../../support/model-builder.ts";
import { seedsFrom } from "../../support/random.ts";
import { describeWithReference } from "../../support/reference.ts";
import { someOf } from "../../support/seed.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const BINS = 40;

function liveFolder(scenario: Scenario): Promise<string> {
  return folderOf(foldScenario(scenario));
}

/** A desk that is fed its arrivals, under the late policy revise. */
function deskRun(frames: readonly Frame[]): LiveRun {
  const text = modelText({
    nodes: ["a=1s", "cap=10s", "s: MIN(a,cap)"],
    bins: 20,
    topology: `  nodes:
    - id: Desk
      kind: serviceWithBuffer
      semantics: { arrivals: a, served: s, capacity: cap, queueDepth: self }`,
  });
  const definition = {
    runId: timestampedRunId(0, new Uint8Array(4)),
    epoch: "0",
    mode: "live",
    createdUtc: "",
  } as const;
  const run = new LiveRun(
    { ...definition, modelText: text, bindings: ["a"], checkpointEvery: null, latePolicy: "revise" },
    compileRun(text, ["a"]),
  );
  for (const frame of frames) {
    run.begin();
    expect(run.admit(frame).kind).toBe("accepted");
    run.commit();
    while (run.evaluateNext() !== null) {}
  }
  return run;
}

async function folderOf(run: LiveRun): Promise<string> {
  const root = tempFolder();
  const sink = new FolderSnapshots({
    root: path.join(root, "data"),
    stagingRoot: path.join(root, "staging"),
    clock: new FakeClock(),
    random: (bytes) => new Uint8Array(bytes),
  });
  return (await sink.write(run.image())).path;
}

/** The value of a bin in a series file, replaced. */
async function plant(directory: string, series: string, bin: number, value: string): Promise<void> {
  const file = path.join(directory, `series/${series}.csv`);
  const rows = (await readFile(file, "utf8")).split("\n");
  rows[bin + 1] = `${bin},${value}`;
  await writeFile(file, rows.join("\n"));
}

test("a model whose queues are `self` comes to the same figures again", async () => {
  const text = modelText({
    nodes: ["a=[9,4,7]", "s: MIN(a,5)", "late: SHIFT(a,1)"],
    bins: 3,
    topology: `  nodes:
    - id: Big Hub
      kind: queue
      semantics: { arrivals: a, served: s, queueDepth: self }
    - id: Desk
      kind: serviceWithBuffer
      semantics: { arrivals: a, served: late, queueDepth: self }`,
  });
  const result = await runModel({
    modelText: text,
    mode: "simulation",
    outDir: tempFolder(),
    deterministicRunId: true,
    seed: null,
    clock: new FakeClock(),
    random: (bytes) => new Uint8Array(bytes),
  });
  if (!result.ok) throw new Error("the model runs");
  expect((await verifyRunFolder(result.runDir)).problems).toEqual([]);
  expect((await verifyReplay(result.runDir)).problems).toEqual([]);
});

describe("the folder of a live run", () => {
  test.each(seedsFrom("VERIFY_SEED", 4))(
    "comes to the same figures and the same hash again (seed %i)",
    async (seed) => {
      const directory = await liveFolder(pipelineScenario(seed, BINS));
      expect((await verifyRunFolder(directory)).problems).toEqual([]);
      expect(await verifyReplay(directory)).toEqual({
        kind: "live",
        comparedSeries: 8,
        bins: BINS,
        isChainCompared: true,
        problems: [],
      });
    },
  );

  test("that was adjusted and corrected comes to the same figures and the same hash again", async () => {
    const cell = (binIndex: number, value: number, revision = 0): Frame => {
      return { type: "telemetry", binIndex, seriesId: "a", value, revision };
    };
    const before = Array.from({ length: 12 }, (_, bin) => cell(bin, 20 + bin));
    const after = Array.from({ length: 8 }, (_, index) => cell(12 + index, 9));
    const run = deskRun([
      { type: "adjust", fromBin: 0, set: { "Desk.initialDepth": 4 } },
      ...before,
      { type: "adjust", fromBin: 15, set: { cap: 14 } },
      { type: "adjust", fromBin: 12, set: { cap: 13 } },
      cell(3, 50, 1),
      cell(8, 1, 1),
      cell(3, 51, 2),
      ...after,
    ]);
    expect([run.changes.length, run.knownBin(3).rev, run.knownBin(11).rev, run.knownBin(12).rev]).toEqual([3, 2, 3, 0]);
    const directory = await folderOf(run);
    expect((await verifyRunFolder(directory)).problems).toEqual([]);
    expect(await verifyReplay(directory)).toMatchObject({ bins: 20, isChainCompared: true, problems: [] });
    // Each of the two counts: without either the folder no longer holds.
    const file = path.join(directory, "model/live/run.json");
    const stored = JSON.parse(await readFile(file, "utf8"));
    for (const member of ["adjustments", "revisions"]) {
      await writeFile(file, JSON.stringify({ ...stored, [member]: [] }));
      expect((await verifyReplay(directory)).problems, member).not.toEqual([]);
    }
  });

  test("of a run that is still open is compared up to its newest bin", async () => {
    const { frames, ...scenario } = pipelineScenario(7, BINS);
    const until = frames.findIndex((frame) => frame.type === "watermark" && frame.binIndex! >= 15);
    const directory = await liveFolder({ ...scenario, frames: frames.slice(0, until + 1) });
    expect(await verifyReplay(directory)).toMatchObject({ bins: 16, isChainCompared: true, problems: [] });
  });

  test("whose model writes only some series keeps the telemetry all the same", async () => {
    const scenario = pipelineScenario(3, BINS);
    const modelText = `${scenario.modelText.replace(/topology:[\s\S]*/, "")}outputs:\n  - series: backlog\n`;
    const bindings = ["orders", "picked", "carriers"];
    const named = { arrivals: "orders", served: "picked" } as const;
    const frames = scenario.frames.flatMap((frame): Frame[] => {
      if (frame.type !== "telemetry" || frame.metrics === undefined) return [frame];
      return Object.entries(frame.metrics).map(([metric, value]) => ({
        type: "telemetry",
        binIndex: frame.binIndex!,
        seriesId: named[metric as keyof typeof named],
        value,
      }));
    });
    const directory = await liveFolder({ modelText, bindings, frames });
    expect(readdirSync(path.join(directory, "series"))).toEqual(["backlog@BACKLOG@DEFAULT.csv", "index.json"]);
    expect(readdirSync(path.join(directory, "model/live")).sort()).toEqual([
      "carriers.csv",
      "orders.csv",
      "picked.csv",
      "run.json",
    ]);
    expect(await verifyReplay(directory)).toMatchObject({ comparedSeries: 1, isChainCompared: true, problems: [] });
  });

  test.each([
    ["beside the total", ["orders"]],
    ["in place of the total", []],
  ] as const)("fed by class %s keeps the cells as they came", async (_name, totals) => {
    const { modelText, bindings } = pipelineScenario(5, BINS);
    const others = bindings.filter((id) => typeof id === "string" && id !== "orders");
    const byClass = Array.from({ length: BINS }, (_, binIndex): Frame[] => [
      { type: "telemetry", binIndex, seriesId: "orders@Gold", value: (binIndex % 7) / 3 },
      { type: "telemetry", binIndex, seriesId: "orders@Std", value: 1e9 / (1 + binIndex) },
      ...totals.map((seriesId): Frame => ({ type: "telemetry", binIndex, seriesId, value: 3 * binIndex })),
      { type: "watermark", binIndex },
    ]).flat();
    const fed = [...totals, "orders@Gold", "orders@Std", ...others];
    const directory = await liveFolder({ modelText, bindings: fed, frames: byClass });
    expect(readdirSync(path.join(directory, "model/live"))).toEqual(
      expect.arrayContaining(["orders@Gold.csv", "orders@Std.csv"]),
    );
    expect(readdirSync(path.join(directory, "series"))).toEqual(
      expect.arrayContaining(["orders@ORDERS@Gold.csv", "backlog@BACKLOG@Std.csv"]),
    );
    expect((await verifyRunFolder(directory)).problems).toEqual([]);
    expect(await verifyReplay(directory)).toMatchObject({ isChainCompared: true, problems: [] });
  });

  test("with a changed value differs: file, bin and both values are named", async () => {
    const directory = await liveFolder(pipelineScenario(1, BINS));
    const file = path.join(directory, "series/backlog@BACKLOG@DEFAULT.csv");
    const stored = (await readFile(file, "utf8")).split("\n")[12]!.split(",")[1];
    await plant(directory, "backlog@BACKLOG@DEFAULT", 11, "123.5");
    const { problems } = await verifyReplay(directory);
    expect(problems).toEqual([
      {
        path: "series/backlog@BACKLOG@DEFAULT.csv",
        problem: `bin 11: stored 123.5, evaluated again ${stored}`,
      },
    ]);
  });

  test("with changed telemetry differs in what follows from it, and in the hash", async () => {
    const directory = await liveFolder(pipelineScenario(1, BINS));
    await plant(directory, "orders@ORDERS@DEFAULT", 20, "1000000");
    const { problems } = await verifyReplay(directory);
    expect(problems.map((problem) => problem.path)).toContain("series/backlog@BACKLOG@DEFAULT.csv");
    expect(problems.at(-1)!.problem).toMatch(
      /^live\.hash is [0-9a-f]{64}, evaluated again the chain ends in [0-9a-f]{64}$/,
    );
  });

  test("without its telemetry cannot be evaluated again, which is said", async () => {
    const directory = await liveFolder(pipelineScenario(1, BINS));
    await rm(path.join(directory, "series/carriers@CARRIERS@DEFAULT.csv"));
    expect((await verifyReplay(directory)).problems).toEqual([
      { path: "spec.yaml", problem: expect.stringMatching(/series\/carriers@CARRIERS@DEFAULT\.csv not found/) },
    ]);
  });
});

test("a negative zero is another value than zero", async () => {
  const outDir = tempFolder();
  const modelText =
    "schemaVersion: 1\ngrid: {bins: 2, binSize: 1, binUnit: hours}\nnodes:\n- {id: a, kind: const, values: [0, 1]}\n";
  const result = await runModel({
    modelText,
    mode: "direct",
    outDir,
    deterministicRunId: true,
    seed: null,
    clock: new FakeClock(),
    random: (bytes) => new Uint8Array(bytes),
  });
  if (!result.ok) throw new Error("the model runs");
  expect((await verifyReplay(result.runDir)).problems).toEqual([]);
  await plant(result.runDir, "a@A@DEFAULT", 0, "-0");
  expect((await verifyReplay(result.runDir)).problems).toEqual([
    { path: "series/a@A@DEFAULT.csv", problem: "bin 0: stored -0, evaluated again 0" },
  ]);
});

describeWithReference("run folders that FlowTime wrote", (root) => {
  test.each(["direct", "prefix", "simulation", "telemetry"] as const)(
    "%s: evaluated again every series is the same",
    async (kind) => {
      const different: string[] = [];
      let series = 0;
      const cases = someOf(readdirSync(path.join(root, "golden", kind)), 4);
      for (const name of cases) {
        const runs = path.join(root, "golden", kind, name, "run");
        const { problems, comparedSeries } = await verifyReplay(path.join(runs, readdirSync(runs)[0]!));
        series += comparedSeries;
        if (problems.length > 0) different.push(`${name}: ${problems[0]!.path}: ${problems[0]!.problem}`);
      }
      expect(different).toEqual([]);
      expect(series).toBeGreaterThan(cases.length);
    },
  );

  test.each(["simulation"] as const)("%s: as a live run they come to the same figures", async (kind) => {
    const different: string[] = [];
    for (const name of someOf(readdirSync(path.join(root, "golden", kind)), 4)) {
      const runs = path.join(root, "golden", kind, name, "run");
      const inputs = await readRunInputs(path.join(runs, readdirSync(runs)[0]!));
      const asLive = liveInputs(inputs);
      expect(asLive.bindings, name).not.toEqual([]);
      const [batch, live] = [replayRun({ ...inputs, kind: "simulation" }), replayRun({ ...asLive, kind: "live" })];
      if (!batch.ok || !live.ok) throw new Error(`${name} does not compile`);
      if (!isSame(batch.image, live.image)) different.push(name);
    }
    expect(different).toEqual([]);
  });
});

/** Whether two pictures of a run have the same texts and numbers; NaN equals NaN, `-0` differs from `0`. */
function isSame(a: RunImage, b: RunImage): boolean {
  const [first, second] = [a, b].map(({ series, classSeries, edgeSeries, warnings }) => ({
    texts: JSON.stringify([series, [...classSeries], edgeSeries, warnings], (_, item) =>
      item instanceof Float64Array ? item.length : item,
    ),
    numbers: [...series, ...[...classSeries.values()].flat(), ...edgeSeries].map(({ values }) => values),
  }));
  return (
    first!.texts === second!.texts &&
    first!.numbers.every((values, at) => values.every((value, bin) => Object.is(value, second!.numbers[at]![bin])))
  );
}
