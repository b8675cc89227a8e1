import { describe, expect, test } from "vitest";
import { compileModel } from "../../../src/model/compile.ts";
import { parseModel } from "../../../src/model/parse.ts";
import type { Frame } from "../../../src/protocol/frame.ts";
import { parseRunId } from "../../../src/protocol/ids.ts";
import type { RunUpdate, Warning } from "../../../src/protocol/run-event.ts";
import { LiveRun } from "../../../src/runtime/live-run.ts";
import { modelText, type ShortModel, topologyNodes } from "../../support/model-builder.ts";

const DESK: ShortModel = {
  nodes: ["a=1s", "b=1s", "cap=10s"],
  bins: 300,
  binSize: 5,
  binUnit: "minutes",
  topology: topologyNodes("Desk:queue arrivals=a served=b capacity=cap slaMin=10", "Back:service arrivals=b served=b"),
};

const TWO_CLASSES: ShortModel = {
  nodes: ["g=6s", "s=4s", "all: g + s", "out: all * 0.5", "q=buf(all,out)", "other=3s"],
  arrivals: ["g: Gold", "s: Std"],
  topology: `  nodes:
    - { id: S, kind: queue, semantics: { arrivals: all, served: out, queueDepth: q } }
    - { id: T, kind: sink, semantics: { arrivals: other, served: other } }
  edges:
    - { id: e, from: S, to: T }`,
};

function runOf(short: ShortModel, bindings: readonly string[], mode: "live" | "simulation" = "live"): LiveRun {
  const text = modelText(short);
  const { plan, diagnostics } = compileModel(parseModel(text).model!, { bindings });
  if (plan === null) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  const runId = parseRunId("run_x")!;
  return new LiveRun(
    { runId, epoch: "e1", mode, createdUtc: "", modelText: text, bindings, checkpointEvery: null },
    plan,
  );
}

function feed(run: LiveRun, ...frames: readonly Frame[]): RunUpdate[] {
  run.begin();
  for (const frame of frames) run.admit(frame);
  run.commit();
  return evaluate(run);
}

function evaluate(run: LiveRun): RunUpdate[] {
  const updates: RunUpdate[] = [];
  for (let event = run.evaluateNext(); event !== null; event = run.evaluateNext())
    updates.push(event.data as RunUpdate);
  return updates;
}

const cell = (binIndex: number, seriesId: string, value: number | null): Frame => ({
  type: "telemetry",
  binIndex,
  seriesId,
  value,
});
const bin = (index: number, a: number, b: number): Frame[] => [cell(index, "a", a), cell(index, "b", b)];

describe("an update", () => {
  test("is one whole bin, chained to the one before", () => {
    const run = runOf(DESK, ["a", "b"]);
    const genesis = run.hash();
    const [first, second] = feed(run, ...bin(0, 7, 4), ...bin(1, 3, 5));
    expect(first).toEqual({
      runId: "run_x",
      epoch: "e1",
      seq: 1,
      binIndex: 0,
      rev: 0,
      startUtc: "2026-01-05T00:00:00Z",
      nodes: [
        { id: "Desk", metrics: expect.objectContaining({ arrivals: 7, served: 4, queueDepth: 3, capacity: 10 }) },
        { id: "Back", metrics: expect.objectContaining({ arrivals: 4, served: 4 }) },
      ],
      edges: [],
      warnings: expect.any(Array),
      prevHash: genesis,
      hash: run.hash(0),
      provenance: { sealedBy: "complete" },
    });
    expect(second).toMatchObject({
      seq: 2,
      binIndex: 1,
      startUtc: "2026-01-05T00:05:00Z",
      prevHash: first!.hash,
      hash: run.hash(),
    });
  });

  test("tells gaps apart from numbers, for every role that reads the series", () => {
    const run = runOf(DESK, ["a", "b"]);
    const [update] = feed(run, cell(0, "a", 7), { type: "watermark", binIndex: 0 });
    expect(update!.provenance).toEqual({ sealedBy: "watermark" });
    expect(update!.nodes).toMatchObject([
      { id: "Desk", metrics: { arrivals: 7, served: null, queueDepth: 7 }, gaps: ["served"] },
      { id: "Back", metrics: { arrivals: null, served: null }, gaps: ["arrivals", "served"] },
    ]);
  });

  test("a stated gap is a gap as well", () => {
    const [update] = feed(runOf(DESK, ["a", "b"]), cell(0, "a", null), cell(0, "b", 1));
    expect(update!.nodes[0]).toMatchObject({ id: "Desk", gaps: ["arrivals"] });
    expect(update!.nodes[1]).not.toHaveProperty("gaps");
  });

  test("of a model without topology shows its nodes", () => {
    const [update] = feed(runOf({ nodes: ["a=1s", "x: a / 0 + a * 2"], bins: 3 }, ["a"]), cell(0, "a", null));
    expect(update!.nodes).toEqual([
      { id: "a", metrics: { value: null }, gaps: ["value"] },
      { id: "x", metrics: { value: null } },
    ]);
  });
});

