import { beforeEach, describe, expect, test } from "vitest";
import { modelText } from "../../support/model-builder.ts";
import { call, postFrames, postJson, type RawAnswer, serve, type TestEngine } from "../../support/server.ts";

/** Failure class 11 (duplicate answers): a repeat is never an error, never counted as accepted, never applied twice. */

const MODEL = modelText({ nodes: ["a=1s", "b=1s", "sum: a + b"], bins: 100 });

let engine: TestEngine;
let runId: string;

beforeEach(async () => {
  engine = await serve();
  const created = await postJson(`${engine.url}/v1/runs`, { mode: "live", model: MODEL, bindings: ["a", "b"] });
  ({ runId } = created.body as { runId: string });
});

const cell = (binIndex: number, seriesId: string, value: unknown) => ({ type: "telemetry", binIndex, seriesId, value });
const whole = (bin: number) => [cell(bin, "a", bin), cell(bin, "b", 1)];

function send(
  lines: readonly (object | string)[],
  seq: number | string,
  { id = "p", epoch = 0 as number | string, query = "" } = {},
): Promise<RawAnswer> {
  const headers = { "producer-id": id, "producer-epoch": `${epoch}`, "producer-seq": `${seq}` };
  return postFrames(engine.url, runId, lines, { headers, query });
}

const sealedBin = async () => ((await call(`${engine.url}/v1/runs/${runId}`)).body as { sealedBin: number }).sealedBin;

