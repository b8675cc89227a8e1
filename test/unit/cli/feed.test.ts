import { expect, onTestFinished, test } from "vitest";
import {
  Feeder,
  type FeederOptions,
  type FeedItem,
  MAX_BATCH_FRAMES,
  RETRY_FOR_MS,
  type Refusal,
} from "../../../src/cli/feed.ts";
import { EngineClient } from "../../../src/client/client.ts";
import type { IngestAnswer } from "../../../src/protocol/frame.ts";
import { FakeClock } from "../../support/fake-clock.ts";

type Answer = (lines: readonly string[]) => Response | Promise<Response> | Error;

const taken = (lines: readonly string[], more: Partial<IngestAnswer> = {}): Response =>
  Response.json({
    accepted: lines.length,
    duplicates: 0,
    late: 0,
    rejected: 0,
    errors: [],
    sealedBin: -1,
    openBins: 0,
    durable: true,
    ...more,
  });

/** A feeder whose engine answers as the test says, batch after batch; the last answer stands for all that follow. */
function feederOf(answers: readonly Answer[], options: Partial<FeederOptions> = {}) {
  const clock = new FakeClock();
  const batches: (readonly string[])[] = [];
  const refusals: Refusal[] = [];
  const notices: string[] = [];
  const client = new EngineClient({
    baseUrl: "http://engine",
    clock,
    fetch: async (_, init) => {
      const lines = String(init.body).split("\n");
      const answer = answers[Math.min(batches.length, answers.length - 1)]!;
      batches.push(lines);
      const result = await answer(lines);
      if (result instanceof Error) throw result;
      return result;
    },
  });
  let producers = 0;
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const feeder = new Feeder({
    client,
    runId: "run_x",
    clock,
    signal: abort.signal,
    speed: null,
    random: () => 0.5,
    newProducerId: () => `producer-${++producers}`,
    onRefused: (refusal) => refusals.push(refusal),
    onNotice: (text) => notices.push(text),
    onProgress: () => {},
    ...options,
  });
  return { feeder, clock, batches, refusals, notices, abort };
}

async function* frames(count: number, binOf: (index: number) => number = (index) => index): AsyncGenerator<FeedItem> {
  for (let index = 0; index < count; index++)
    yield { label: `line ${index + 1}`, text: `f${index}`, bin: binOf(index) };
}

function lost(): Error {
  const error = new TypeError("fetch failed");
  error.cause = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
  return error;
}