describe("state", () => {
  test("goes from created to running to completed; bins that are sealed wait for evaluation", () => {
    const run = runOf({ ...DESK, bins: 2 }, ["a", "b"]);
    expect([run.state, run.sealedBin, run.evaluatedBin, run.newestBin]).toEqual(["created", -1, -1, -1]);
    feed(run, cell(0, "a", 1));
    expect([run.state, run.openBins]).toEqual(["running", 1]);
    run.begin();
    for (const frame of [cell(0, "b", 1), ...bin(1, 1, 1)]) run.admit(frame);
    run.commit();
    expect([run.state, run.sealedBin, run.evaluatedBin, run.backlogBins]).toEqual(["running", 1, -1, 2]);
    evaluate(run);
    expect([run.state, run.backlogBins, run.cursorSeq]).toEqual(["completed", 0, 2]);
  });

  test("a simulation is sealed from the start", () => {
    const run = runOf({ nodes: ["a=[1,2,3]", "x: a + SHIFT(x2, 1)", "x2: x * 2"] }, [], "simulation");
    expect(evaluate(run).map(({ provenance }) => provenance.sealedBy)).toEqual(["model", "model", "model"]);
    expect([...run.values("x")]).toEqual([1, 4, 11]);
    expect(run.state).toBe("completed");
  });

  test("the newest state has every published series by id", () => {
    const run = runOf(DESK, ["a", "b"]);
    expect(run.newestState()).toEqual({ series: {}, nodes: [], edges: [], startUtc: null });
    feed(run, ...bin(0, 7, 4), ...bin(1, 1, 0));
    const { series, nodes, startUtc } = run.newestState();
    expect(series).toEqual({ a: 1, b: 0, cap: 10, desk_queue: 4 });
    expect([nodes, startUtc]).toEqual([
      run
        .recentBins()
        .map((bin) => run.updateOf(bin))
        .at(-1)!.nodes,
      "2026-01-05T00:05:00Z",
    ]);
  });

  test("classes stand beside the totals of their nodes and edges", () => {
    const run = runOf(TWO_CLASSES, [], "simulation");
    const [first] = evaluate(run);
    expect(first!.nodes).toEqual([
      {
        id: "S",
        metrics: expect.objectContaining({ arrivals: 10, served: 5, queueDepth: 5 }),
        byClass: {
          Gold: { arrivals: 6, served: 3, queueDepth: 3, queueTimeMs: 3_600_000, cycleTimeMs: 3_600_000 },
          Std: { arrivals: 4, served: 2, queueDepth: 2, queueTimeMs: 3_600_000, cycleTimeMs: 3_600_000 },
        },
      },
      { id: "T", metrics: { arrivals: 3, served: 3, throughputRatio: 1 } },
    ]);
    expect(first!.edges).toEqual([
      { id: "e", metrics: { flowVolume: 5 }, byClass: { Gold: { flowVolume: 3 }, Std: { flowVolume: 2 } } },
    ]);
    expect(run.newestState().edges).toEqual(
      run
        .recentBins()
        .map((bin) => run.updateOf(bin))
        .at(-1)!.edges,
    );
    expect(run.updateSize).toBe(2 + 2 + 2);
  });

  test("in a model without topology a class is at its computation node", () => {
    const { nodes, arrivals } = TWO_CLASSES;
    const [first] = evaluate(runOf({ nodes, arrivals: arrivals! }, [], "simulation"));
    expect(first!.nodes.find(({ id }) => id === "all")).toEqual({
      id: "all",
      metrics: { value: 10 },
      byClass: { Gold: { value: 6 }, Std: { value: 4 } },
    });
    expect(first!.nodes.find(({ id }) => id === "other")).toEqual({ id: "other", metrics: { value: 3 } });
  });

  test("keeps as many recent bins as a joining subscriber gets, less of them when classes make them heavier", () => {
    const run = runOf(DESK, ["a", "b"]);
    for (let index = 0; index < 300; index++) feed(run, ...bin(index, 1, 1));
    const recent = run
      .recentBins()
      .map((bin) => run.updateOf(bin))
      .map(({ binIndex }) => binIndex);
    expect(recent).toEqual(Array.from({ length: 240 }, (_, index) => 60 + index));

    const many = Array.from({ length: 200 }, (_, index) => `n${index}`);
    const heavy = runOf(
      { nodes: many.map((id) => `${id}=1s`), arrivals: many.map((id) => `${id}: C`), bins: 120 },
      [],
      "simulation",
    );
    evaluate(heavy);
    expect(heavy.recentBins().map((bin) => heavy.updateOf(bin))).toHaveLength(20_000 / (200 + 200));
  });
});

