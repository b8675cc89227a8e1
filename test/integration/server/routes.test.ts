import { existsSync } from "node:fs";
import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { PROBLEMS, type ProblemCode } from "../../../src/protocol/problem.ts";
import { SCHEMA_VERSION } from "../../../src/protocol/version.ts";
import { verifyRunFolder } from "../../../src/snapshot/verify.ts";
import { modelText } from "../../support/model-builder.ts";
import { call, completed, postFrames, postJson, type RawAnswer, serve, type TestEngine } from "../../support/server.ts";

const NODES = ["a=1s", "b=1s", "q=buf(a,b)"];
const TOPOLOGY = `  nodes:
    - id: Desk
      kind: queue
      semantics:
        arrivals: a
        served: b
        queueDepth: q
        slaMin: 10`;
const MODEL = modelText({ nodes: NODES, bins: 4, binSize: 5, binUnit: "minutes", topology: TOPOLOGY });

let engine: TestEngine;
let url: string;

beforeEach(async () => {
  engine = await serve();
  ({ url } = engine);
});

function expectProblem(answer: RawAnswer, code: ProblemCode, text: string): void {
  expect(answer.body).toMatchObject({ code, error: expect.stringContaining(text) });
  expect(answer.status).toBe(PROBLEMS[code]);
  expect(answer.headers.get("content-type")).toContain("application/json");
  expect(JSON.stringify(answer.body)).not.toMatch(/\bat .*\.(ts|js):\d/);
}

async function liveRun(more: object = {}): Promise<string> {
  const answer = await postJson(`${url}/v1/runs`, { mode: "live", model: MODEL, bindings: ["a", "b"], ...more });
  expect(answer.status).toBe(201);
  return (answer.body as { runId: string }).runId;
}

const bin = (binIndex: number, arrivals: number, served: number) => ({
  type: "telemetry",
  binIndex,
  nodeId: "Desk",
  metrics: { arrivals, served },
});

