import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrames } from "../../src/ingest/decode.ts";
import { LocalLogStore } from "../../src/log/local-log-store.ts";
import { MemoryLogStore } from "../../src/log/memory-log.ts";
import type { Frame } from "../../src/protocol/frame.ts";
import { parseRunId } from "../../src/protocol/ids.ts";
import type { RunLoop } from "../../src/runtime/run-loop.ts";
import { buildApp } from "../../src/server/app.ts";
import { type FakeParts, FaultyLogStore, fakeParts } from "../support/engine-parts.ts";
import { FakeSink } from "../support/fake-sink.ts";
import { foldScenario, ndjson, pipelineScenario } from "../support/live-scenario.ts";
import { modelText } from "../support/model-builder.ts";
import { runs } from "../support/seed.ts";

const MODEL = modelText({ nodes: ["a=1s", "b=1s", "q=buf(a,b)"], bins: 20 });
const RUN = "run_on_a_bad_disk";
const cell = (binIndex: number, seriesId: string, value: number): Frame => ({
  type: "telemetry",
  binIndex,
  seriesId,
  value,
});
const whole = (bin: number) => [cell(bin, "a", bin + 3), cell(bin, "b", bin)];

function create(parts: FakeParts, runId = RUN): Promise<RunLoop> {
  return parts.registry.create({ mode: "live", model: MODEL, bindings: ["a", "b"], runId });
}

const submit = (loop: RunLoop, frames: readonly Frame[]) => loop.submit(decodeFrames(ndjson(frames)));

/** Everything about a run that a client or a producer could tell. */
function pictureOf(loop: RunLoop): unknown {
  const { run } = loop;
  return {
    state: loop.state,
    sealedBin: run.sealedBin,
    openBins: run.openBins,
    newestBin: run.newestBin,
    seq: run.cursorSeq,
    hash: run.hash(),
    warnings: run.activeWarnings(),
    counters: { ...loop.counters },
  };
}

describe("a log without room", () => {
  test("nothing of the batch is applied, and the same batch is taken once there is room", async () => {
    const parts = fakeParts();
    const loop = await create(parts);
    await submit(loop, [...whole(0), cell(1, "a", 1)]);
    const before = pictureOf(loop);
    parts.logs.refusal = "log_full";
    const batch: Frame[] = [
      cell(1, "b", 2),
      ...whole(2),
      cell(0, "a", 99),
      { type: "watermark", binIndex: 5 },
      { type: "end" },
    ];
    await expect(submit(loop, batch)).rejects.toMatchObject({ code: "log_full", retryable: true });
    expect(pictureOf(loop)).toEqual(before);
    expect(loop.failure).toBeNull();
    parts.logs.refusal = null;
    expect(await submit(loop, batch)).toMatchObject({ accepted: 5, late: 1, sealedBin: 5 });
    await loop.settled();
    expect(loop.state).toBe("completed");
  });

  test("over HTTP: 503 with a wait", async () => {
    const parts = fakeParts();
    await create(parts);
    const app = buildApp(parts);
    parts.logs.refusal = "log_full";
    const answer = await app.inject({
      method: "POST",
      url: `/v1/runs/${RUN}/frames`,
      headers: { "content-type": "application/x-ndjson" },
      payload: ndjson(whole(0)),
    });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers["retry-after"]).toBe("1");
    expect(answer.json()).toMatchObject({ code: "not_ready", error: expect.stringContaining("log_full") });
    await app.close();
  });

  test("what is already known or refused needs no room", async () => {
    const parts = fakeParts();
    const loop = await create(parts);
    await submit(loop, whole(0));
    parts.logs.refusal = "log_full";
    expect(await submit(loop, [...whole(0), cell(50, "a", 1)])).toMatchObject({
      accepted: 0,
      duplicates: 2,
      rejected: 1,
    });
  });

  test("however often batches meet it, the run comes to what it comes to without", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.array(fc.record({ size: fc.integer({ min: 1, max: 30 }), fails: fc.boolean() })),
        async (seed, batches) => {
          const scenario = pipelineScenario(seed, 24);
          const parts = fakeParts();
          const { modelText: model, bindings, frames } = scenario;
          const loop = await parts.registry.create({ mode: "live", model, bindings });
          let sent = 0;
          for (const { size, fails } of batches) {
            const batch = frames.slice(sent, sent + size);
            const before = pictureOf(loop);
            parts.logs.refusal = fails ? "log_full" : null;
            const isTaken = await submit(loop, batch).then(
              () => true,
              () => false,
            );
            if (isTaken) sent += batch.length;
            else expect(pictureOf(loop)).toEqual(before);
          }
          parts.logs.refusal = null;
          await submit(loop, frames.slice(sent));
          await loop.settled();
          const expected = foldScenario(scenario);
          expect(loop.run.hash()).toBe(expected.hash());
          expect(loop.run.activeWarnings()).toEqual(expected.activeWarnings());
        },
      ),
      runs(40),
    );
  });

  test("a snapshot that cannot be noted is told, costs nothing, and is written again when asked for", async () => {
    const parts = fakeParts();
    const loop = await create(parts);
    await submit(loop, whole(0));
    parts.logs.refusal = "log_full";
    await expect(loop.checkpoint()).rejects.toMatchObject({ code: "log_full" });
    expect(loop.run.checkpoint).toBeNull();
    parts.logs.refusal = null;
    await submit(loop, whole(1));
    expect(await loop.checkpoint()).toMatchObject({ sealedBin: 1, seq: 3 });
    expect(parts.snapshots.images.map(({ bins }) => bins)).toEqual([1, 2]);
  });
});

