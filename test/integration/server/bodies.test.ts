import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { setImmediate as nextTurn } from "node:timers/promises";
import { zstdCompressSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { BODY_IDLE_MS } from "../../../src/ingest/body.ts";
import { Gateway } from "../../../src/ingest/gateway.ts";
import { buildApp } from "../../../src/server/app.ts";
import { type FakeParts, fakeParts } from "../../support/engine-parts.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { modelText } from "../../support/model-builder.ts";
import { call, postFrames, type RawAnswer } from "../../support/server.ts";

const MODEL = modelText({ nodes: ["a=1s", "b=1s"], bins: 100 });
const RUN = "run_bodies";
const LINES = ["a", "b"].map((seriesId) => ({ type: "telemetry", binIndex: 0, seriesId, value: 1 }));

async function listening(gateway?: Gateway): Promise<{ url: string; port: number; parts: FakeParts }> {
  const parts = fakeParts(gateway === undefined ? {} : { gateway });
  await parts.registry.create({ mode: "live", model: MODEL, bindings: ["a", "b"], runId: RUN });
  const app = buildApp(parts);
  onTestFinished(() => app.close());
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  return { url, port: Number(new URL(url).port), parts };
}

async function post(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>): Promise<RawAnswer> {
  const { url } = await listening();
  return call(`${url}/v1/runs/${RUN}/frames`, { method: "POST", headers, body });
}

const JSON_TYPE = { "content-type": "application/json" };
const CSV = { "content-type": "text/csv; charset=utf-8" };

describe("bodies in every form", () => {
  test.each([
    ["an array", JSON.stringify(LINES), 2],
    ["an array over many lines", JSON.stringify(LINES, null, 2), 2],
    ["an empty array", " [ ] ", 0],
    ["one frame after the other", LINES.map((line) => JSON.stringify(line)).join(" \n"), 2],
    ["text with brackets and quotes in it", JSON.stringify([{ ...LINES[0], note: '}],"\\[' }]), 1],
  ])("JSON: %s", async (_name, body, accepted) => {
    expect(await post(body, JSON_TYPE)).toMatchObject({ status: 200, body: { accepted, rejected: 0 } });
  });

  test("JSON: bad frames are told by their number", async () => {
    const answer = await post(`[${JSON.stringify(LINES[0])}, 3, {"type":"x"}, ${JSON.stringify(LINES[1])}]`, JSON_TYPE);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        accepted: 2,
        errors: [
          { line: 2, code: "malformed" },
          { line: 3, code: "unknown_type" },
        ],
      },
    });
  });

  test.each([
    ["an array that does not end", `[${JSON.stringify(LINES[0])}`],
    ["something behind the array", `[${JSON.stringify(LINES[0])}] {}`],
  ])("JSON: %s is 400, nothing applied", async (_name, body) => {
    expect(await post(body, JSON_TYPE)).toMatchObject({ status: 400, body: { code: "malformed_batch" } });
  });

  test("CSV: by series, with the other types of frames", async () => {
    const body = "type,binIndex,seriesId,value\r\ntelemetry,0,a,1.5\r\n,0,b,NaN\r\n\r\nwatermark,1,,\r\nend,,,\r\n";
    expect(await post(body, CSV)).toMatchObject({ status: 200, body: { accepted: 4, rejected: 0, sealedBin: 1 } });
  });

  test("CSV: bad rows are told by line, the others are taken", async () => {
    const body = '\ufeffbinIndex,seriesId,value\n0,a,1\n0,b\nx,b,1\n0,"b",many\n1,b,2\n';
    expect(await post(body, CSV)).toMatchObject({
      status: 200,
      body: {
        accepted: 2,
        errors: [
          { line: 3, code: "malformed" },
          { line: 4, code: "bad_time" },
          { line: 5, code: "bad_value" },
        ],
      },
    });
  });

  test("CSV: columns that are no fields are metrics of the node, empty cells are left out", async () => {
    const parts = fakeParts();
    const topology =
      "  nodes:\n    - id: Desk\n      kind: service\n      semantics:\n        arrivals: a\n        served: b";
    const model = modelText({ nodes: ["a=1s", "b=1s"], bins: 10, topology });
    await parts.registry.create({ mode: "live", model, bindings: ["a", "b"], runId: RUN });
    const app = buildApp(parts);
    const payload = "nodeId,binIndex,arrivals,served\nDesk,0,1,2\nDesk,1,3,\nDesk,2,,\n";
    const answer = await app.inject({ method: "POST", url: `/v1/runs/${RUN}/frames`, headers: CSV, payload });
    expect(answer.json()).toMatchObject({
      accepted: 2,
      sealedBin: 0,
      openBins: 1,
      errors: [{ line: 4, code: "malformed" }],
    });
    await app.close();
  });

  test.each([
    ["a quote that does not close", 'binIndex,seriesId,value\n0,"a,1\n'],
    ["a column twice", "binIndex,value,value\n0,1,1\n"],
    ["a column without a name", "binIndex,,value\n0,a,1\n"],
  ])("CSV: %s is 400, nothing applied", async (_name, body) => {
    expect(await post(body, CSV)).toMatchObject({ status: 400, body: { code: "malformed_batch" } });
  });

  test("zstd", async () => {
    const body = Uint8Array.from(zstdCompressSync(LINES.map((line) => JSON.stringify(line)).join("\n")));
    const headers = { "content-type": "application/x-ndjson", "content-encoding": "zstd" };
    expect(await post(body, headers)).toMatchObject({ status: 200, body: { accepted: 2 } });
  });
});

