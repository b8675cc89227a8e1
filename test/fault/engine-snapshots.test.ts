import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { decodeFrames } from "../../src/ingest/decode.ts";
import type { CreateRunRequest } from "../../src/protocol/run.ts";
import { imageOf } from "../../src/runtime/run-image.ts";
import type { RunLoop } from "../../src/runtime/run-loop.ts";
import { type FakeParts, fakeParts } from "../support/engine-parts.ts";
import { FakeSink } from "../support/fake-sink.ts";
import { ndjson } from "../support/live-scenario.ts";
import { modelText } from "../support/model-builder.ts";

/** Law of isolation: a snapshot that fails or never ends holds up neither ingestion nor subscribers. */

const BINS = 40;
const MODEL = modelText({ nodes: ["a=1s", "double: a * 2"], bins: BINS });

function create(parts: FakeParts, checkpointEvery: number, more: Partial<CreateRunRequest> = {}): Promise<RunLoop> {
  return parts.registry.create({ mode: "live", model: MODEL, bindings: ["a"], checkpointEvery, ...more });
}

const submit = (loop: RunLoop, bin: number) =>
  loop.submit(decodeFrames(ndjson([{ type: "telemetry", binIndex: bin, seriesId: "a", value: bin }])));

function watch(loop: RunLoop): FakeSink {
  const sink = new FakeSink();
  sink.subscription = loop.topic.subscribe(sink);
  return sink;
}

const bins = (sink: FakeSink) =>
  [
    ...sink
      .readAll()
      .toString()
      .matchAll(/^event: bin$/gm),
  ].length;