describe("POST /v1/runs", () => {
  test("describes the new run and says where it is", async () => {
    const answer = await postJson(`${url}/v1/runs`, { mode: "live", model: MODEL, bindings: ["a", "b"] });
    expect(answer.status).toBe(201);
    const { runId, epoch, createdUtc } = answer.body as Record<string, string>;
    expect(answer.headers.get("location")).toBe(`/v1/runs/${runId}`);
    expect(runId).toMatch(/^run_\d{8}T\d{6}Z_[0-9a-f]{8}$/);
    expect(answer.body).toEqual({
      schemaVersion: SCHEMA_VERSION,
      runId,
      mode: "live",
      state: "created",
      epoch,
      seq: 0,
      grid: { bins: 4, binSize: 5, binUnit: "minutes", start: "2026-01-05T00:00:00Z" },
      sealedBin: -1,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      openBins: 0,
      nodes: [
        {
          id: "Desk",
          kind: "queue",
          category: "queue",
          slaMin: 10,
          metrics: expect.arrayContaining(["arrivals", "served", "queueDepth", "latencyMinutes"]),
        },
      ],
      bindings: ["a", "b"],
      createdUtc,
      checkpointEvery: null,
      latePolicy: "reject",
      historyBins: null,
      gapPolicy: "nan",
      sealAfterMs: null,
      idleAfterMs: null,
      idleInputs: [],
      adjustments: [],
      snapshot: null,
      failure: null,
    });
    expect(Date.parse(createdUtc!)).not.toBeNaN();
  });

  test("two runs of one model differ in id and epoch, not in the beginning of their hash chain", async () => {
    const runs = await Promise.all(
      [liveRun(), liveRun()].map(async (id) => (await call(`${url}/v1/runs/${await id}`)).body),
    );
    const [first, second] = runs as Record<string, string>[];
    expect(first!.runId).not.toBe(second!.runId);
    expect(first!.epoch).not.toBe(second!.epoch);
    expect(first!.hash).toBe(second!.hash);
  });

  test("takes an id of the caller's, once", async () => {
    expect(await liveRun({ runId: "run_mine" })).toBe("run_mine");
    const again = await postJson(`${url}/v1/runs`, { mode: "live", model: MODEL, bindings: ["a"], runId: "run_mine" });
    expectProblem(again, "run_exists", "run_mine");
  });

  test.each([
    ["no object", [1], "JSON object"],
    ["no mode", { model: MODEL }, "mode"],
    ["another mode", { mode: "batch", model: MODEL }, "'live' or 'simulation'"],
    ["no model", { mode: "live" }, "model"],
    ["an empty model", { mode: "live", model: " \n" }, "model"],
    ["bindings that are none", { mode: "live", model: MODEL, bindings: [1] }, "bindings"],
    ["half a checkpoint", { mode: "live", model: MODEL, bindings: ["a"], checkpointEvery: 0.5 }, "checkpointEvery"],
    ["an id that is a number", { mode: "live", model: MODEL, bindings: ["a"], runId: 7 }, "runId"],
    ["an id that leaves the folder", { mode: "live", model: MODEL, bindings: ["a"], runId: "run_/../x" }, "run_/../x"],
    ["an id without its beginning", { mode: "live", model: MODEL, bindings: ["a"], runId: "mine" }, "run_"],
    [
      "a gap policy that is none",
      { mode: "live", model: MODEL, bindings: ["a"], gapPolicy: "guess" },
      "nan, zero, hold",
    ],
    ["a time that is none", { mode: "live", model: MODEL, bindings: ["a"], sealAfterMs: 0 }, "sealAfterMs"],
    [
      "a time that no timer takes",
      { mode: "live", model: MODEL, bindings: ["a"], idleAfterMs: 2 ** 31 },
      "idleAfterMs",
    ],
    ["a live run that nothing feeds", { mode: "live", model: MODEL }, "no series is bound"],
    ["the same with an empty list", { mode: "live", model: MODEL, bindings: [] }, "simulation"],
    ["a simulation that something feeds", { mode: "simulation", model: MODEL, bindings: ["a"] }, "to feed: a."],
  ])("%s is a bad request", async (_name, body, text) => {
    expectProblem(await postJson(`${url}/v1/runs`, body), "bad_request", text);
    expect((await call(`${url}/v1/runs`)).body).toMatchObject({ items: [] });
  });

  test("an invalid model comes back with every finding, its line and its column", async () => {
    const broken = modelText({ nodes: ["a=[1,2]", "y: a + nowhere", "z=[1,2,3]"], bins: 2 });
    const answer = await postJson(`${url}/v1/runs`, { mode: "simulation", model: broken });
    expectProblem(answer, "invalid_model", "nowhere");
    const { diagnostics } = answer.body as { diagnostics: { severity: string; line: number; column: number }[] };
    const places = diagnostics
      .filter(({ severity }) => severity === "error")
      .map(({ line, column }) => broken.split("\n")[line - 1]!.slice(column - 1));
    expect(places).toEqual(['nowhere"', "[1, 2, 3]"]);
  });

  test("YAML that is none comes back with its place", async () => {
    const answer = await postJson(`${url}/v1/runs`, { mode: "simulation", model: "grid: {bins: 4\nnodes: [" });
    expectProblem(answer, "invalid_model", "");
    expect((answer.body as { diagnostics: object[] }).diagnostics[0]).toMatchObject({ severity: "error", line: 2 });
  });

  test("a binding of no series is a finding of the model", async () => {
    const answer = await postJson(`${url}/v1/runs`, { mode: "live", model: MODEL, bindings: ["a", "zz"] });
    expectProblem(answer, "invalid_model", "zz");
    expect(answer.body).toMatchObject({ diagnostics: [{ code: "unknown_binding", line: null, column: null }] });
  });

  test("broken JSON, JSON that reaches for prototypes, an empty body, another type", async () => {
    const post = (body: string, type = "application/json") =>
      call(`${url}/v1/runs`, { method: "POST", headers: { "content-type": type }, body });
    expectProblem(await post("{"), "bad_request", "JSON");
    expectProblem(await post('{"__proto__":{"mode":"live"}}'), "bad_request", "");
    expectProblem(await post(""), "bad_request", "");
    expectProblem(await post(MODEL, "application/yaml"), "unsupported_media_type", "application/json");
  });
});

