import { describe, expect, test } from "vitest";
import { decodeFrames } from "../../../src/ingest/decode.ts";
import type { Frame } from "../../../src/protocol/frame.ts";
import { BatchRefused } from "../../../src/runtime/group-commit.ts";
import type { RunLoop } from "../../../src/runtime/run-loop.ts";
import { type FakeParts, fakeParts } from "../../support/engine-parts.ts";
import { FakeSink } from "../../support/fake-sink.ts";
import { ndjson } from "../../support/live-scenario.ts";
import { modelText } from "../../support/model-builder.ts";

const MODEL = modelText({ nodes: ["a=1s", "b=1s", "q=buf(a,b)"], bins: 50 });

const cell = (binIndex: number, seriesId: string, value: number): Frame => ({
  type: "telemetry",
  binIndex,
  seriesId,
  value,
});
const whole = (bin: number): Frame[] => [cell(bin, "a", bin), cell(bin, "b", 1)];
const submit = (loop: RunLoop, frames: readonly Frame[], atomic = false) =>
  loop.submit(decodeFrames(ndjson(frames)), { atomic });

/** A run whose disk answers when the test says so. */
async function onHeldDisk(): Promise<{ parts: FakeParts; loop: RunLoop; written: string[][]; release(): void }> {
  const parts = fakeParts();
  const loop = await parts.registry.create({ mode: "live", model: MODEL, bindings: ["a", "b"] });
  const written: string[][] = [];
  parts.logs.onAppend = (records) => written.push([...records]);
  const disk = Promise.withResolvers<void>();
  parts.logs.disk = () => disk.promise;
  return {
    parts,
    loop,
    written,
    release: () => {
      parts.logs.disk = () => null;
      disk.resolve();
    },
  };
}

describe("group commit", () => {
  test("batches that come during one write go into the next one together, in order", async () => {
    const { loop, written, release } = await onHeldDisk();
    const answers = Array.from({ length: 6 }, (_, bin) => submit(loop, whole(bin)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(written.map((records) => records.length)).toEqual([2]);
    release();
    expect((await Promise.all(answers)).map(({ accepted, sealedBin }) => [accepted, sealedBin])).toEqual(
      answers.map((_, bin) => [2, bin]),
    );
    expect(written.map((records) => records.length)).toEqual([2, 10]);
    await loop.settled();
    expect(loop.run.evaluatedBin).toBe(5);
  });

  test("nobody sees what is not durable yet: not a reader, not a subscriber, not the evaluation", async () => {
    const { loop, release } = await onHeldDisk();
    const sink = new FakeSink();
    sink.subscription = loop.topic.subscribe(sink);
    sink.readAll();
    const answer = submit(loop, [...whole(0), cell(1, "a", 1), { type: "end" }]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(loop.standing).toEqual({ state: "created", openBins: 0, newestBin: -1 });
    expect(loop.state).toBe("created");
    expect(loop.run.evaluatedBin).toBe(-1);
    expect(sink.readAll().toString()).not.toContain("event: bin");
    expect(loop.counters.accepted).toBe(0);
    release();
    expect(await answer).toMatchObject({ accepted: 4, sealedBin: 1 });
    await loop.settled();
    expect(loop.standing).toEqual({ state: "completed", openBins: 0, newestBin: 1 });
    expect(sink.readAll().toString()).toContain("event: bin");
  });

  test("a group that cannot be written is refused whole, and what comes after it is taken (class 13)", async () => {
    const { parts, loop, release } = await onHeldDisk();
    const first = submit(loop, whole(0));
    const second = submit(loop, whole(1));
    parts.logs.refusal = "log_full";
    release();
    await expect(first).rejects.toMatchObject({ code: "log_full" });
    await expect(second).rejects.toMatchObject({ code: "log_full" });
    expect([loop.run.sealedBin, loop.run.openBins, loop.counters.accepted]).toEqual([-1, 0, 0]);
    parts.logs.refusal = null;
    expect(await submit(loop, [...whole(0), ...whole(1)])).toMatchObject({ accepted: 4, duplicates: 0 });
  });

  test("an atomic batch that is refused undoes nothing of the others", async () => {
    const { loop, written, release } = await onHeldDisk();
    const answers = [
      submit(loop, whole(0)),
      submit(loop, whole(1)),
      submit(loop, [...whole(2), cell(0, "zz", 1)], true),
      submit(loop, whole(3)),
    ];
    release();
    const results = await Promise.allSettled(answers);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect((results[2] as PromiseRejectedResult).reason).toBeInstanceOf(BatchRefused);
    expect(written.flat().map((record) => JSON.parse(record).binIndex)).toEqual([0, 0, 1, 1, 3, 3]);
    expect([loop.run.sealedBin, loop.run.openBins]).toEqual([1, 1]);
  });

  test("what is on its way when the engine stops has its answer before the log closes (class 14)", async () => {
    const { parts, loop, release } = await onHeldDisk();
    const answers = [submit(loop, whole(0)), submit(loop, whole(1))];
    const closed = parts.registry.close();
    release();
    expect((await Promise.all(answers)).map(({ accepted }) => accepted)).toEqual([2, 2]);
    await closed;
    const log = await parts.logs.open(loop.run.definition.runId);
    expect(log.head()).toBe(4);
  });
});