describe.each(["log_io", "log_read_only", "log_damaged"] as const)("a log that answers %s", (code) => {
  test("stops the run with the reason, applies nothing, and leaves the others alone", async () => {
    const parts = fakeParts();
    const loop = await create(parts);
    await submit(loop, whole(0));
    const sink = new FakeSink();
    sink.subscription = loop.topic.subscribe(sink);
    const { state: _before, ...before } = pictureOf(loop) as { state: string };
    parts.logs.refusal = code;
    await expect(submit(loop, whole(1))).rejects.toMatchObject({ code });
    parts.logs.refusal = null;
    const { state, ...after } = pictureOf(loop) as { state: string };
    expect(state).toBe("failed");
    expect(after).toEqual(before);
    expect(loop.failure).toContain(code);
    expect(parts.problems).toEqual([`${RUN}: the disk says ${code}`]);
    expect(sink.readAll().toString()).toMatch(
      /event: bye\ndata: \{"code":"failed","message":"the disk says .*"\}\n\n$/,
    );

    await expect(submit(loop, whole(1))).rejects.toMatchObject({ code: "run_failed" });
    await expect(loop.checkpoint()).rejects.toMatchObject({ code: "run_failed" });
    const other = await create(parts, "run_other");
    expect(await submit(other, whole(0))).toMatchObject({ accepted: 2, sealedBin: 0 });
  });

  test("over HTTP: 500, and the run can still be looked at", async () => {
    const parts = fakeParts();
    await create(parts);
    const app = buildApp(parts);
    parts.logs.refusal = code;
    const send = () =>
      app.inject({
        method: "POST",
        url: `/v1/runs/${RUN}/frames`,
        headers: { "content-type": "application/x-ndjson" },
        payload: ndjson(whole(0)),
      });
    const first = await send();
    parts.logs.refusal = null;
    const second = await send();
    for (const answer of [first, second]) {
      expect(answer.statusCode).toBe(500);
      expect(answer.headers["retry-after"]).toBeUndefined();
      expect(answer.json()).toMatchObject({ code: "storage_failed", error: expect.stringContaining(code) });
    }
    const run = (await app.inject(`/v1/runs/${RUN}`)).json();
    expect(run).toMatchObject({ state: "failed", failure: expect.stringContaining(code), sealedBin: -1 });
    expect((await app.inject(`/v1/runs/${RUN}/state/live`)).statusCode).toBe(200);
    await app.close();
  });
});

