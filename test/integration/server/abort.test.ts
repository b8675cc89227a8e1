import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import type { RunDescription } from "../../../src/protocol/run.ts";
import { verifyReplay } from "../../../src/runtime/verify-replay.ts";
import { modelText } from "../../support/model-builder.ts";
import { call, postFrames, postJson, serve } from "../../support/server.ts";

const MODEL = modelText({ nodes: ["a=1s", "b=1s", "q=buf(a,b)"], bins: 8 });

test("a run is aborted once and for all; its folder, values that stood in included, evaluates to the same", async () => {
  const { url } = await serve();
  const created = await postJson(`${url}/v1/runs`, {
    mode: "live",
    model: MODEL,
    bindings: ["a", "b"],
    runId: "run_stop",
    gapPolicy: "hold",
    sealAfterMs: 60_000,
  });
  expect([created.status, created.body]).toMatchObject([201, { gapPolicy: "hold", sealAfterMs: 60_000 }]);
  const run = `${url}/v1/runs/run_stop`;
  await postFrames(url, "run_stop", [
    { type: "telemetry", binIndex: 0, seriesId: "a", value: 5 },
    { type: "telemetry", binIndex: 0, seriesId: "b", value: 2 },
    { type: "telemetry", binIndex: 1, seriesId: "b", value: 2 },
    { type: "watermark", binIndex: 1 },
    { type: "telemetry", binIndex: 2, seriesId: "b", value: 2 },
  ]);
  const answer = await postJson(`${run}/abort`, {});
  const { state, sealedBin, openBins, snapshot } = answer.body as RunDescription;
  expect([answer.status, state, sealedBin, openBins]).toEqual([200, "aborted", 1, 0]);
  expect(existsSync(snapshot!.path)).toBe(true);
  expect(await verifyReplay(snapshot!.path)).toMatchObject({
    kind: "live",
    bins: 2,
    isChainCompared: true,
    problems: [],
  });
  expect((await call(`${run}/state/live`)).body).toMatchObject({ state: "aborted", series: { a: 5, q: 6 } });
  expect((await postJson(`${run}/abort`, {})).body).toMatchObject({ state: "aborted", snapshot });

  await postJson(`${url}/v1/runs`, { mode: "simulation", model: MODEL, runId: "run_whole" });
  expect(await postJson(`${url}/v1/runs/run_whole/abort`, {})).toMatchObject({
    status: 409,
    body: { code: "run_not_live" },
  });
  expect(await postJson(`${url}/v1/runs/run_none/abort`, {})).toMatchObject({ status: 404 });
});
