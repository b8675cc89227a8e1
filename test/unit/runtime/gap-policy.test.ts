import { expect, test } from "vitest";
import type { Frame } from "../../../src/protocol/frame.ts";
import { parseRunId } from "../../../src/protocol/ids.ts";
import { GAP_POLICIES, type GapPolicy } from "../../../src/protocol/run.ts";
import { compileRun, InvalidModel } from "../../../src/runtime/compile-run.ts";
import { LiveRun } from "../../../src/runtime/live-run.ts";
import { modelText, topologyNodes } from "../../support/model-builder.ts";

/** `a` has a definition of its own, 11, 12, …; `b` none but a constant; `q` is a queue. */
const TEXT = modelText({
  nodes: ["base=[11,12,13,14,15,16]", "a: base + 0", "b=5s", "q=buf(a,b)"],
  bins: 6,
  binSize: 5,
  binUnit: "minutes",
  topology: topologyNodes("Desk:queue arrivals=a served=b queueDepth=q"),
});

function runOf(bindings: readonly string[], gapPolicy: GapPolicy): LiveRun {
  const runId = parseRunId("run_x")!;
  const plan = compileRun(TEXT, bindings, { gapPolicy });
  const fixed = { runId, epoch: "e", mode: "live", createdUtc: "", modelText: TEXT, checkpointEvery: null } as const;
  return new LiveRun({ ...fixed, bindings, gapPolicy }, plan);
}

function seal(run: LiveRun, ...frames: readonly Frame[]): void {
  const binIndex = run.sealedBin + 1;
  run.begin();
  for (const frame of frames) run.admit(frame);
  run.admit({ type: "watermark", binIndex });
  run.commit();
  while (run.evaluateNext() !== null) {}
}

const cell = (binIndex: number, seriesId: string, value: number | null): Frame => ({
  type: "telemetry",
  binIndex,
  seriesId,
  value,
});

test.each([
  ["nan", [Number.NaN, 7, Number.NaN, Number.NaN]],
  ["zero", [0, 7, 0, Number.NaN]],
  ["hold", [Number.NaN, 7, 7, Number.NaN]],
  ["model", [11, 7, 13, Number.NaN]],
] as const)(
  "%s: what stands in for missing cells; a null that telemetry states is none of them",
  (policy, expected) => {
    const run = runOf(["a"], policy);
    seal(run);
    seal(run, cell(1, "a", 7));
    seal(run);
    seal(run, cell(3, "a", null));
    expect([...run.values("a")]).toEqual(expected);
    expect(run.activeWarnings().filter(({ code }) => code === "data_gap")).toMatchObject([
      { nodeId: "Desk", bins: [0, 2], value: 2 },
    ]);
  },
);

test("model: a queue goes on from the depth that telemetry gave", () => {
  const run = runOf(["q"], "model");
  seal(run);
  seal(run, cell(1, "q", 100));
  seal(run);
  expect([...run.values("q")]).toEqual([6, 100, 108]);
});

test("explain says what stands in, and by which rule", () => {
  const explained = (policy: GapPolicy, series: string) => {
    const run = runOf([series], policy);
    seal(run, cell(0, series, 40));
    seal(run);
    const of = (bin: number) => run.explain({ series, bin, depth: 1 });
    return [of(0), of(1)].map(({ kind, numbers, notes }) => [kind, numbers, ...notes]);
  };
  expect(explained("model", "a")).toEqual([
    ["telemetry", "40"],
    ["expr", "12 + 0", "no telemetry in this bin: the model's own definition stands in"],
  ]);
  expect(explained("model", "q")[1]).toEqual([
    "serviceWithBuffer",
    "MAX(0, 40 + 12 - 5)",
    "no telemetry in this bin: the model's own definition stands in",
  ]);
  expect(explained("hold", "a")[1]).toEqual(["telemetry", "40", "no telemetry in this bin: the last value stands in"]);
  expect(explained("zero", "a")[1]).toEqual(["telemetry", "0", "no telemetry in this bin: 0 stands in"]);
});

test("model: definitions that only telemetry unties, and series made of classes alone, are refused", () => {
  const loop = modelText({ nodes: ["x: y + 1", "y: x + 1"], bins: 2 });
  const plain = modelText({ nodes: ["a=[1,2]", "b: a * 2"], bins: 2 });
  for (const policy of GAP_POLICIES) {
    const compile = (text: string, bindings: readonly string[]) => () =>
      compileRun(text, bindings, { gapPolicy: policy });
    if (policy !== "model") {
      expect(compile(loop, ["x"])).not.toThrow();
      expect(compile(plain, ["a@Gold"])).not.toThrow();
      continue;
    }
    expect(compile(loop, ["x"])).toThrow(InvalidModel);
    expect(compile(plain, ["a@Gold"])).toThrow(/fed by class only/);
    expect(compile(plain, ["a", "a@Gold"])).not.toThrow();
  }
});