describe("a replay", () => {
  /** A store with one run of some batches, closed; and what the run had come to. */
  async function recorded(): Promise<{ logs: FaultyLogStore; hash: string; seq: number }> {
    const logs = new FaultyLogStore();
    const parts = fakeParts({ logs });
    const loop = await create(parts);
    for (let bin = 0; bin < 6; bin++) await submit(loop, whole(bin));
    await loop.checkpoint();
    for (let bin = 6; bin < 9; bin++) await submit(loop, whole(bin));
    await loop.settled();
    const { hash, seq } = pictureOf(loop) as { hash: string; seq: number };
    await parts.registry.close();
    return { logs, hash, seq };
  }

  async function recover(logs: FaultyLogStore): Promise<{ parts: FakeParts; loop: RunLoop | null }> {
    const parts = fakeParts({ logs });
    await parts.registry.recoverAll();
    return { parts, loop: parts.registry.get(RUN) };
  }

  test("of an untouched log comes to the same", async () => {
    const { logs, hash, seq } = await recorded();
    const { parts, loop } = await recover(logs);
    await loop!.settled();
    expect(pictureOf(loop!)).toMatchObject({ state: "running", hash, seq, sealedBin: 8 });
    expect(parts.problems).toEqual([]);
    expect(await submit(loop!, whole(9))).toMatchObject({ accepted: 2, sealedBin: 9 });
  });

  test("is waited for: until it is done, frames get 503 with a wait, and then are taken (class 14)", async () => {
    const { logs } = await recorded();
    const parts = fakeParts({ logs });
    const app = buildApp(parts);
    const send = () =>
      app.inject({
        method: "POST",
        url: `/v1/runs/${RUN}/frames`,
        headers: { "content-type": "application/x-ndjson" },
        payload: ndjson(whole(9)),
      });
    // Held at the first batch: the run is there, its state is not.
    const reading = Promise.withResolvers<void>();
    logs.reading = () => reading.promise;
    const recovering = parts.registry.recoverAll();
    while (parts.registry.get(RUN) === null) {
      const answer = await send();
      expect([answer.statusCode, answer.headers["retry-after"]]).toEqual([503, "1"]);
    }
    expect(parts.registry.get(RUN)!.state).toBe("recovering");
    const answer = await send();
    expect([answer.statusCode, answer.headers["retry-after"]]).toEqual([503, "1"]);
    expect(answer.json()).toMatchObject({ code: "not_ready", error: expect.stringContaining("replayed") });
    reading.resolve();
    await recovering;
    expect((await send()).json()).toMatchObject({ accepted: 2, sealedBin: 9 });
    await app.close();
  });

  test("that comes to another hash stops the run and names both values", async () => {
    const { logs, hash } = await recorded();
    const recordedHash = "f".repeat(64);
    logs.tamper = (chunk) => (chunk.first === 8 ? { ...chunk, mark: { ...chunk.mark, hash: recordedHash } } : chunk);
    const { parts, loop } = await recover(logs);
    expect(loop!.state).toBe("failed");
    expect(loop!.failure).toContain(recordedHash);
    expect(loop!.failure).toContain(`hash ${loop!.run.hash(3)} at bin 3`);
    expect(loop!.failure).toContain("record 8");
    expect(loop!.run.evaluatedBin, "nothing after the difference is believed").toBe(3);
    expect(parts.problems).toEqual([`${RUN}: ${loop!.failure}`]);
    await expect(submit(loop!, whole(4))).rejects.toMatchObject({ code: "run_failed" });
    expect(hash).not.toBe(loop!.run.hash());
  });

  test("of a record that was changed is found by the next mark", async () => {
    const { logs } = await recorded();
    logs.tamper = (chunk) => ({
      ...chunk,
      records: chunk.records.map((record) => record.replace('"value":5', '"value":6')),
    });
    const { loop } = await recover(logs);
    expect(loop!.state).toBe("failed");
    expect(loop!.failure).toMatch(/gives hash [0-9a-f]{64} at bin 2 where the log says [0-9a-f]{64}/);
  });

  test("of a log that lacks a batch is found as well", async () => {
    const { logs } = await recorded();
    logs.tamper = (chunk) => (chunk.first === 4 ? { ...chunk, records: [] } : chunk);
    const { loop } = await recover(logs);
    expect(loop!.failure).toContain("gives hash none at bin 2");
  });

  test("of a record that is no JSON stops the run; a definition of another format leaves it alone", async () => {
    const { logs } = await recorded();
    logs.tamper = (chunk) => (chunk.first === 4 ? { ...chunk, records: ["{"] } : chunk);
    expect((await recover(logs)).loop!.state).toBe("failed");

    const memory = new MemoryLogStore();
    memory.create(parseRunId("run_foreign")!, '{"format":2}').close();
    const parts = fakeParts({ logs: new FaultyLogStore(new LocalLogStore(memory)) });
    await parts.registry.recoverAll();
    expect(parts.registry.all()).toEqual([]);
    expect(parts.problems).toEqual([expect.stringContaining("run_foreign: ")]);
    await nextTurn();
  });
});
