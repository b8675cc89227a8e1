// The law of checkpoints: a snapshot after bin k − 1 is what a batch run of the same model cut to k bins writes.
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readBundle, readBundleModel } from "../../src/ingest/bundle.ts";
import { bundleFrames } from "../../src/ingest/bundle-frames.ts";
import type { BindingSpec } from "../../src/model/bind.ts";
import { compileModel } from "../../src/model/compile.ts";
import { parseModel } from "../../src/model/parse.ts";
import { timestampedRunId } from "../../src/protocol/ids.ts";
import type { RunMode } from "../../src/protocol/run.ts";
import { LiveRun } from "../../src/runtime/live-run.ts";
import type { RunValues } from "../../src/runtime/run-image.ts";
import { assembleModelRun, evaluateModel } from "../../src/runtime/run-model.ts";
import type { RunFolder } from "../../src/snapshot/assemble.ts";
import { cutModelText } from "../../src/snapshot/cut-model.ts";
import { randomModel } from "../support/random-model.ts";
import { runs } from "../support/seed.ts";

function liveRun(modelText: string, mode: RunMode, bindings: readonly BindingSpec[]): LiveRun {
  const { model } = parseModel(modelText);
  const { plan } = compileModel(model!, { bindings });
  const runId = timestampedRunId(0, new Uint8Array(4));
  return new LiveRun({ runId, epoch: "0", mode, createdUtc: "", modelText, bindings, checkpointEvery: null }, plan!);
}

function folderOf(values: RunValues): RunFolder {
  return assembleModelRun(values, {
    mode: "simulation",
    seed: null,
    provenance: null,
    runId: { kind: "deterministic" },
    now: () => "1970-01-01T00:00:00.0000000Z",
  });
}

/** What a run of the model with its first `bins` bins writes when nothing is live. */
function batchFolder(modelText: string, bins: number): RunFolder {
  const evaluated = evaluateModel(cutModelText(modelText, bins), "simulation");
  if (!evaluated.ok) throw new Error(evaluated.diagnostics.map(({ message }) => message).join("; "));
  return folderOf(evaluated.image);
}

function textsOf(folder: RunFolder, isWanted: (file: string) => boolean = () => true): Record<string, string> {
  const files = folder.files.filter((file) => isWanted(file.path));
  return Object.fromEntries(files.map((file) => [file.path, Buffer.from(file.bytes).toString("utf8")]));
}

test("random models: every file of a snapshot after any bin is that of the batch run of so many bins", () => {
  fc.assert(
    fc.property(randomModel, fc.nat({ max: 1000 }), ({ text, bins }, at) => {
      const sealed = 1 + (at % bins);
      const run = liveRun(text, "simulation", []);
      for (let bin = 0; bin < sealed; bin++) run.evaluateNext();
      const live = folderOf(run.image());
      const batch = batchFolder(text, sealed);
      expect(live.runId, text).toBe(batch.runId);
      expect(textsOf(live), text).toEqual(textsOf(batch));
    }),
    runs(100),
  );
});

test("the order pipeline: after every bin the series, their index and the warnings are those of a batch run of the telemetry", async () => {
  const folder = path.resolve(import.meta.dirname, "../../fixtures/bundles/order-pipeline");
  const [modelText, bundle] = [await readBundleModel(folder), await readBundle(folder)];
  const run = liveRun(modelText, "live", bundle.bindings);
  const { plan } = run;

  const frames = [...bundleFrames(bundle)];
  let snapshots = 0;
  // The same telemetry as part of the model: every bound series is a const of the bundle's values.
  const values = new Map(plan.bound.map(({ seriesId }) => [seriesId, [] as number[]]));
  for (const frame of frames) {
    run.begin();
    expect(run.admit(frame).kind).toMatch(/^(accepted|duplicate)$/);
    run.commit();
    for (let event = run.evaluateNext(); event !== null; event = run.evaluateNext()) {
      for (const [seriesId, list] of values) list.push(run.values(seriesId).at(-1)!);
      const planted = [...values].reduce((text, [id, list]) => {
        const pattern = new RegExp(`(- id: ${id}\\n    kind: const\\n    values: )\\[[^\\]]*\\]`);
        expect(text).toMatch(pattern);
        return text.replace(pattern, `$1[${list.join(", ")}]`);
      }, modelText);
      const isValue = (file: string) => file.startsWith("series/");
      const [live, batch] = [folderOf(run.image()), batchFolder(planted, run.evaluatedBin + 1)];
      expect(textsOf(live, isValue)).toEqual(textsOf(batch, isValue));
      expect(warningsOf(live)).toEqual(warningsOf(batch));
      snapshots++;
    }
  }
  expect(snapshots).toBe(plan.source.grid.bins);
});

function warningsOf(folder: RunFolder): unknown {
  const text = textsOf(folder, (file) => file === "run.json")["run.json"]!;
  return (JSON.parse(text.replace(/^\ufeff/, "")) as { warnings: unknown }).warnings;
}
