// Decisions that a clock or a person makes: in the log, so that a replay makes them without either.
import { describe, expect, test } from "vitest";
import { decodeFrames } from "../../../src/ingest/decode.ts";
import type { Frame } from "../../../src/protocol/frame.ts";
import type { CreateRunRequest } from "../../../src/protocol/run.ts";
import type { RunLoop } from "../../../src/runtime/run-loop.ts";
import { type FakeParts, fakeParts } from "../../support/engine-parts.ts";
import { FakeSink } from "../../support/fake-sink.ts";
import { ndjson } from "../../support/live-scenario.ts";
import { modelText } from "../../support/model-builder.ts";
import { random as randomFrom } from "../../support/random.ts";
import { seed } from "../../support/seed.ts";

const MODEL = modelText({ nodes: ["a=1s", "b=1s", "c=1s", "q=buf(a,b)"], bins: 12 });
const RUN = "run_seal";

function create(parts: FakeParts, request: Partial<CreateRunRequest>): Promise<RunLoop> {
  return parts.registry.create({ mode: "live", model: MODEL, bindings: ["a", "b", "c"], runId: RUN, ...request });
}

const cell = (binIndex: number, seriesId: string, value: number, revision = 0): Frame => ({
  type: "telemetry",
  binIndex,
  seriesId,
  value,
  revision,
});

async function send(loop: RunLoop, ...frames: readonly Frame[]): Promise<void> {
  await loop.submit(decodeFrames(ndjson(frames)));
  await loop.settled();
}

/** Time goes on; whatever falls due is decided and evaluated. */
async function wait(parts: FakeParts, loop: RunLoop, ms: number): Promise<void> {
  parts.clock.advance(ms);
  await loop.settled();
}

const whole = (bin: number): Frame[] => ["a", "b", "c"].map((id) => cell(bin, id, bin));
const updatesOf = (run: RunLoop["run"]) => run.recentBins().map((bin) => run.updateOf(bin));
const sealedBy = (loop: RunLoop) => updatesOf(loop.run).map(({ provenance }) => provenance.sealedBy);

/** The run as another process makes it of the same log; the clock of that process stands still. */
async function replayed(parts: FakeParts): Promise<{ readonly loop: RunLoop; readonly parts: FakeParts }> {
  await parts.registry.close();
  const again = fakeParts({ logs: parts.logs });
  await again.registry.recoverAll();
  expect(again.problems).toEqual([]);
  return { loop: again.registry.get(RUN)!, parts: again };
}

const pictureOf = ({ run, state }: RunLoop) => ({
  state,
  seq: run.cursorSeq,
  hash: run.hash(),
  sealedBin: run.sealedBin,
  openBins: run.openBins,
  warnings: run.activeWarnings(),
  idle: run.idleInputs,
  updates: updatesOf(run),
});