/** Lets everything run that does not wait for a snapshot. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}

test("snapshots that never end: every bin is taken, evaluated and sent, and one image is held, not one a bin", async () => {
  const parts = fakeParts();
  parts.snapshots.behaviour = "hang";
  const loop = await create(parts, 2);
  const sink = watch(loop);
  for (let bin = 0; bin < BINS - 1; bin++)
    expect(await submit(loop, bin)).toMatchObject({ accepted: 1, sealedBin: bin });
  await settle();
  expect(loop.run.evaluatedBin).toBe(BINS - 2);
  expect(bins(sink)).toBe(BINS - 1);
  expect(parts.snapshots.images.map((image) => image.bins)).toEqual([2]);

  parts.snapshots.release();
  await settle();
  expect(loop.run.checkpoint).toMatchObject({ sealedBin: 1 });
  expect(parts.snapshots.images.map((image) => image.bins)).toEqual([2, BINS - 1]);
  parts.snapshots.release();
  await settle();
  expect(loop.run.checkpoint).toMatchObject({ sealedBin: BINS - 2 });
  expect(parts.snapshots.images).toHaveLength(2);
});

test("a checkpoint that is asked for and never ends holds up nobody else", async () => {
  const parts = fakeParts();
  const loop = await create(parts, 1000);
  await submit(loop, 0);
  parts.snapshots.behaviour = "hang";
  let isAnswered = false;
  const asking = loop.checkpoint().then((answer) => {
    isAnswered = true;
    return answer;
  });
  await settle();
  for (let bin = 1; bin < 10; bin++) expect(await submit(loop, bin)).toMatchObject({ accepted: 1 });
  await settle();
  expect([isAnswered, loop.run.evaluatedBin]).toEqual([false, 9]);
  parts.snapshots.release();
  expect(await asking).toMatchObject({ sealedBin: 0, seq: 11 });
});

test("an image is of its moment, whatever comes while it is written", async () => {
  const parts = fakeParts();
  parts.snapshots.behaviour = "hang";
  const loop = await create(parts, 2);
  for (let bin = 0; bin < 6; bin++) await submit(loop, bin);
  const [image] = parts.snapshots.images;
  const { series } = imageOf(image!, loop.run.plan, null);
  expect([...series.find(({ id }) => id === "double")!.values]).toEqual([0, 2]);
  expect(image).toMatchObject({ bins: 2, hash: loop.run.hash(1), seq: 2 });
});

test("of a run that keeps two, older snapshots are removed once a newer one is noted", async () => {
  const parts = fakeParts();
  const loop = await create(parts, 2, { keep: 2 });
  for (let bin = 0; bin < 8; bin++) {
    await submit(loop, bin);
    await settle();
  }
  expect(parts.snapshots.removed.map(({ sealedBin }) => sealedBin)).toEqual([1, 3]);
});

test("a correction of what was written makes the next checkpoint another snapshot", async () => {
  const parts = fakeParts();
  const loop = await create(parts, 100, { latePolicy: "revise" });
  await submit(loop, 0);
  const first = await loop.checkpoint();
  expect(await loop.checkpoint()).toEqual(first);
  await loop.submit([{ line: 1, frame: { type: "telemetry", binIndex: 0, seriesId: "a", value: 77, revision: 1 } }]);
  expect((await loop.checkpoint()).seq).toBeGreaterThan(first.seq);
  expect(parts.snapshots.images.map(({ changedFrom }) => changedFrom)).toEqual([0, 0]);
});

test("snapshots that fail are told, every time, and the run goes on to its end", async () => {
  const parts = fakeParts();
  parts.snapshots.behaviour = "fail";
  const loop = await create(parts, 10);
  const sink = watch(loop);
  for (let bin = 0; bin < BINS; bin++) {
    expect(await submit(loop, bin)).toMatchObject({ accepted: 1 });
    await settle();
  }
  expect(loop.state).toBe("completed");
  expect(loop.failure).toBeNull();
  expect(sink.readAll().toString()).toMatch(/event: bye\ndata: \{"code":"completed"\}\n\n$/);
  const { runId } = loop.run.definition;
  expect(parts.problems.length).toBeGreaterThanOrEqual(4);
  expect(new Set(parts.problems)).toEqual(new Set([`${runId}: the disk of the snapshots is gone`]));
  await expect(loop.checkpoint()).rejects.toThrow("the disk of the snapshots is gone");

  parts.snapshots.behaviour = "write";
  expect(await loop.checkpoint()).toMatchObject({ sealedBin: BINS - 1, seq: BINS + 1 });
});

test("a run without its last snapshot gets it after a restart", async () => {
  const before = fakeParts();
  before.snapshots.behaviour = "fail";
  const { runId } = (await create(before, 10)).run.definition;
  const loop = before.registry.get(runId)!;
  for (let bin = 0; bin < BINS; bin++) await submit(loop, bin);
  await settle();
  await before.registry.close();
  const after = fakeParts({ logs: before.logs });
  await after.registry.recoverAll();
  await settle();
  const again = after.registry.get(runId)!;
  expect(again.state).toBe("completed");
  expect(again.run.checkpoint).toMatchObject({ sealedBin: BINS - 1 });
  expect(after.snapshots.images.map((image) => image.bins)).toEqual([BINS]);
  expect(after.problems).toEqual([]);
});

test("a correction that comes with the last bin has one snapshot written of the end, before the stream says so (found by the simulator)", async () => {
  const parts = fakeParts();
  const loop = await parts.registry.create({
    ...{ mode: "live", model: MODEL, bindings: ["a"], checkpointEvery: 1, latePolicy: "revise" },
  });
  for (let bin = 0; bin < BINS - 1; bin++) await submit(loop, bin);
  await loop.settled();
  await settle();
  const before = parts.snapshots.images.length;
  const cell = { type: "telemetry", seriesId: "a", value: 99 } as const;
  const frames = [
    { ...cell, binIndex: 0, revision: 1 },
    { ...cell, binIndex: BINS - 1 },
  ];
  await loop.submit(decodeFrames(ndjson(frames)));
  await loop.settled();
  await settle();
  expect(parts.snapshots.images.slice(before).map((image) => image.bins)).toEqual([BINS]);
  expect(loop.run.checkpoint).toMatchObject({ sealedBin: BINS - 1, seq: loop.run.cursorSeq });
});
