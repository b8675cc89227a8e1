import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { readBundle } from "../../../src/ingest/bundle.ts";
import { bundleFrames } from "../../../src/ingest/bundle-frames.ts";
import type { BindingSpec } from "../../../src/model/bind.ts";
import { compileModel } from "../../../src/model/compile.ts";
import type { Model } from "../../../src/model/model.ts";
import { parseModel } from "../../../src/model/parse.ts";
import type { Frame } from "../../../src/protocol/frame.ts";
import { parseRunId } from "../../../src/protocol/ids.ts";
import type { RunUpdate } from "../../../src/protocol/run-event.ts";
import { LiveRun } from "../../../src/runtime/live-run.ts";
import { modelText, topologyNodes } from "../../support/model-builder.ts";
import { describeWithReference } from "../../support/reference.ts";

function runOf(model: Model, bindings: readonly BindingSpec[]): LiveRun {
  const { plan, diagnostics } = compileModel(model, { bindings });
  if (plan === null) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  const runId = parseRunId("run_x")!;
  return new LiveRun(
    { runId, epoch: "e", mode: "live", createdUtc: "", modelText: model.text, bindings, checkpointEvery: null },
    plan,
  );
}

/** Feeds frames that must be taken and evaluates what they seal. */
function feed(run: LiveRun, frames: Iterable<Frame>): RunUpdate[] {
  const updates: RunUpdate[] = [];
  for (const frame of frames) {
    run.begin();
    const verdict = run.admit(frame);
    run.commit();
    expect(["accepted", "duplicate"], JSON.stringify([frame, verdict])).toContain(verdict.kind);
    for (let event = run.evaluateNext(); event !== null; event = run.evaluateNext()) {
      updates.push(event.data as RunUpdate);
    }
  }
  return updates;
}

const DESK = parseModel(
  modelText({
    nodes: ["arr=1s", "srv: arr * 0.5"],
    bins: 4,
    topology: topologyNodes("Desk:service arrivals=arr served=srv"),
  }),
).model!;
const ofClass = (classId: string): BindingSpec => ({ nodeId: "Desk", metric: "arrivals", classId });
const cell = (binIndex: number, arrivals: number, classId?: string): Frame => ({
  type: "telemetry",
  binIndex,
  nodeId: "Desk",
  ...(classId === undefined ? {} : { classId }),
  metrics: { arrivals },
});

describe("telemetry by class", () => {
  test("is scaled to the total, and goes on through the model", () => {
    const run = runOf(DESK, ["arr", ofClass("Gold"), "arr@ARR@Std"]);
    const [first] = feed(run, [
      cell(0, 10),
      cell(0, 3, "gold"),
      { type: "telemetry", binIndex: 0, seriesId: "arr@STD", value: 1 },
    ]);
    expect(first).toMatchObject({
      provenance: { sealedBy: "complete" },
      nodes: [
        {
          metrics: { arrivals: 10, served: 5 },
          byClass: { Gold: { arrivals: 7.5, served: 3.75 }, Std: { arrivals: 2.5, served: 1.25 } },
        },
      ],
    });
    expect(run.image().inputs).toEqual([
      { seriesId: "arr", values: Float64Array.of(10) },
      { seriesId: "arr@Gold", values: Float64Array.of(3) },
      { seriesId: "arr@Std", values: Float64Array.of(1) },
    ]);
    expect(Object.keys(run.newestState().series)).toEqual(["arr", "srv", "arr@Gold", "arr@Std", "srv@Gold", "srv@Std"]);
  });

  test("alone, its sum is the total", () => {
    const run = runOf(DESK, [ofClass("Gold"), ofClass("Std")]);
    const [first] = feed(run, [cell(0, 3, "Gold"), cell(0, 4, "Std")]);
    expect(first!.nodes[0]).toMatchObject({
      metrics: { arrivals: 7, served: 3.5 },
      byClass: { Gold: { arrivals: 3 }, Std: { arrivals: 4 } },
    });
    expect(run.admit(cell(1, 7))).toMatchObject({
      code: "unbound_series",
      message: "Series 'arr' is the sum of its classes; those are fed. Fed by telemetry: arr@Gold, arr@Std.",
    });
  });

  test("that is missing is a gap of the class, and of a total that is the sum", () => {
    const told = (bindings: readonly BindingSpec[], ...frames: Frame[]) => {
      const [first] = feed(runOf(DESK, bindings), [...frames, { type: "watermark", binIndex: 0 }]);
      return [first!.nodes[0]!.gaps, first!.warnings.map((w) => (w.action === "cleared" ? w.key : w.warning.message))];
    };
    const message = "No telemetry for Desk arrivals of class 'Std' in bin 0";
    expect(told(["arr", ofClass("Gold"), ofClass("Std")], cell(0, 9), cell(0, 5, "Gold"))).toEqual([
      ["arrivals@Std"],
      expect.arrayContaining([message]),
    ]);
    expect(told([ofClass("Gold"), ofClass("Std")], cell(0, 5, "Gold"))).toEqual([
      ["arrivals", "arrivals@Std"],
      expect.arrayContaining([message]),
    ]);
  });

  test("of a class that is not bound is refused with what is", () => {
    const run = runOf(DESK, ["arr", ofClass("Gold")]);
    expect(run.admit(cell(0, 1, "Bronze"))).toMatchObject({
      kind: "rejected",
      code: "unbound_series",
      message: "Series 'arr' of class 'Bronze' is not fed. Fed by telemetry: arr, arr@Gold.",
    });
  });

  test("is not taken by a model that assigns classes itself", () => {
    const arrivals = [{ nodeId: "arr", classId: "Gold", span: DESK.nodes[0]!.span }];
    const run = runOf({ ...DESK, arrivals }, ["arr", ofClass("Gold")]);
    expect(run.plan.bound.map(({ classId }) => classId)).toEqual([null]);
    expect(run.admit(cell(0, 1, "Gold"))).toMatchObject({ code: "unbound_series" });
  });
});

describeWithReference("captured classes in place of traffic.arrivals", (root) => {
  const bundles = readdirSync(path.join(root, "bundles")).filter((name) =>
    readFileSync(path.join(root, "bundles", name, "model.yaml"), "utf8").includes("\ntraffic:"),
  );

  test.each(bundles)("%s: every captured class has the values that were captured", async (name) => {
    const bundle = await readBundle(path.join(root, "bundles", name));
    const parsed = parseModel(readFileSync(path.join(root, "bundles", name, "model.yaml"), "utf8"));
    const model = { ...parsed.model!, arrivals: [] };
    const run = runOf(model, bundle.bindings);
    feed(run, bundleFrames(bundle));
    const { classSeries, inputs } = run.image();
    const captured = inputs.filter(({ seriesId }) => seriesId.includes("@"));
    expect(captured.length).toBeGreaterThan(0);
    for (const { seriesId, values } of captured) {
      const [nodeId, classId] = seriesId.split("@");
      const shown = classSeries.get(nodeId!)!.find((share) => share.classId === classId)!.values;
      const worst = values.reduce((most, value, bin) => Math.max(most, Math.abs(value - shown[bin]!)), 0);
      expect(worst, seriesId).toBeLessThanOrEqual(1e-9);
    }
  });
});
