import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Gateway } from "../../../src/ingest/gateway.ts";
import type { EngineFile } from "../../../src/protocol/run.ts";
import { buildApp } from "../../../src/server/app.ts";
import { EngineStartError, startEngine } from "../../../src/server/main.ts";
import { fakeParts } from "../../support/engine-parts.ts";
import { modelText } from "../../support/model-builder.ts";
import { call, completed, postFrames, postJson, serve } from "../../support/server.ts";
import { EngineProcess } from "../../support/spawn-engine.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const MODEL = modelText({ nodes: ["a=1s", "double: a * 2"], bins: 3 });
const CREATE = { mode: "live", model: MODEL, bindings: ["a"], runId: "run_kept" };
const cell = (binIndex: number, value: number) => ({ type: "telemetry", binIndex, seriesId: "a", value });

async function refused(options: Parameters<typeof startEngine>[0]): Promise<EngineStartError> {
  const error = await startEngine(options).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EngineStartError);
  return error as EngineStartError;
}

test("says in engine.json where it listens, and takes the file away when it stops", async () => {
  const dataDir = path.join(tempFolder(), "made", "on", "the", "way");
  const engine = await startEngine({ dataDir, port: 0 });
  const file = path.join(dataDir, "engine.json");
  const { url, pid, startedUtc } = JSON.parse(readFileSync(file, "utf8")) as EngineFile;
  expect([url, pid]).toEqual([engine.url, process.pid]);
  expect(Math.abs(Date.parse(startedUtc) - Date.now())).toBeLessThan(60_000);
  expect(await call(`${url}/healthz`)).toMatchObject({ status: 200 });
  await Promise.all([engine.stop(), engine.stop()]);
  expect(existsSync(file)).toBe(false);
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  expect(readdirSync(dataDir)).toEqual(["live"]);
});

test("a port that is in use is named, with a way out, and nothing is left behind", async () => {
  const other = createServer();
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  const dataDir = tempFolder();
  const error = await refused({ dataDir, port });
  expect(error.code).toBe("port_in_use");
  expect(error.message).toContain(`Port ${port} on 127.0.0.1 is in use`);
  expect(error.message).toContain("--port");
  expect(existsSync(path.join(dataDir, "engine.json"))).toBe(false);
  await (await startEngine({ dataDir, port: 0 })).stop();
});

test("a data folder that cannot be written is named, with a way out", async () => {
  const file = path.join(tempFolder(), "file");
  writeFileSync(file, "");
  for (const dataDir of [file, path.join(file, "below")]) {
    const error = await refused({ dataDir, port: 0 });
    expect(error.code).toBe("data_dir_not_writable");
    expect(error.message).toContain(dataDir);
    expect(error.message).toContain("--data");
  }
});

test("so is one whose folder of live runs is something else", async () => {
  const dataDir = tempFolder();
  writeFileSync(path.join(dataDir, "live"), "");
  const error = await refused({ dataDir, port: 0 });
  expect(error).toMatchObject({ code: "data_dir_not_writable" });
  expect(error.message).toContain(path.join(dataDir, "live"));
});

test("other hosts than loopback are refused", async () => {
  expect(await refused({ dataDir: tempFolder(), port: 0, host: "0.0.0.0" })).toMatchObject({
    code: "host_not_allowed",
  });
});

test("a second engine on the folder is refused and told where the first one is", async () => {
  const { dataDir, url } = await serve();
  const error = await refused({ dataDir, port: 0 });
  expect(error.code).toBe("engine_running");
  expect(error.message).toContain(url);
  expect(error.message).toContain(`pid ${process.pid}`);
  expect(await call(`${url}/healthz`)).toMatchObject({ status: 200 });
});

test("a second engine in another process as well", async () => {
  const dataDir = tempFolder();
  const first = new EngineProcess(dataDir);
  const url = await first.url();
  expect(await refused({ dataDir, port: 0 })).toMatchObject({ code: "engine_running" });
  await first.kill("SIGTERM");
  expect(existsSync(path.join(dataDir, "engine.json"))).toBe(false);
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
});

test.each([
  ["of a process that is gone", JSON.stringify({ url: "http://127.0.0.1:9", pid: 2 ** 30, startedUtc: "" })],
  ["of a process that is another program", JSON.stringify({ url: "http://127.0.0.1:9", pid: 1, startedUtc: "" })],
  ["half written", '{"url":"http'],
])("an engine.json %s is no engine", async (_name, text) => {
  const dataDir = tempFolder();
  writeFileSync(path.join(dataDir, "engine.json"), text);
  const { url } = await serve(dataDir);
  expect(JSON.parse(readFileSync(path.join(dataDir, "engine.json"), "utf8"))).toMatchObject({ url });
});

