// Runs that enforce limits which FlowTime's runs leave alone (engine.md §11.1, D11).
import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, expect, test } from "vitest";
import type { RunDescription } from "../../../src/protocol/run.ts";
import type { KnownBins } from "../../../src/protocol/run-event.ts";
import { runModel } from "../../../src/runtime/run-model.ts";
import { verifyReplay } from "../../../src/runtime/verify-replay.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { modelText, topologyNodes } from "../../support/model-builder.ts";
import { call, postFrames, postJson, serve, completed as settled, type TestEngine } from "../../support/server.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const MODEL = modelText({
  nodes: ["in=10s", "out=3s", "dlq_in=0s", "dlq_out=1s"],
  bins: 6,
  topology: topologyNodes(
    "Desk:queue arrivals=in served=out wipLimit=20 wipOverflow=Dead",
    "Dead:dlq arrivals=dlq_in served=dlq_out",
  ),
});

let engine: TestEngine;
let url: string;

beforeEach(async () => {
  engine = await serve();
  ({ url } = engine);
});

const provenanceIn = (folder: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path.join(folder, "model/provenance.json"), "utf8").replace(/^\ufeff/, ""));

test("a live run that enforces WIP limits says so, and its folder evaluates to the same again", async () => {
  const created = await postJson(`${url}/v1/runs`, {
    mode: "live",
    model: MODEL,
    bindings: ["in"],
    modes: { wip: true },
  });
  expect(created).toMatchObject({ status: 201, body: { modes: { wip: true } } });
  const { runId } = created.body as unknown as RunDescription;
  const frames = [10, 10, 10, 10].map((value, binIndex) => ({ type: "telemetry", binIndex, seriesId: "in", value }));
  await postFrames(url, runId, [...frames, { type: "end" }]);
  await settled(engine.client, runId);
  const { bins } = (await call(`${url}/v1/runs/${runId}/bins`)).body as unknown as KnownBins;
  expect(bins.map(({ series }) => [series.desk_queue, series.desk_queue_overflow, series.dead_queue])).toEqual([
    [7, 0, 0],
    [14, 0, 0],
    [20, 1, 0],
    [20, 7, 6],
  ]);
  const { snapshot } = (await call(`${url}/v1/runs/${runId}`)).body as unknown as RunDescription;
  expect(provenanceIn(snapshot!.path)).toMatchObject({ reference: "none", ledger: ["D11"], modes: { wip: true } });
  expect((await verifyReplay(snapshot!.path)).problems).toEqual([]);
});

test("modes that are none are refused", async () => {
  for (const modes of [{ speed: true }, { wip: 1 }, ["wip"], null]) {
    const answer = await postJson(`${url}/v1/runs`, { mode: "simulation", model: MODEL, modes });
    expect(answer).toMatchObject({
      status: 400,
      body: { code: "bad_request", error: expect.stringContaining("modes") },
    });
  }
});

test.each([
  ["direct", false],
  ["simulation", false],
  ["simulation", true],
] as const)("a %s run of a model, batch %s, does the same", async (mode, isBatch) => {
  const run = await runModel({
    modelText: MODEL,
    mode,
    isBatch,
    modes: { wip: true },
    outDir: tempFolder(),
    deterministicRunId: true,
    seed: null,
    clock: new FakeClock(),
    random: (bytes) => new Uint8Array(bytes),
  });
  if (!run.ok) throw new Error(run.diagnostics.map(({ message }) => message).join());
  expect(run.isLimited).toBe(true);
  expect(provenanceIn(run.runDir)).toMatchObject({ reference: "none", ledger: ["D11"], modes: { wip: true } });
  expect((await verifyReplay(run.runDir)).problems).toEqual([]);
});