/** Lets everything happen that does not need time. */
async function rest(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("every frame is sent once, in order, in bounded batches", async () => {
  const { feeder, batches } = feederOf([taken]);
  await feeder.feed(frames(3 * MAX_BATCH_FRAMES + 7));
  expect(batches.flat()).toEqual(Array.from({ length: 3 * MAX_BATCH_FRAMES + 7 }, (_, index) => `f${index}`));
  expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(MAX_BATCH_FRAMES);
  expect(feeder.totals.accepted).toBe(3 * MAX_BATCH_FRAMES + 7);
});

test("the source is not read while too much waits", async () => {
  let answer: (() => void) | null = null;
  const { feeder } = feederOf([
    (lines) =>
      new Promise<Response>((resolve) => {
        answer = () => resolve(taken(lines));
      }),
    taken,
  ]);
  let read = 0;
  async function* source(): AsyncGenerator<FeedItem> {
    for await (const item of frames(100_000)) {
      read++;
      yield item;
    }
  }
  const done = feeder.feed(source());
  await rest();
  const held = read;
  expect(held).toBeLessThan(20_000);
  await rest();
  expect(read).toBe(held);
  answer!();
  await done;
  expect(feeder.totals.accepted).toBe(100_000);
});

test("refusals are named by the line of the source", async () => {
  const { feeder, refusals, notices } = feederOf([
    (lines) => {
      // Of f4 the engine says only that it was late.
      const bad = lines.indexOf("f3");
      const late = lines.includes("f4") ? 1 : 0;
      const errors =
        bad < 0 ? [] : [{ line: bad + 1, code: "unknown_node", message: "Node 'x' is not known." } as const];
      return taken(lines, { accepted: lines.length - errors.length - late, rejected: errors.length, late, errors });
    },
  ]);
  async function* source(): AsyncGenerator<FeedItem> {
    yield { refusal: { label: "line 1", code: "malformed", message: "no JSON", text: "{" } };
    for (const line of [2, 3, 4, 5]) yield { label: `line ${line}`, text: `f${line}`, bin: 0 };
  }
  await feeder.feed(source());
  expect(refusals).toEqual([
    { label: "line 1", code: "malformed", message: "no JSON", text: "{" },
    { label: "line 3", code: "unknown_node", message: "Node 'x' is not known.", text: "f3" },
  ]);
  expect(feeder.totals).toMatchObject({ accepted: 2, rejected: 2, late: 1 });
  expect(notices).toEqual(["1 more of these frames were refused; the engine names the first"]);
});

test("a batch of which nothing was taken is an answer too", async () => {
  const { feeder, refusals } = feederOf([
    (lines) => {
      const body = {
        accepted: 0,
        duplicates: 0,
        late: 0,
        rejected: lines.length,
        sealedBin: 3,
        openBins: 0,
        durable: true,
      };
      const errors = lines.map((_, index) => ({ line: index + 1, code: "conflict", message: "already 3" }));
      return Response.json({ ...body, errors }, { status: 409 });
    },
  ]);
  await feeder.feed(frames(2));
  expect(refusals.map((refusal) => refusal.code)).toEqual(["conflict", "conflict"]);
  expect(feeder.totals).toMatchObject({ rejected: 2, sealedBin: 3 });
});

test("a lost engine is waited for, and the same batch sent again", async () => {
  const { feeder, clock, batches, notices } = feederOf([lost, lost, taken]);
  const done = feeder.feed(frames(2));
  for (let turn = 0; turn < 5; turn++) {
    await rest();
    clock.advance(5_000);
  }
  await done;
  expect(batches).toEqual([["f0"], ["f0"], ["f0"], ["f1"]]);
  expect(notices[0]).toContain("cannot reach the engine at http://engine");
  expect(notices[1]).toContain("the engine is back after");
});

test("an engine that comes back elsewhere is found", async () => {
  const elsewhere: string[] = [];
  const clock = new FakeClock();
  const client = new EngineClient({
    baseUrl: "http://other",
    clock,
    fetch: async (url, init) => {
      elsewhere.push(url);
      return taken(String(init.body).split("\n"));
    },
  });
  const { feeder, clock: time } = feederOf([lost], { findAgain: async () => client });
  const done = feeder.feed(frames(1));
  await rest();
  time.advance(5_000);
  await done;
  expect(elsewhere).toEqual(["http://other/v1/runs/run_x/frames"]);
  expect(feeder.client).toBe(client);
});

test("an engine that stays away is given up", async () => {
  const { feeder, clock } = feederOf([lost]);
  const done = feeder.feed(frames(1)).catch((error: unknown) => error);
  for (let waited = 0; waited <= RETRY_FOR_MS + 10_000; waited += 5_000) {
    await rest();
    clock.advance(5_000);
  }
  expect(await done).toMatchObject({ code: "engine_unreachable" });
});

test("what cannot get better is not tried again", async () => {
  const { feeder, batches } = feederOf([
    () => Response.json({ error: "Run 'run_x' not found.", code: "run_not_found" }, { status: 404 }),
  ]);
  await expect(feeder.feed(frames(50_000))).rejects.toMatchObject({ code: "run_not_found" });
  expect(batches).toHaveLength(1);
});

test("a speed paces by bins, whatever the number of frames", async () => {
  const { feeder, clock, batches } = feederOf([taken], { speed: 2 });
  const done = feeder.feed(frames(6, (index) => 10 + Math.floor(index / 2)));
  await rest();
  expect(batches.flat()).toEqual(["f0", "f1"]);
  clock.advance(499);
  await rest();
  expect(batches.flat()).toHaveLength(2);
  clock.advance(1);
  await rest();
  expect(batches.flat()).toEqual(["f0", "f1", "f2", "f3"]);
  clock.advance(500);
  await done;
  expect(batches.flat()).toHaveLength(6);
});

test("a signal ends the feed with what was read", async () => {
  const { feeder, abort, batches } = feederOf([taken], { speed: 1 });
  const done = feeder.feed(frames(10));
  await rest();
  abort.abort();
  await done;
  expect(batches.flat()).toEqual(["f0"]);
});

test("a source that fails ends the feed with its error, after what it gave", async () => {
  const { feeder, batches } = feederOf([taken]);
  async function* source(): AsyncGenerator<FeedItem> {
    yield* frames(2);
    throw new Error("bad row");
  }
  await expect(feeder.feed(source())).rejects.toThrow("bad row");
  expect(batches.flat()).toEqual(["f0", "f1"]);
});

test("the end does not count as a frame, and may be known already", async () => {
  const { feeder, batches } = feederOf([(lines) => taken(lines, { accepted: 0, duplicates: 1, sealedBin: 47 })]);
  await feeder.end();
  expect(batches).toEqual([['{"type":"end"}']]);
  expect(feeder.totals).toEqual({ accepted: 0, duplicates: 0, late: 0, rejected: 0, sealedBin: 47 });
});