describe("sealAfter", () => {
  test("a bin is sealed so long after its own first cell, one after the other; an empty one with the first later one", async () => {
    const parts = fakeParts();
    const loop = await create(parts, { sealAfterMs: 1_000 });
    await send(loop, cell(1, "a", 1));
    await wait(parts, loop, 600);
    await send(loop, cell(2, "b", 1));
    await wait(parts, loop, 399);
    expect(loop.run.sealedBin).toBe(-1);
    await wait(parts, loop, 1);
    expect(loop.run.sealedBin).toBe(1);
    await wait(parts, loop, 599);
    expect(loop.run.sealedBin).toBe(1);
    await wait(parts, loop, 1);
    expect([loop.run.sealedBin, sealedBy(loop)]).toEqual([2, ["timeout", "timeout", "timeout"]]);
    await wait(parts, loop, 60_000);
    expect([loop.run.sealedBin, parts.clock.pending]).toEqual([2, 0]);
    await send(loop, ...whole(3));
    expect(sealedBy(loop).at(-1)).toBe("complete");
    expect(pictureOf((await replayed(parts)).loop)).toEqual({ ...pictureOf(loop), state: "running" });
  });

  test("after a restart what is open is given its time again", async () => {
    const parts = fakeParts();
    const loop = await create(parts, { sealAfterMs: 1_000 });
    await send(loop, cell(0, "a", 1));
    await wait(parts, loop, 900);
    const again = await replayed(parts);
    await wait(again.parts, again.loop, 999);
    expect(again.loop.run.sealedBin).toBe(-1);
    await wait(again.parts, again.loop, 1);
    expect(again.loop.run.sealedBin).toBe(0);
    expect(parts.clock.pending).toBe(0);
  });

  test("what cannot be written is not decided, is told, and is tried again", async () => {
    const parts = fakeParts();
    const loop = await create(parts, { sealAfterMs: 1_000 });
    await send(loop, cell(0, "a", 1));
    parts.logs.refusal = "log_full";
    await wait(parts, loop, 1_000);
    expect([loop.run.sealedBin, loop.state, parts.problems]).toEqual([
      -1,
      "running",
      [`${RUN}: the disk says log_full`],
    ]);
    parts.logs.refusal = null;
    await wait(parts, loop, 1_000);
    expect(loop.run.sealedBin).toBe(0);
  });

  test("a clock that jumps back makes nobody wait longer than the whole time", async () => {
    const parts = fakeParts();
    const loop = await create(parts, { sealAfterMs: 1_000 });
    parts.clock.advance(500_000);
    await send(loop, cell(0, "a", 1));
    parts.clock.advance(-400_000);
    await send(loop, cell(0, "b", 1));
    expect(parts.clock.nextMs! - parts.clock.now()).toBe(1_000);
  });
});

describe("idleAfter", () => {
  test("one silent input does not hold back the run, until it is heard again", async () => {
    const parts = fakeParts();
    const loop = await create(parts, { idleAfterMs: 1_000 });
    await send(loop, ...whole(0), cell(1, "a", 1), cell(1, "b", 1), cell(2, "a", 1), cell(2, "b", 1));
    await wait(parts, loop, 999);
    expect(loop.run.sealedBin).toBe(0);
    await wait(parts, loop, 1);
    expect([loop.run.sealedBin, loop.run.idleInputs]).toEqual([2, ["c"]]);
    await send(loop, cell(3, "a", 1), cell(3, "b", 1));
    expect(sealedBy(loop)).toEqual(["complete", "idle", "idle", "idle"]);
    const idle = () => loop.run.activeWarnings().filter(({ code }) => code === "idle_input");
    expect(idle()).toMatchObject([{ key: "idle_input:c", nodeId: "c", bins: [1] }]);
    expect(updatesOf(loop.run)[1]!.warnings[0]).toMatchObject({ action: "raised", warning: idle()[0]! });

    await send(loop, cell(4, "a", 1), cell(4, "c", 1));
    expect([loop.run.sealedBin, loop.run.idleInputs]).toEqual([3, []]);
    await send(loop, cell(4, "b", 1));
    expect(updatesOf(loop.run)[4]!.warnings).toContainEqual({ action: "cleared", key: "idle_input:c" });
    expect([sealedBy(loop).at(-1), idle()]).toEqual(["complete", []]);
    expect(pictureOf((await replayed(parts)).loop)).toEqual(pictureOf(loop));
  });

  test("silence of all is no idleness, and after it everybody is given the whole time", async () => {
    const parts = fakeParts();
    const loop = await create(parts, { idleAfterMs: 1_000 });
    await send(loop, ...whole(0));
    await wait(parts, loop, 3_600_000);
    expect(loop.run.idleInputs).toEqual([]);
    await send(loop, cell(1, "a", 1));
    await wait(parts, loop, 999);
    await send(loop, cell(1, "b", 1));
    expect([loop.run.sealedBin, loop.run.idleInputs]).toEqual([0, []]);
    await wait(parts, loop, 1);
    expect([loop.run.sealedBin, loop.run.idleInputs]).toEqual([1, ["c"]]);
  });

  test("an input that is heard late is waited for again", async () => {
    const parts = fakeParts();
    const loop = await create(parts, { idleAfterMs: 1_000 });
    await send(loop, cell(0, "a", 1), cell(0, "b", 1));
    await wait(parts, loop, 1_000);
    await send(loop, cell(0, "c", 1));
    expect(loop.run.idleInputs).toEqual([]);
    await send(loop, cell(1, "a", 1), cell(1, "b", 1));
    expect(loop.run.sealedBin).toBe(0);
  });
});