describe("a run's own routes", () => {
  test("a simulation runs by itself and leaves a sound folder", async () => {
    const created = await postJson(`${url}/v1/runs`, { mode: "simulation", model: MODEL });
    const { runId } = created.body as { runId: string };
    const run = await completed(engine.client, runId);
    expect(run).toMatchObject({ state: "completed", sealedBin: 3, seq: 5, openBins: 0, bindings: [] });
    expect(path.dirname(run.snapshot!.path)).toBe(engine.dataDir);
    expect(await verifyRunFolder(run.snapshot!.path)).toMatchObject({ isSound: true });
  });

  test("state/live before the first bin, in the middle, at the end", async () => {
    const runId = await liveRun();
    const state = async () => (await call(`${url}/v1/runs/${runId}/state/live`)).body;
    const { epoch } = (await state()) as { epoch: string };
    const common = { schemaVersion: SCHEMA_VERSION, runId, epoch };
    expect(await state()).toEqual({
      ...common,
      seq: 0,
      state: "created",
      sealedBin: -1,
      hash: expect.any(String),
      series: {},
      nodes: [],
      edges: [],
      startUtc: null,
      warnings: [],
    });
    await postFrames(url, runId, [bin(0, 5, 3), bin(1, 5, 4)]);
    expect(await state()).toMatchObject({
      ...common,
      seq: 2,
      state: "running",
      sealedBin: 1,
      startUtc: "2026-01-05T00:05:00Z",
      series: { a: 5, b: 4, q: 3 },
      nodes: [{ id: "Desk", metrics: { arrivals: 5, served: 4, queueDepth: 3 } }],
    });
    await postFrames(url, runId, [{ type: "telemetry", binIndex: 2, seriesId: "a", value: 1 }, { type: "end" }]);
    expect(await state()).toMatchObject({
      state: "completed",
      sealedBin: 2,
      nodes: [{ id: "Desk", metrics: { arrivals: 1, served: null }, gaps: ["served"] }],
    });
  });

  test("the answer may not be stored on the way", async () => {
    const runId = await liveRun();
    for (const route of ["/v1/runs", `/v1/runs/${runId}`, `/v1/runs/${runId}/state/live`, "/v1/state/live"]) {
      expect((await call(`${url}${route}`)).headers.get("cache-control"), route).toBe("no-store");
    }
  });

  test("checkpoints: none before the first bin, one per state, the last at the end", async () => {
    const runId = await liveRun();
    const checkpoint = () => call(`${url}/v1/runs/${runId}/checkpoints`, { method: "POST" });
    expectProblem(await checkpoint(), "nothing_sealed", "No bin is sealed yet");
    await postFrames(url, runId, [bin(0, 5, 3), bin(1, 5, 4)]);
    const first = await checkpoint();
    expect(first).toMatchObject({ status: 201, body: { sealedBin: 1, seq: 3 } });
    const { snapshotRunId, path: folder } = first.body as { snapshotRunId: string; path: string };
    expect(folder).toBe(path.join(engine.dataDir, snapshotRunId));
    expect(await verifyRunFolder(folder)).toMatchObject({ isSound: true });
    expect((await checkpoint()).body).toEqual(first.body);
    const [one, two] = await Promise.all([checkpoint(), checkpoint()]);
    expect(one.body).toEqual(two.body);
    await postFrames(url, runId, [bin(2, 5, 3), bin(3, 5, 4)]);
    const run = await completed(engine.client, runId);
    expect(run).toMatchObject({ seq: 6, snapshot: { sealedBin: 3 } });
    expect((await checkpoint()).body).toMatchObject({ ...run.snapshot, seq: 6 });
  });

  test("checkpointEvery writes as it goes", async () => {
    const runId = await liveRun({ checkpointEvery: 2 });
    await postFrames(url, runId, [bin(0, 5, 3), bin(1, 5, 3)]);
    let run = await engine.client.run(runId);
    while (run.snapshot === null) run = await engine.client.run(runId);
    expect(run).toMatchObject({ checkpointEvery: 2, snapshot: { sealedBin: 1 } });
  });

  test("the list has live runs and stored ones", async () => {
    const runId = await liveRun();
    await postFrames(url, runId, [bin(0, 5, 9), bin(1, 5, 4), bin(2, 1, 1), bin(3, 1, 1)]);
    const { snapshot } = await completed(engine.client, runId);
    const answer = await call(`${url}/v1/runs`);
    expect(answer.body).toMatchObject({ totalCount: 2, page: 1, pageSize: 2 });
    const { items } = answer.body as { items: Record<string, unknown>[] };
    expect(items[0]).toMatchObject({ runId, kind: "live", mode: "live", state: "completed", bins: 4, sealedBin: 3 });
    expect(items[0]).toMatchObject({ path: snapshot!.path });
    expect(items[1]).toMatchObject({ kind: "stored", mode: "telemetry", state: "completed", bins: 4, sealedBin: 3 });
    expect(items[1]).toMatchObject({ runId: snapshot!.snapshotRunId, path: snapshot!.path });
    expect(items[0]!.warningCount).toBeGreaterThan(0);
  });

  test.each(["", "/state/live", "/stream"])("an unknown run: GET /v1/runs/{id}%s", async (route) => {
    expectProblem(await call(`${url}/v1/runs/run_nowhere${route}`), "run_not_found", "run_nowhere");
  });

  test("an unknown run: POST checkpoints", async () => {
    const answer = await call(`${url}/v1/runs/run_nowhere/checkpoints`, { method: "POST" });
    expectProblem(answer, "run_not_found", "run_nowhere");
  });

  test("ids that are none, far too long, or escape sequences", async () => {
    expectProblem(await call(`${url}/v1/runs/nowhere`), "run_not_found", "nowhere");
    expectProblem(await call(`${url}/v1/runs/run_${"x".repeat(200)}`), "run_not_found", "xxx");
    expectProblem(await call(`${url}/v1/runs/${"x".repeat(5000)}`), "bad_request", "xxx");
    expectProblem(await call(`${url}/v1/runs/..%2f..%2fetc`), "run_not_found", "../../etc");
    expectProblem(await call(`${url}/v1/runs/%E0%A4%A`), "bad_request", "");
  });

  test("the case of a run id matters, that of the route does not", async () => {
    await liveRun({ runId: "run_Mine" });
    expect((await call(`${url}/V1/RUNS/run_Mine/`)).body).toMatchObject({ runId: "run_Mine" });
    expectProblem(await call(`${url}/v1/runs/run_mine`), "run_not_found", "run_mine");
  });
});