describe("batches with numbers (class 11)", () => {
  test("in order: each is taken, and the answer carries its number", async () => {
    for (let seq = 0; seq < 3; seq++) {
      const answer = await send(whole(seq), seq);
      expect(answer).toMatchObject({ status: 200, body: { accepted: 2, duplicates: 0, sealedBin: seq } });
      expect([answer.headers.get("producer-epoch"), answer.headers.get("producer-seq")]).toEqual(["0", `${seq}`]);
    }
  });

  test("the newest one again: 200, duplicates, and what was refused is told again", async () => {
    const batch = [...whole(0), "{", cell(99, "a", 1)];
    const first = await send(batch, 0);
    const again = await send(batch, 0);
    expect(first.body).toMatchObject({ accepted: 2, duplicates: 0, rejected: 2 });
    expect(again.status).toBe(200);
    expect(again.body).toEqual({ ...(first.body as object), accepted: 0, duplicates: 2 });
    expect(await sealedBin()).toBe(0);
  });

  test("an older one again: 200, every line a duplicate, even where the cells have been revised since", async () => {
    await send([cell(0, "a", 1)], 0);
    await send([{ ...cell(0, "a", 2), revision: 1 }], 1);
    const answer = await send([cell(0, "a", 1)], 0);
    expect(answer).toMatchObject({ status: 200, body: { accepted: 0, duplicates: 1, rejected: 0, errors: [] } });
  });

  test("a gap: 409 with the expected and the received number, nothing applied", async () => {
    await send(whole(0), 0);
    const answer = await send(whole(1), 2);
    expect(answer).toMatchObject({ status: 409, body: { code: "sequence_gap", expected: 1, received: 2 } });
    expect(answer.headers.get("retry-after")).toBeNull();
    expect(await sealedBin()).toBe(0);
    expect(await send(whole(1), 1)).toMatchObject({ status: 200, body: { accepted: 2 } });
  });

  test("a producer that nobody knows begins with 0", async () => {
    expect(await send(whole(0), 5)).toMatchObject({ status: 409, body: { expected: 0, received: 5 } });
  });

  test("a stale epoch: 403 with the current one; a higher one begins at 0", async () => {
    await send(whole(0), 0, { epoch: 3 });
    expect(await send(whole(1), 1, { epoch: 2 })).toMatchObject({
      status: 403,
      body: { code: "stale_epoch", currentEpoch: 3 },
    });
    expect(await send(whole(1), 1, { epoch: 4 })).toMatchObject({ status: 409, body: { expected: 0, received: 1 } });
    expect(await send(whole(1), 0, { epoch: 4 })).toMatchObject({ status: 200, body: { accepted: 2 } });
    expect(await send(whole(2), 1, { epoch: 3 })).toMatchObject({ status: 403, body: { currentEpoch: 4 } });
    expect(await sealedBin()).toBe(1);
  });

  test("the same number with other content: 409, never taken for a repeat", async () => {
    await send(whole(0), 0);
    const answer = await send(whole(1), 0);
    expect(answer).toMatchObject({ status: 409, body: { code: "sequence_reused", expected: 1, received: 0 } });
    expect(await sealedBin()).toBe(0);
  });

  test("a batch of which nothing could be taken has used its number, an atomic one that was refused has not", async () => {
    expect(await send(["{"], 0)).toMatchObject({ status: 400, body: { code: "malformed_batch" } });
    expect(await send(["{"], 0)).toMatchObject({ status: 400, body: { rejected: 1 } });
    expect(await send([cell(0, "a", 1), "{"], 1, { query: "?atomic=true" })).toMatchObject({ status: 400 });
    expect(await send([cell(0, "a", 1)], 1, { query: "?atomic=true" })).toMatchObject({ status: 200 });
    expect(await send([cell(0, "a", 7)], 2)).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect(await send([cell(0, "b", 7)], 3)).toMatchObject({ status: 200, body: { accepted: 1 } });
  });

  test("producers do not know each other", async () => {
    await send(whole(0), 0, { id: "p" });
    expect(await send(whole(0), 0, { id: "q" })).toMatchObject({ status: 200, body: { duplicates: 2 } });
    expect(await send(whole(1), 1, { id: "p" })).toMatchObject({ status: 200, body: { accepted: 2 } });
  });

  test("several on their way at once are decided in order, each once", async () => {
    const batches = Array.from({ length: 20 }, (_, bin) => send(whole(bin), 0, { id: `p${bin}` }));
    const again = Array.from({ length: 20 }, (_, bin) => send(whole(bin), 0, { id: `p${bin}` }));
    const answers = (await Promise.all([...batches, ...again])).map(({ body }) => body as Record<string, number>);
    const sum = (name: string) => answers.reduce((total, answer) => total + answer[name]!, 0);
    expect([sum("accepted"), sum("duplicates")]).toEqual([40, 40]);
    expect(await sealedBin()).toBe(19);
  });

  test("a repeat across a restart of the engine is still one", async () => {
    const batch = [...whole(0), "{"];
    await send(batch, 0);
    await send(["{"], 1);
    await engine.stop();
    engine = await serve(engine.dataDir);
    expect(await send(["{"], 1)).toMatchObject({ status: 400, body: { rejected: 1 } });
    expect(await send(batch, 0)).toMatchObject({ status: 200, body: { accepted: 0, duplicates: 3 } });
    expect(await send(whole(1), 3)).toMatchObject({ status: 409, body: { expected: 2 } });
    expect(await send(whole(1), 2)).toMatchObject({ status: 200, body: { accepted: 2, sealedBin: 1 } });
  });

  test.each([
    ["one header missing", { "producer-id": "p", "producer-seq": "0" }],
    ["a number that is none", { "producer-id": "p", "producer-epoch": "-1", "producer-seq": "0" }],
    ["a number beyond the integers", { "producer-id": "p", "producer-epoch": "0", "producer-seq": "9007199254740993" }],
    ["an id that is too long", { "producer-id": "p".repeat(201), "producer-epoch": "0", "producer-seq": "0" }],
  ])("%s: 400, nothing applied", async (_name, headers) => {
    const answer = await postFrames(engine.url, runId, whole(0), { headers });
    expect(answer).toMatchObject({ status: 400, body: { code: "bad_request" } });
    expect(await sealedBin()).toBe(-1);
  });
});
