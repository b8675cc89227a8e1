import { expect, test } from "vitest";
import type { CaptureLine } from "../../../src/protocol/capture.ts";
import { captureSourceOfFolder } from "../../../src/snapshot/capture-folder.ts";
import { modelText } from "../../support/model-builder.ts";
import { call, evaluated, postFrames, postJson, serve, type TestEngine } from "../../support/server.ts";

const TOPOLOGY = `  nodes:
    - id: Desk
      kind: queue
      semantics:
        arrivals: a
        served: b
        queueDepth: self`;
const MODEL = modelText({ nodes: ["a=1s", "b=1s"], bins: 4, binSize: 5, binUnit: "minutes", topology: TOPOLOGY });

async function fedRun(engine: TestEngine): Promise<string> {
  const answer = await postJson(`${engine.url}/v1/runs`, { mode: "live", model: MODEL, bindings: ["a", "b"] });
  const { runId } = answer.body as { runId: string };
  await postFrames(engine.url, runId, [
    { type: "telemetry", binIndex: 0, nodeId: "Desk", metrics: { arrivals: 5, served: 2 } },
    { type: "telemetry", binIndex: 1, nodeId: "Desk", metrics: { arrivals: 5 } },
    { type: "watermark", binIndex: 1 },
  ]);
  await evaluated(engine.client, runId, 1);
  return runId;
}

async function linesOf(lines: AsyncIterable<CaptureLine>): Promise<readonly CaptureLine[]> {
  const found: CaptureLine[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

test("a live run is captured as far as it is evaluated, whatever has been written to disk", async () => {
  const engine = await serve();
  const runId = await fedRun(engine);
  const lines = await linesOf(engine.client.capture(runId));
  const files = new Map(lines.flatMap((line) => (line.type === "file" ? [[line.path, line.text] as const] : [])));
  expect([...files.keys()]).toEqual([
    "Desk_arrivals.csv",
    "Desk_served.csv",
    "Desk_queuedepth.csv",
    "autocapture.json",
    "manifest.json",
  ]);
  expect(files.get("Desk_served.csv")).toBe("bin_index,classId,value\n0,DEFAULT,2\n1,DEFAULT,NaN\n");
  const manifest = JSON.parse(files.get("manifest.json")!);
  expect(manifest.grid.bins).toBe(2);
  expect(manifest.provenance.runId).toBe(runId);
  expect(lines.at(-1)).toMatchObject({ type: "end", runId, warnings: [{ code: "nan_detected", bins: [1] }] });
  expect(engine.notices).toEqual(expect.not.arrayContaining([expect.stringContaining("internal")]));

  // A folder of the same bins has the same identity, also where it must name a queue that the model calls `self`.
  const folder = await engine.client.checkpoint(runId);
  expect((await captureSourceOfFolder(folder.path)).provenance).toMatchObject({
    scenarioHash: manifest.provenance.scenarioHash,
    modelHash: manifest.provenance.modelHash,
  });
});

test("NaN and gaps as asked for; a dry run answers the last line alone", async () => {
  const engine = await serve();
  const runId = await fedRun(engine);
  const [line, ...more] = await linesOf(engine.client.capture(runId, { fillNan: true, dryRun: true }));
  expect(more).toEqual([]);
  expect(line).toMatchObject({ type: "end", warnings: [{ code: "nan_fill" }] });
  expect(line).toMatchObject({ entries: [{ path: "Desk_arrivals.csv", points: 2 }, {}, {}] });
});

test("what cannot be captured is a problem, not half an answer", async () => {
  const engine = await serve();
  const answer = await postJson(`${engine.url}/v1/runs`, { mode: "live", model: MODEL, bindings: ["a", "b"] });
  const { runId } = answer.body as { runId: string };
  const path = `${engine.url}/v1/runs/${runId}/capture`;
  expect(await call(path)).toMatchObject({ status: 409, body: { code: "nothing_sealed" } });
  expect(await call(`${path}?gaps=all`)).toMatchObject({ status: 400, body: { code: "bad_request" } });
  expect(await call(`${path}?dryRun=1`)).toMatchObject({ status: 400, body: { code: "bad_request" } });
  expect(await call(`${engine.url}/v1/runs/run_none/capture`)).toMatchObject({
    status: 404,
    body: { code: "run_not_found" },
  });
  await expect(linesOf(engine.client.capture("run_none"))).rejects.toMatchObject({ code: "run_not_found" });
});

test("a model whose outputs name one file for two series is refused before anything is sent", async () => {
  const engine = await serve();
  const model = `${MODEL.trimEnd()}\noutputs:\n- {series: a, as: x.csv}\n- {series: b, as: X.csv}\n`;
  const { runId } = await engine.client.createRun({ mode: "simulation", model });
  await evaluated(engine.client, runId, 3);
  expect(await call(`${engine.url}/v1/runs/${runId}/capture`)).toMatchObject({
    status: 409,
    body: { code: "not_capturable", error: expect.stringContaining("'X.csv'") },
  });
});