describe("the engine's own routes", () => {
  test("healthz", async () => {
    expect(await call(`${url}/healthz`)).toMatchObject({ status: 200, body: { status: "ok" } });
  });

  test("state/live of the engine counts what came in and what is open", async () => {
    const runId = await liveRun();
    await postFrames(url, runId, [
      bin(0, 1, 1),
      bin(0, 1, 1),
      bin(0, 2, 1),
      { type: "telemetry", binIndex: 2, seriesId: "a", value: 1 },
      "{",
    ]);
    const answer = await call(`${url}/v1/state/live`);
    expect(answer.body).toEqual({
      schemaVersion: SCHEMA_VERSION,
      pid: process.pid,
      uptimeMs: expect.any(Number),
      runs: [
        {
          runId,
          state: "running",
          sealedBin: 0,
          openBins: 1,
          lagBins: 2,
          lagMs: expect.any(Number),
          subscribers: 0,
          counters: { accepted: 2, duplicates: 1, late: 1, rejected: 1 },
        },
      ],
      queue: { batches: 0, bytes: 0, limitBytes: 32 * 1024 * 1024 },
    });
  });

  test("a path that is not there, and the root", async () => {
    expectProblem(await call(`${url}/v1/nothing?x=1`), "not_found", "GET /v1/nothing.");
    expectProblem(await call(`${url}/`), "not_found", "GET /");
  });

  test.each([
    ["DELETE", "/v1/runs", "GET, HEAD, POST"],
    ["POST", "/healthz", "GET, HEAD"],
    ["PUT", "/v1/runs/run_x/frames", "POST"],
    ["GET", "/v1/runs/run_x/frames", "POST"],
    ["GET", "/v1/runs/run_x/checkpoints", "POST"],
    ["POST", "/v1/runs/run_x/stream", "GET"],
  ])("%s %s: 405 with what it takes", async (method, route, allowed) => {
    const answer = await call(`${url}${route}`, { method, ...(method === "PUT" ? { body: "x" } : {}) });
    expectProblem(answer, "method_not_allowed", method);
    expect(answer.headers.get("allow")!.split(", ").sort().join(", ")).toBe(allowed);
  });

  test("HEAD of a stream does not open one", async () => {
    const runId = await liveRun();
    expect((await fetch(`${url}/v1/runs/${runId}/stream`, { method: "HEAD" })).status).toBe(405);
    expect((await call(`${url}/v1/state/live`)).body).toMatchObject({ runs: [{ subscribers: 0 }] });
  });
});