describe("snapshots", () => {
  test("an image is a copy of the moment", () => {
    const run = runOf(DESK, ["a", "b"]);
    feed(run, ...bin(0, 7, 4));
    const image = run.image();
    feed(run, ...bin(1, 7, 4));
    expect(image).toMatchObject({ bins: 1, seq: 1, hash: run.hash(0) });
    expect(image.series.map(({ id, values }) => [id, ...values])).toEqual([
      ["a", 7],
      ["b", 4],
      ["cap", 10],
      ["desk_queue", 3],
    ]);
  });

  test("a note of one takes a number of the stream", () => {
    const run = runOf(DESK, ["a", "b"]);
    feed(run, ...bin(0, 7, 4));
    const event = run.recordCheckpoint({ snapshotRunId: "run_s", sealedBin: 0, path: "/s" });
    expect(event).toEqual({ event: "checkpoint", data: { seq: 2, snapshotRunId: "run_s", sealedBin: 0, path: "/s" } });
    expect(run.checkpoint).toEqual(event.data);
    expect(feed(run, ...bin(1, 1, 1))[0]!.seq).toBe(3);
  });

  test("and cannot be taken while a sealed bin waits", () => {
    const run = runOf(DESK, ["a", "b"]);
    run.begin();
    for (const frame of bin(0, 1, 1)) run.admit(frame);
    run.commit();
    expect(() => run.recordCheckpoint({ snapshotRunId: "run_s", sealedBin: 0, path: "/s" })).toThrow("broken promise");
  });
});