/** A request whose body is as long as it says, sent by hand. */
function open(port: number, length: number): Socket {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  socket.write(
    `POST /v1/runs/${RUN}/frames HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: ${length}\r\n\r\n`,
  );
  return socket;
}

const BODY = LINES.map((line) => `${JSON.stringify(line)}\n`).join("");

describe("senders that do not behave (class 13)", () => {
  test("one byte a second: 408 when the time is over, nothing applied, the connection closed", async () => {
    const clock = new FakeClock();
    const { port, parts } = await listening(new Gateway({ clock }));
    const socket = open(port, BODY.length);
    const answered = text(socket);
    for (let sent = 0; sent < 60 && clock.pending === 0; ) await nextTurn();
    for (let second = 0; second < 31; second++) {
      if (socket.writable) socket.write(BODY[second]!);
      await nextTurn();
      clock.advance(1_000);
      for (let turn = 0; turn < 20; turn++) await nextTurn();
    }
    const answer = await answered;
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer.toLowerCase()).toContain("connection: close");
    expect(answer).toContain('"code":"body_timeout"');
    expect(parts.registry.get(RUN)!.run.openBins).toBe(0);
    expect(parts.gateway.queue).toMatchObject({ batches: 0, bytes: 0 });
  });

  test("silence: 408 as well, and the timer is not left behind", async () => {
    const clock = new FakeClock();
    const { port } = await listening(new Gateway({ clock }));
    const socket = open(port, BODY.length);
    const answered = text(socket);
    while (clock.pending === 0) await nextTurn();
    clock.advance(BODY_IDLE_MS);
    expect(await answered).toMatch(/^HTTP\/1.1 408 /);
    expect(clock.pending).toBe(0);
  });

  test("a socket closed in the middle of a body leaves nothing, and its place in the queue is free", async () => {
    const { port, parts, url } = await listening();
    const socket = open(port, BODY.length);
    socket.write(BODY.slice(0, -10));
    while (parts.gateway.queue.bytes === 0) await nextTurn();
    socket.destroy();
    while (parts.gateway.queue.batches > 0) await nextTurn();
    expect(parts.registry.get(RUN)!.run.openBins).toBe(0);
    expect(parts.problems).toEqual([]);
    expect(await postFrames(url, RUN, LINES)).toMatchObject({ status: 200, body: { accepted: 2 } });
  });

  test("a half-closed socket: a whole body has its answer, half a body has none and leaves nothing", async () => {
    const { port, parts } = await listening();
    const half = open(port, BODY.length);
    half.end(BODY.slice(0, -10));
    expect(await text(half)).not.toMatch(/^HTTP\/1.1 200/);
    while (parts.gateway.queue.batches > 0) await nextTurn();
    expect(parts.registry.get(RUN)!.run.openBins).toBe(0);
    const whole = open(port, BODY.length);
    whole.end(BODY);
    const [first] = (await once(whole, "data")) as [Buffer];
    expect(first.toString()).toMatch(/^HTTP\/1.1 200 /);
    expect(parts.registry.get(RUN)!.run.sealedBin).toBe(0);
  });
});

describe("a queue that is full (class 13)", () => {
  test("429 with Retry-After, nothing applied; taken once the disk has answered", async () => {
    const { url, parts } = await listening(new Gateway({ queueBytes: BODY.length + 10 }));
    const disk = Promise.withResolvers<void>();
    parts.logs.disk = () => disk.promise;
    const first = postFrames(url, RUN, LINES);
    while (parts.logs.appends === 0) await nextTurn();
    const second = [{ type: "telemetry", binIndex: 1, seriesId: "a", value: 1 }];
    const refused = await postFrames(url, RUN, second);
    expect(refused).toMatchObject({
      status: 429,
      body: { code: "queue_full", error: expect.stringContaining("nothing of the batch was applied") },
    });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    disk.resolve();
    expect(await first).toMatchObject({ status: 200, body: { accepted: 2, openBins: 0 } });
    expect(await postFrames(url, RUN, second)).toMatchObject({ status: 200, body: { accepted: 1, openBins: 1 } });
  });
});