test("with corrections and bad disks, in any order: the log replayed without a clock gives the same run", async () => {
  const random = randomFrom(seed).next;
  for (let round = 0; round < 40; round++) {
    const parts = fakeParts();
    const loop = await create(parts, {
      ...(random() < 0.8 ? { sealAfterMs: 700 } : {}),
      ...(random() < 0.8 ? { idleAfterMs: 400 } : {}),
      latePolicy: random() < 0.7 ? "revise" : "reject",
      gapPolicy: (["nan", "zero", "hold", "model"] as const)[Math.floor(random() * 4)]!,
    });
    const pending: Promise<unknown>[] = [];
    for (let step = 0; step < 60; step++) {
      const bin = Math.max(0, loop.run.sealedBin - 1 + Math.floor(random() * 4));
      const series = ["a", "b", "c"][Math.floor(random() ** 2 * 3)]!;
      if (random() < 0.7) {
        const frames = [cell(bin, series, Math.floor(random() * 50), step)];
        pending.push(loop.submit(decodeFrames(ndjson(frames))).catch(() => {}));
      }
      parts.logs.refusal = random() < 0.1 ? "log_full" : null;
      parts.clock.advance(Math.floor(random() * 500));
      if (random() < 0.6) await loop.settled();
    }
    parts.logs.refusal = null;
    await Promise.all(pending);
    await loop.settled();
    const ours = pictureOf(loop);
    const theirs = pictureOf((await replayed(parts)).loop);
    expect(theirs, `round ${round}`).toEqual(ours);
  }
});

describe("abort", () => {
  test("gives up open bins, writes what is sealed, says so to those who follow and to those who come later", async () => {
    const parts = fakeParts();
    const loop = await create(parts, { sealAfterMs: 1_000 });
    const sink = new FakeSink();
    sink.subscription = loop.topic.subscribe(sink);
    await send(loop, ...whole(0), ...whole(1), cell(2, "a", 1));
    await loop.abort();
    expect([loop.state, loop.run.sealedBin, loop.run.openBins]).toEqual(["aborted", 1, 0]);
    expect(parts.snapshots.images.map(({ bins }) => bins)).toEqual([2]);
    const told = sink.readAll().toString();
    expect(told.indexOf("event: checkpoint")).toBeLessThan(told.indexOf('event: bye\ndata: {"code":"aborted"}'));
    await loop.abort();
    expect(parts.snapshots.images).toHaveLength(1);
    expect((await loop.submit(decodeFrames(ndjson(whole(2))))).errors[0]).toMatchObject({ code: "run_ended" });

    const again = await replayed(parts);
    await again.loop.settled();
    expect(pictureOf(again.loop)).toEqual(pictureOf(loop));
    const late = new FakeSink();
    late.subscription = again.loop.topic.subscribe(late);
    expect(late.readAll().toString()).toContain('{"code":"aborted"}');
    expect(again.parts.snapshots.images).toEqual([]);
  });

  test("of a run without a sealed bin writes nothing; of one that has ended is refused; what cannot be written changes nothing", async () => {
    const empty = fakeParts();
    const nothing = await create(empty, {});
    await nothing.abort();
    expect([nothing.state, empty.snapshots.images]).toEqual(["aborted", []]);

    const parts = fakeParts();
    const loop = await create(parts, {});
    parts.logs.refusal = "log_full";
    await expect(loop.abort()).rejects.toMatchObject({ code: "log_full" });
    parts.logs.refusal = null;
    await send(loop, ...whole(0), { type: "end" });
    expect(loop.state).toBe("completed");
    await expect(loop.abort()).rejects.toMatchObject({ code: "run_not_live" });
  });
});