describe("GET /v1/runs/{id}/stream", () => {
  async function read(query: string, until: RegExp, headers: Record<string, string> = {}): Promise<string> {
    const abort = new AbortController();
    const response = await fetch(`${url}${query}`, { signal: abort.signal, headers });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("cache-control")).toBe("no-store");
    let text = "";
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (until.test(text)) break;
    }
    abort.abort();
    return text;
  }

  const names = (text: string) => [...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name);

  test("hello, snapshot, bins, checkpoint, bye; the subscriber is counted and forgotten", async () => {
    const runId = await liveRun();
    await postFrames(url, runId, [bin(0, 1, 1)]);
    const reading = read(`/v1/runs/${runId}/stream`, /event: bye\n.*\n\n/);
    const subscribers = async () => (await engine.client.engineState()).runs[0]!.subscribers;
    while ((await subscribers()) === 0) await nextTurn();
    await postFrames(url, runId, [bin(1, 1, 1), bin(2, 1, 1), bin(3, 1, 1)]);
    const text = await reading;
    expect(names(text)).toEqual([
      "hello",
      "snapshot-begin",
      "snapshot-page",
      "snapshot-end",
      "bin",
      "bin",
      "bin",
      "checkpoint",
      "bye",
    ]);
    expect(text).toContain('"code":"completed"');
    while ((await subscribers()) > 0) await nextTurn();
  });

  test("resumes by header and by both spellings of the query; the header wins", async () => {
    const runId = await liveRun();
    const { epoch } = await engine.client.run(runId);
    await postFrames(url, runId, [bin(0, 1, 1), bin(1, 1, 1), bin(2, 1, 1)]);
    const route = `/v1/runs/${runId}/stream`;
    const last = new RegExp(`id: ${epoch}\\.3\\n(.*\\n)*\\n`);
    const resumed = ["hello", "bin"];
    expect(names(await read(`${route}?lastEventId=${epoch}.2`, last))).toEqual(resumed);
    expect(names(await read(`${route}?last_event_id=${epoch}.2`, last))).toEqual(resumed);
    expect(names(await read(`${route}?lastEventId=${epoch}.0`, last, { "Last-Event-ID": `${epoch}.2` }))).toEqual(
      resumed,
    );
    const other = await read(`${route}?lastEventId=0000.2`, last);
    expect(names(other)).toEqual(["hello", "reset", "snapshot-begin", "snapshot-page", "snapshot-end"]);
    expect(other).toContain('"reason":"epoch"');
  });

  test("filters nodes and warnings without another numbering", async () => {
    const runId = await liveRun();
    const { epoch } = await engine.client.run(runId);
    await postFrames(url, runId, [bin(0, 1, 1), bin(1, 1, 1)]);
    const last = new RegExp(`id: ${epoch}\\.2\\n(.*\\n)*\\n`);
    const route = `/v1/runs/${runId}/stream?lastEventId=${epoch}.0`;
    const text = await read(`${route}&warnings=only`, last);
    expect(text).not.toContain('"queueDepth":');
    expect(await read(`${route}&nodes=Desk`, last)).toContain('"queueDepth":');
    expect(await read(`${route}&nodes=Other`, last)).not.toContain('"queueDepth":');
  });

  test("values by class come with the snapshot, all of them or those asked for", async () => {
    const model = modelText({ nodes: ["g=6s", "s=4s", "all: g + s"], arrivals: ["g: Gold", "s: Std"], bins: 4 });
    const answer = await postJson(`${url}/v1/runs`, { mode: "simulation", model });
    const { runId } = answer.body as { runId: string };
    await completed(engine.client, runId);
    const route = `/v1/runs/${runId}/stream`;
    const all = '{"id":"all","metrics":{"value":10},"byClass":{"Gold":{"value":6},"Std":{"value":4}}}';
    expect(await read(route, /event: bye/)).toContain(all);
    const gold = await read(`${route}?classes=gold`, /event: bye/);
    expect(gold).toContain('{"id":"all","metrics":{"value":10},"byClass":{"Gold":{"value":6}}}');
    expect(gold).toContain('{"id":"s","metrics":{"value":4}}');
  });
});

test("what one run does to the disk stays inside the data folder", async () => {
  const runId = await liveRun();
  expect(existsSync(path.join(engine.dataDir, "live", runId, "log.sqlite"))).toBe(true);
});
