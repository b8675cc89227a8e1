import { describe, expect, test } from "vitest";
import { decodeFrames } from "../../../src/ingest/decode.ts";
import type { Frame } from "../../../src/protocol/frame.ts";
import { parseRunId } from "../../../src/protocol/ids.ts";
import { BatchRefused } from "../../../src/runtime/group-commit.ts";
import { MAX_BACKLOG_BINS, type RunLoop } from "../../../src/runtime/run-loop.ts";
import { type FakeParts, fakeParts } from "../../support/engine-parts.ts";
import { FakeSink } from "../../support/fake-sink.ts";
import { ndjson } from "../../support/live-scenario.ts";
import { modelText } from "../../support/model-builder.ts";

const RUN = "run_loop";
const MODEL = modelText({ nodes: ["a=1s", "b=1s", "q=buf(a,b)"], bins: 20 });

const create = (parts: FakeParts): Promise<RunLoop> =>
  parts.registry.create({ mode: "live", model: MODEL, bindings: ["a", "b"], runId: RUN });
const cell = (binIndex: number, seriesId: string, value: number): Frame => ({
  type: "telemetry",
  binIndex,
  seriesId,
  value,
});
const whole = (bin: number): Frame[] => [cell(bin, "a", bin), cell(bin, "b", 1)];
const submit = (loop: RunLoop, frames: readonly Frame[], atomic = false) =>
  loop.submit(decodeFrames(ndjson(frames)), { atomic });

