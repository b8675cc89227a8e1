import { beforeEach, expect, test } from "vitest";
import { PROBLEMS, type ProblemCode } from "../../../src/protocol/problem.ts";
import { modelText, topologyNodes } from "../../support/model-builder.ts";
import { call, evaluated, postFrames, postJson, serve, type TestEngine } from "../../support/server.ts";

const MODEL = modelText({
  nodes: ["a=1s", "b=1s", "q=buf(a,b)"],
  bins: 4,
  topology: `${topologyNodes("Desk:queue arrivals=a served=b queueDepth=q")}\n  edges: []`,
});

let engine: TestEngine;
let runId: string;

beforeEach(async () => {
  engine = await serve();
  const created = await postJson(`${engine.url}/v1/runs`, { mode: "live", model: MODEL, bindings: ["a", "b"] });
  ({ runId } = created.body as { runId: string });
  const frames = [0, 1].map((binIndex) => ({
    type: "telemetry",
    binIndex,
    nodeId: "Desk",
    metrics: { arrivals: 9, served: 4 },
  }));
  await postFrames(engine.url, runId, frames);
  await evaluated(engine.client, runId, 1);
});

test("explains a metric of a live run in a sealed bin", async () => {
  const answer = await engine.client.explain(runId, { series: "Desk.latencyMinutes", bin: 1, depth: 3 });
  expect(answer).toMatchObject({
    runId,
    startUtc: "2026-01-05T01:00:00Z",
    explanation: { series: "Desk.latencyMinutes", binIndex: 1, numbers: "ROUND6(9000000 / 60000)", value: 150 },
  });
  const queue = answer.explanation.inputs[0]!.explanation!.inputs[0]!;
  expect(queue).toMatchObject({ name: "q", value: 10, explanation: { numbers: "MAX(0, 5 + 9 - 4)" } });
});

test("takes the newest sealed bin when none is named", async () => {
  expect((await engine.client.explain(runId, { series: "a" })).explanation).toMatchObject({ binIndex: 1, value: 9 });
});

test.each<[query: string, code: ProblemCode, text: string]>([
  ["", "bad_request", "series must name"],
  ["?series=a&series=b", "bad_request", "series must name"],
  ["?series=a&bin=-1", "bad_request", "bin must be a whole number at least 0"],
  ["?series=a&bin=1.5", "bad_request", "not '1.5'"],
  ["?series=a&depth=17", "bad_request", "depth must be a whole number from 1 to 16"],
  ["?series=Desk.latency&bin=1", "unknown_series", "It has: arrivals"],
  ["?series=a&bin=2", "bin_not_sealed", "newest sealed bin is 1"],
  ["?series=a&bin=4", "bin_outside_grid", "0 to 3"],
])("%s is %s", async (query, code, text) => {
  const { status, body } = await call(`${engine.url}/v1/runs/${runId}/explain${query}`);
  expect(body).toMatchObject({ code, error: expect.stringContaining(text) });
  expect(status).toBe(PROBLEMS[code]);
});

test("a run that is not there", async () => {
  const { status } = await call(`${engine.url}/v1/runs/run_nope/explain?series=a`);
  expect(status).toBe(404);
});