test("runs are back after a restart, with epoch, position, telemetry and snapshot, and go on", async () => {
  const dataDir = tempFolder();
  const first = await serve(dataDir);
  await postJson(`${first.url}/v1/runs`, CREATE);
  await postFrames(first.url, "run_kept", [cell(0, 4), cell(2, 6)]);
  await first.client.checkpoint("run_kept");
  const before = await first.client.run("run_kept");
  const state = await first.client.liveState("run_kept");
  await first.stop();

  const second = await serve(dataDir);
  expect(await second.client.run("run_kept")).toEqual(before);
  expect(await second.client.liveState("run_kept")).toEqual(state);
  expect(before).toMatchObject({ sealedBin: 0, openBins: 1, seq: 2, snapshot: { sealedBin: 0 } });
  expect((await postJson(`${second.url}/v1/runs`, CREATE)).body).toMatchObject({ code: "run_exists" });
  expect((await postFrames(second.url, "run_kept", [cell(0, 4), cell(2, 6), cell(1, 5)])).body).toMatchObject({
    accepted: 1,
    duplicates: 2,
    sealedBin: 2,
  });
  expect(await completed(second.client, "run_kept")).toMatchObject({ epoch: before.epoch, seq: 5, sealedBin: 2 });
  expect(second.notices).toEqual([]);
});

test("a simulation that was stopped half-way is finished after a restart", async () => {
  const dataDir = tempFolder();
  const first = await serve(dataDir);
  const model = modelText({ nodes: ["a=1s", "x: a + SHIFT(a, 1)"], bins: 2000 });
  await postJson(`${first.url}/v1/runs`, { mode: "simulation", model, runId: "run_simulated" });
  await first.stop();
  const second = await serve(dataDir);
  expect(await completed(second.client, "run_simulated")).toMatchObject({ sealedBin: 1999, seq: 2001 });
});

test("a run whose log is damaged is told and left alone; the others are back", async () => {
  const dataDir = tempFolder();
  const first = await serve(dataDir);
  for (const runId of ["run_a", "run_b"]) await postJson(`${first.url}/v1/runs`, { ...CREATE, runId });
  await first.stop();
  writeFileSync(path.join(dataDir, "live/run_a/log.sqlite"), "not a log");
  mkdirSync(path.join(dataDir, "live/run_c"));
  const second = await serve(dataDir);
  expect((await second.client.listRuns()).map(({ runId }) => runId)).toEqual(["run_b"]);
  expect(second.notices).toHaveLength(1);
  expect(second.notices[0]).toMatch(/^run_a: .*log\.sqlite/);
  expect(readFileSync(path.join(dataDir, "live/run_a/log.sqlite"), "utf8")).toBe("not a log");
});

test("while it stops, what changes a run is 503 with a wait, and what is there can still be read", async () => {
  const parts = fakeParts();
  const app = buildApp(parts);
  await app.inject({ method: "POST", url: "/v1/runs", payload: CREATE });
  await parts.registry.close();
  const frames = {
    method: "POST",
    url: "/v1/runs/run_kept/frames",
    headers: { "content-type": "application/x-ndjson" },
  } as const;
  for (const request of [
    { ...frames, payload: JSON.stringify(cell(0, 1)) },
    { method: "POST", url: "/v1/runs", payload: { ...CREATE, runId: "run_other" } } as const,
    { method: "POST", url: "/v1/runs/run_kept/checkpoints" } as const,
  ]) {
    const answer = await app.inject(request);
    expect(answer.statusCode).toBe(503);
    expect(answer.headers["retry-after"]).toBe("1");
    expect(answer.json()).toMatchObject({ code: "not_ready", error: expect.stringContaining("stopping") });
  }
  expect((await app.inject("/v1/runs/run_kept")).statusCode).toBe(200);
  const stream = await app.inject("/v1/runs/run_kept/stream");
  expect([stream.statusCode, stream.body]).toEqual([200, expect.stringContaining('"code":"draining"')]);
  await app.close();
});

test("a full queue is 429 with a wait, and nothing of the batch is applied", async () => {
  const parts = fakeParts({ gateway: new Gateway({ queueBytes: 100 }) });
  const app = buildApp(parts);
  await app.inject({ method: "POST", url: "/v1/runs", payload: CREATE });
  const send = (count: number) =>
    app.inject({
      method: "POST",
      url: "/v1/runs/run_kept/frames",
      headers: { "content-type": "application/x-ndjson" },
      payload: `${Array.from({ length: count }, (_, bin) => JSON.stringify(cell(bin, 1))).join("\n")}\n`,
    });
  const refusal = await send(3);
  expect(refusal.statusCode).toBe(429);
  expect(refusal.headers["retry-after"]).toBe("1");
  expect(refusal.json()).toMatchObject({ code: "queue_full", facts: { limitBytes: 100 } });
  expect(parts.logs.appends).toBe(0);
  expect((await app.inject("/v1/runs/run_kept")).json()).toMatchObject({ seq: 0, openBins: 0, sealedBin: -1 });
  expect((await send(1)).json()).toMatchObject({ accepted: 1, sealedBin: 0 });
  await app.close();
});