describe("a batch", () => {
  test("is in the log before anything of it is seen, and answered when it is there", async () => {
    const parts = fakeParts();
    const loop = await create(parts);
    const sink = new FakeSink();
    sink.subscription = loop.topic.subscribe(sink);
    sink.readAll();
    const seen: [string, number, number][] = [];
    parts.logs.onAppend = (records) => seen.push([records[0]!, loop.run.evaluatedBin, sink.unsentBytes]);
    const answer = submit(loop, whole(0));
    expect(seen).toEqual([['{"type":"telemetry","binIndex":0,"seriesId":"a","value":0}', -1, 0]]);
    expect(await answer).toEqual({
      accepted: 2,
      duplicates: 0,
      late: 0,
      rejected: 0,
      errors: [],
      sealedBin: 0,
      openBins: 0,
      durable: false,
    });
    expect(sink.readAll().toString()).toContain("event: bin");
  });

  test("leaves in the log what was accepted and what was late, and nothing of a batch without either", async () => {
    const parts = fakeParts();
    const loop = await create(parts);
    const written: string[][] = [];
    parts.logs.onAppend = (records) => written.push([...records]);
    await submit(loop, [
      ...whole(0),
      cell(0, "a", 0),
      cell(1, "a", 5),
      cell(1, "a", 6),
      cell(0, "a", 9),
      cell(99, "a", 1),
    ]);
    await submit(loop, [...whole(0), cell(99, "a", 1)]);
    expect(written.map((records) => records.map((record) => JSON.parse(record).value))).toEqual([[0, 1, 5, 9]]);
    expect(loop.counters).toEqual({ accepted: 3, duplicates: 3, late: 1, rejected: 3 });
  });

  test("atomic: all of it or nothing, with every bad line", async () => {
    const parts = fakeParts();
    const loop = await create(parts);
    await submit(loop, [cell(0, "a", 1)]);
    const refusal = await submit(loop, [...whole(1), cell(0, "a", 2), cell(0, "zz", 2)], true).catch(
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(BatchRefused);
    expect((refusal as BatchRefused).errors.map(({ line, code }) => [line, code])).toEqual([
      [3, "conflict"],
      [4, "unbound_series"],
    ]);
    expect([parts.logs.appends, loop.run.openBins, loop.run.newestBin]).toEqual([1, 1, 0]);
    expect(loop.counters).toEqual({ accepted: 1, duplicates: 0, late: 0, rejected: 0 });
    expect(await submit(loop, [...whole(1), cell(0, "a", 1)], true)).toMatchObject({ accepted: 2, duplicates: 1 });
  });

  test("after another in the same moment, and right after creation: nothing sealed is left behind", async () => {
    const parts = fakeParts();
    const loop = await create(parts);
    const batches = Array.from({ length: 6 }, (_, bin) => submit(loop, whole(bin)));
    await Promise.all(batches);
    await loop.settled();
    expect(loop.run.backlogBins).toBe(0);
    expect(loop.run.evaluatedBin).toBe(5);
  });

  test("waits while too many sealed bins wait for evaluation, so that memory is bounded", async () => {
    const nodes = [
      "a=1s",
      ...Array.from({ length: 4000 }, (_, index) => `x${index}: ${index === 0 ? "a" : `x${index - 1}`} + 1`),
    ];
    const bins = 3 * MAX_BACKLOG_BINS;
    const parts = fakeParts();
    const loop = await parts.registry.create({ mode: "live", model: modelText({ nodes, bins }), bindings: ["a"] });
    await submit(loop, [{ type: "watermark", binIndex: bins - 2 }]);
    expect(loop.run.backlogBins).toBeGreaterThan(MAX_BACKLOG_BINS);
    let waiting = Number.NaN;
    const next = loop.submit(decodeFrames(ndjson([cell(bins - 1, "a", 1)]))).then((answer) => {
      waiting = loop.run.backlogBins;
      return answer;
    });
    expect(await next).toMatchObject({ accepted: 1, sealedBin: bins - 1 });
    expect(waiting).toBeLessThanOrEqual(MAX_BACKLOG_BINS + 1);
    await loop.settled();
    expect(loop.run.evaluatedBin).toBe(bins - 1);
  });
});

describe("the clock", () => {
  test("tells how long ago a bin was evaluated, and nothing else", async () => {
    const parts = fakeParts();
    const loop = await create(parts);
    expect(loop.lagMs).toBeNull();
    await submit(loop, whole(0));
    parts.clock.advance(1500);
    expect(loop.lagMs).toBe(1500);
    await submit(loop, whole(1));
    expect(loop.lagMs).toBe(0);
  });
});

describe("the registry", () => {
  test("keeps what a run is in its log, and gives the log free when it closes", async () => {
    const parts = fakeParts();
    const loop = await create(parts);
    await expect(parts.logs.open(loop.run.definition.runId)).rejects.toMatchObject({ code: "log_locked" });
    await parts.registry.close();
    const log = await parts.logs.open(parseRunId(RUN)!);
    expect(JSON.parse(log.meta)).toEqual({ format: 1, ...loop.run.definition });
  });

  test("brings a run back with its seq, its open bins and its warnings, and goes on", async () => {
    const before = fakeParts();
    const loop = await create(before);
    await submit(loop, [...whole(0), cell(2, "a", 1), { type: "watermark", binIndex: 1 }]);
    await submit(loop, [cell(0, "a", 9)]);
    await loop.checkpoint();
    await submit(loop, [...whole(3)]);
    await before.registry.close();

    const after = fakeParts({ logs: before.logs });
    await after.registry.recoverAll();
    const again = after.registry.get(RUN)!;
    await again.settled();
    expect(again.run.cursorSeq).toBe(loop.run.cursorSeq);
    expect(again.run.checkpoint).toEqual(loop.run.checkpoint);
    expect([again.run.openBins, again.run.newestBin]).toEqual([2, 3]);
    await submit(again, [cell(2, "b", 1)]);
    await again.settled();
    expect(again.run.evaluatedBin).toBe(3);
    expect(again.run.activeWarnings()).toContainEqual(expect.objectContaining({ code: "late_frame", value: 1 }));
    expect(after.problems).toEqual([]);
  });

  test("a replay publishes the same events again, so that a subscriber can resume across it", async () => {
    const stream = async (loop: RunLoop) => {
      await loop.settled();
      const sink = new FakeSink();
      sink.subscription = loop.topic.subscribe(sink, { lastEventId: `${loop.run.definition.epoch}.0` });
      return sink
        .readAll()
        .toString()
        .replace(/^.*?(?=id: )/s, "");
    };
    const before = fakeParts();
    const loop = await create(before);
    for (let bin = 0; bin < 4; bin++) await submit(loop, whole(bin));
    await loop.checkpoint();
    await submit(loop, whole(4));
    const told = await stream(loop);
    await before.registry.close();
    const after = fakeParts({ logs: before.logs });
    await after.registry.recoverAll();
    expect(await stream(after.registry.get(RUN)!)).toBe(told);
    expect(told.match(/^event: .*$/gm)).toEqual([...Array(4).fill("event: bin"), "event: checkpoint", "event: bin"]);
  });
});