describe("the hash chain", () => {
  test("depends on what is evaluated, not on who runs it or when", () => {
    const hashOf = (short: ShortModel, bindings: readonly string[]) => {
      const run = runOf(short, bindings);
      feed(run, ...bin(0, 7, 4));
      return run.hash();
    };
    expect(hashOf(DESK, ["a", "b"])).toBe(hashOf(DESK, ["b", "a"]));
    expect(hashOf({ ...DESK, bins: 299 }, ["a", "b"])).not.toBe(hashOf(DESK, ["a", "b"]));
  });

  test("is the same however frames were batched and ordered", () => {
    const one = runOf(DESK, ["a", "b"]);
    feed(one, ...bin(0, 7, 4), ...bin(1, 3, 5));
    const other = runOf(DESK, ["a", "b"]);
    for (const frame of [cell(1, "b", 5), cell(0, "b", 4), cell(1, "a", 3), cell(0, "a", 7)]) feed(other, frame);
    expect(other.hash()).toBe(one.hash());
  });
});

test("warnings that the model alone decides are raised with bin 0: who joins before it is told none (found by the simulator)", () => {
  const run = runOf(
    { nodes: ["a=1s"], bins: 5, topology: topologyNodes("S:sink arrivals=a served=a retryKernel=[2]") },
    ["a"],
  );
  expect(run.activeWarnings()).toEqual([]);
  const [first] = feed(run, cell(0, "a", 1));
  expect(run.activeWarnings().length).toBeGreaterThan(0);
  expect(first!.warnings.map((change) => "warning" in change && change.warning)).toEqual(run.activeWarnings());
});

describe("warnings of ingestion", () => {
  const active = (run: LiveRun, code: string): Warning | undefined =>
    run.activeWarnings().find((warning) => warning.code === code);

  test("count the gaps of a series and list the first bins", () => {
    const run = runOf(DESK, ["a", "b"]);
    const updates = Array.from(
      { length: 7 },
      (_, index) => feed(run, cell(index, "b", 1), { type: "watermark", binIndex: index })[0]!,
    );
    const gap = (update: RunUpdate) =>
      update.warnings.filter((change) => change.action !== "cleared" && change.warning.code === "data_gap");
    expect(gap(updates[0]!)).toEqual([
      {
        action: "raised",
        warning: {
          key: "data_gap:a",
          code: "data_gap",
          nodeId: "Desk",
          message: "No telemetry for Desk arrivals in bin 0",
          severity: "warning",
          bins: [0],
          value: 1,
        },
      },
    ]);
    expect(gap(updates[6]!)).toMatchObject([{ action: "updated" }]);
    expect(active(run, "data_gap")).toMatchObject({
      message: "No telemetry for Desk arrivals in 7 bins, newest 6",
      bins: [0, 1, 2, 3, 4],
      value: 7,
    });
  });

  test("a stated gap was told, so it is none", () => {
    const run = runOf(DESK, ["a", "b"]);
    feed(run, cell(0, "a", null), cell(0, "b", 1));
    expect(active(run, "data_gap")).toBeUndefined();
  });

  test("late frames are told with the next bin, and are not in the image's run warnings", () => {
    const run = runOf(DESK, ["a", "b"]);
    feed(run, ...bin(0, 1, 1), ...bin(1, 1, 1));
    expect(feed(run, cell(1, "a", 9), cell(0, "a", 9))).toEqual([]);
    expect(active(run, "late_frame")).toBeUndefined();
    const [update] = feed(run, ...bin(2, 1, 1));
    expect(update!.warnings).toContainEqual({
      action: "raised",
      warning: {
        key: "late_frame",
        code: "late_frame",
        nodeId: null,
        message: "2 frames came after the bin was sealed and had no effect",
        severity: "warning",
        bins: [0, 1],
        value: 2,
      },
    });
    expect(run.image().warnings.map(({ code }) => code)).not.toContain("late_frame");
    expect(run.image().ingestWarnings).toMatchObject([{ code: "late_frame", value: 2 }]);
  });

  test("late frames of a batch that was rolled back are not counted", () => {
    const run = runOf(DESK, ["a", "b"]);
    feed(run, ...bin(0, 1, 1));
    run.begin();
    run.admit(cell(0, "a", 9));
    run.rollback();
    feed(run, ...bin(1, 1, 1));
    expect(active(run, "late_frame")).toBeUndefined();
  });
});
