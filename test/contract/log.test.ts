import { describe, expect, onTestFinished, test } from "vitest";
import { LocalLogStore } from "../../src/log/local-log-store.ts";
import { LogError, type LogErrorCode } from "../../src/log/log-error.ts";
import { MemoryLogStore } from "../../src/log/memory-log.ts";
import { SqliteLogStore } from "../../src/log/sqlite/sqlite-log-store.ts";
import {
  type ChainMark,
  type LogChunk,
  type LogStore,
  MAX_BATCH_BYTES,
  MAX_PRODUCERS,
  type ProducerState,
  type TelemetryLog,
} from "../../src/log/telemetry-log.ts";
import { WorkerLogStore } from "../../src/log/worker/worker-log-store.ts";
import type { RunId } from "../../src/protocol/ids.ts";
import { random, seedsFrom } from "../support/random.ts";
import { tempFolder } from "../support/temp-folder.ts";

const RUN = "run_20250101T000000Z_00000001" as RunId;
const OTHER = "run_20250101T000000Z_00000002" as RunId;
const META = '{"mode":"live","model":"grid:\\n  bins: 3 # é 流"}';

function mark(sealedBin: number): ChainMark {
  return { sealedBin, hash: `${sealedBin + 1}`.padStart(64, "0") };
}

async function refusal(action: Promise<unknown>): Promise<LogErrorCode | "nothing"> {
  try {
    await action;
    return "nothing";
  } catch (error) {
    if (error instanceof LogError) return error.code;
    throw error;
  }
}

async function chunksOf(log: TelemetryLog, from = 0): Promise<LogChunk[]> {
  const chunks: LogChunk[] = [];
  for await (const chunk of log.readFrom(from)) chunks.push(chunk);
  return chunks;
}

const producer = (id: string, seq: number, epoch = 0): ProducerState => ({ id, epoch, seq, memo: `{"of":${seq}}` });

async function recordsOf(log: TelemetryLog, from = 0): Promise<string[]> {
  return (await chunksOf(log, from)).flatMap((chunk) => chunk.records);
}

function closedAfterwards(store: LogStore): LogStore {
  onTestFinished(() => store.close());
  return store;
}

const adapters: readonly { name: string; store: () => LogStore }[] = [
  { name: "memory", store: () => new LocalLogStore(new MemoryLogStore()) },
  { name: "sqlite", store: () => new LocalLogStore(new SqliteLogStore(tempFolder())) },
  { name: "sqlite in a thread", store: () => closedAfterwards(new WorkerLogStore(tempFolder())) },
];

describe.each(adapters)("telemetry log: $name", ({ store: newStore }) => {
  test("a new log is empty and tells its description", async () => {
    const log = await newStore().create(RUN, META);
    expect(log.runId).toBe(RUN);
    expect(log.meta).toBe(META);
    expect(log.head()).toBe(0);
    expect(await chunksOf(log, 0)).toEqual([]);
    await log.close();
  });

  test("batches come back in order, with position and mark, from every boundary", async () => {
    const log = await newStore().create(RUN, META);
    expect(await log.append(["a", "b"], mark(-1))).toBe(2);
    expect(await log.append(["c"], mark(4))).toBe(3);
    expect(await log.append(["d", "e", "f"], mark(5))).toBe(6);
    const all = [
      { first: 0, records: ["a", "b"], mark: mark(-1) },
      { first: 2, records: ["c"], mark: mark(4) },
      { first: 3, records: ["d", "e", "f"], mark: mark(5) },
    ];
    expect(await chunksOf(log, 0)).toEqual(all);
    expect(await chunksOf(log, 2)).toEqual(all.slice(1));
    expect(await chunksOf(log, 3)).toEqual(all.slice(2));
    expect(await chunksOf(log, 6)).toEqual([]);
    await log.close();
  });

  test("a position that no append returned is refused (class 12)", async () => {
    const log = await newStore().create(RUN, META);
    await log.append(["a", "b"], mark(-1));
    for (const position of [1, 3, -1, 0.5, Number.NaN, 1e15]) {
      expect(await refusal(chunksOf(log, position)), `position ${position}`).toBe("no_such_position");
    }
    await log.close();
  });

  test("an empty batch writes nothing", async () => {
    const log = await newStore().create(RUN, META);
    await log.append(["a"], mark(-1));
    expect(await log.append([], mark(3))).toBe(1);
    expect(await chunksOf(log, 0)).toHaveLength(1);
    await log.close();
  });

  test("records are kept to the letter", async () => {
    const records = [
      "",
      " ",
      "\r",
      "\u0000",
      "\ufeff{}",
      "é",
      "流量",
      "👩‍🔧",
      '{"a":"\\n"}',
      "\u2028",
      "x".repeat(1_000_000),
    ];
    const log = await newStore().create(RUN, META);
    await log.append(records, mark(-1));
    await log.append([""], mark(-1));
    expect(await recordsOf(log)).toEqual([...records, ""]);
    await log.close();
  });

  test("a batch with one impossible record is refused whole", async () => {
    const log = await newStore().create(RUN, META);
    await log.append(["a"], mark(-1));
    expect(await refusal(log.append(["b", "c\nd"], mark(-1)))).toBe("bad_record");
    expect(await refusal(log.append(["b", "\ud800"], mark(-1)))).toBe("bad_record");
    expect(log.head()).toBe(1);
    expect(await log.append(["e"], mark(-1))).toBe(2);
    expect(await recordsOf(log)).toEqual(["a", "e"]);
    await log.close();
  });

  test("a batch beyond the limit is refused, one below it is kept", async () => {
    const log = await newStore().create(RUN, META);
    const half = "y".repeat(MAX_BATCH_BYTES / 2);
    expect(await refusal(log.append([half, half], mark(-1)))).toBe("batch_too_large");
    expect(log.head()).toBe(0);
    expect(await log.append([half.slice(1), half], mark(-1))).toBe(2);
    expect((await recordsOf(log))[1] === half).toBe(true);
    await log.close();
  });

  test("reading sees the head of its beginning, whatever is appended meanwhile", async () => {
    const log = await newStore().create(RUN, META);
    await log.append(["a"], mark(-1));
    await log.append(["b"], mark(-1));
    const seen: string[] = [];
    for await (const chunk of log.readFrom(0)) {
      seen.push(...chunk.records);
      await log.append([`after ${chunk.records[0]}`], mark(-1));
    }
    expect(seen).toEqual(["a", "b"]);
    expect(await recordsOf(log)).toEqual(["a", "b", "after a", "after b"]);
    await log.close();
  });

  test("a closed log refuses everything but a second close, and can be opened again", async () => {
    const store = newStore();
    const log = await store.create(RUN, META);
    await log.append(["a"], mark(-1));
    await log.append(["b"], mark(0));
    const reading = log.readFrom(0)[Symbol.asyncIterator]();
    await reading.next();
    await log.close();
    await log.close();
    expect(await refusal(log.append(["c"], mark(0)))).toBe("log_closed");
    expect(await refusal(chunksOf(log, 0))).toBe("log_closed");
    expect(await refusal(reading.next())).toBe("log_closed");

    const again = await store.open(RUN);
    expect(again.meta).toBe(META);
    expect(again.head()).toBe(2);
    expect(await again.append(["c"], mark(1))).toBe(3);
    expect(await recordsOf(again)).toEqual(["a", "b", "c"]);
    await again.close();
  });

  test("one owner at a time (class 2)", async () => {
    const store = newStore();
    const log = await store.create(RUN, META);
    expect(await refusal(store.open(RUN))).toBe("log_locked");
    await log.append(["a"], mark(-1));
    await log.close();
    await (await store.open(RUN)).close();
  });

  test("a store lists, knows and refuses by run id", async () => {
    const store = newStore();
    expect(await store.list()).toEqual([]);
    expect(await refusal(store.open(RUN))).toBe("log_not_found");
    await (await store.create(OTHER, "{}")).close();
    await (await store.create(RUN, META)).close();
    expect(await store.list()).toEqual([RUN, OTHER]);
    expect(await store.exists(RUN)).toBe(true);
    expect(await store.exists("run_none" as RunId)).toBe(false);
    expect(await refusal(store.create(RUN, "{}"))).toBe("log_exists");
    expect((await store.open(RUN)).meta).toBe(META);
  });

  test("logs of several runs do not touch each other", async () => {
    const store = newStore();
    const [one, two] = [await store.create(RUN, META), await store.create(OTHER, META)];
    await one.append(["1"], mark(-1), [producer("p", 0)]);
    await two.append(["2", "2"], mark(-1));
    await one.append(["1"], mark(-1));
    expect(await recordsOf(one)).toEqual(["1", "1"]);
    expect(await recordsOf(two)).toEqual(["2", "2"]);
    expect([one.producers().length, two.producers().length]).toEqual([1, 0]);
    await one.close();
    await two.close();
  });

  test("appends that nobody waits for are written in order, and seen only when they are durable", async () => {
    const store = newStore();
    const log = await store.create(RUN, META);
    const answers = Array.from({ length: 20 }, (_, index) => log.append([`${index}`], mark(index)));
    const closing = log.close();
    expect(await Promise.all(answers)).toEqual(answers.map((_, index) => index + 1));
    await closing;
    const again = await store.open(RUN);
    expect(await recordsOf(again)).toEqual(answers.map((_, index) => `${index}`));
    await again.close();
  });

  test("producers are kept with the batch that moved them, and without one", async () => {
    const store = newStore();
    const log = await store.create(RUN, META);
    expect(log.producers()).toEqual([]);
    await log.append(["a"], mark(-1), [producer("p", 0), producer("流 q", 7, 3)]);
    expect(await log.append([], mark(-1), [producer("p", 1)])).toBe(1);
    const expected = [producer("流 q", 7, 3), producer("p", 1)];
    expect(log.producers(), "the one heard last is the last").toEqual(expected);
    expect(await chunksOf(log)).toHaveLength(1);
    await log.close();
    const again = await store.open(RUN);
    expect(again.producers()).toEqual(expected);
    await again.append([], mark(-1), [producer("流 q", 8, 3)]);
    await again.close();
    expect((await store.open(RUN)).producers()).toEqual([producer("p", 1), producer("流 q", 8, 3)]);
  });

  test("producers of a batch that is refused are not moved", async () => {
    const log = await newStore().create(RUN, META);
    await log.append(["a"], mark(-1), [producer("p", 0)]);
    expect(await refusal(log.append(["b\n"], mark(-1), [producer("p", 1)]))).toBe("bad_record");
    expect(log.producers()).toEqual([producer("p", 0)]);
    await log.close();
  });

  test("of too many producers the one heard longest ago is forgotten", async () => {
    const store = newStore();
    const log = await store.create(RUN, META);
    const all = Array.from({ length: MAX_PRODUCERS }, (_, index) => producer(`p${index}`, 0));
    await log.append([], mark(-1), all);
    await log.append([], mark(-1), [producer("p0", 1), producer("new", 0)]);
    const kept = [...all.slice(2), producer("p0", 1), producer("new", 0)];
    expect(log.producers()).toEqual(kept);
    await log.close();
    expect((await store.open(RUN)).producers()).toEqual(kept);
  });

  test("what is dropped is gone, what follows keeps its positions, and its space is given back", async () => {
    const store = newStore();
    const log = await store.create(RUN, META);
    for (let batch = 0; batch < 40; batch++) await log.append(["x".repeat(50_000), `${batch}`], mark(batch));
    const full = await log.bytes();
    expect(full).toBeGreaterThan(2_000_000);
    await log.dropBefore(0);
    expect(log.start()).toBe(0);
    await log.dropBefore(60);
    expect([log.start(), log.head()]).toEqual([60, 80]);
    expect(await log.bytes()).toBeLessThan(full / 3);
    expect((await chunksOf(log, 60)).map(({ first, records }) => [first, records[1]])).toEqual(
      Array.from({ length: 10 }, (_, index) => [60 + 2 * index, `${30 + index}`]),
    );
    for (const position of [0, 58]) {
      expect(await refusal(chunksOf(log, position))).toBe("position_dropped");
      expect(await refusal(log.dropBefore(position))).toBe("position_dropped");
    }
    expect(await refusal(log.dropBefore(61))).toBe("no_such_position");
    expect(await log.append(["after"], mark(40))).toBe(81);
    await log.close();

    const again = await store.open(RUN);
    expect([again.start(), again.head()]).toEqual([60, 81]);
    expect(await recordsOf(again, 80)).toEqual(["after"]);
    await again.dropBefore(81);
    expect(await chunksOf(again, 81)).toEqual([]);
    await again.close();
    const empty = await store.open(RUN);
    expect([empty.start(), empty.head()]).toEqual([81, 81]);
    expect(await empty.append(["b"], mark(40))).toBe(82);
    await empty.close();
  });
});

describe("telemetry log: all adapters on the same history", () => {
  for (const seed of seedsFrom("LOG_SEED", 4)) {
    test(`agree, seed ${seed} (LOG_SEED=${seed})`, async () => {
      const chance = random(seed);
      const stores = adapters.map(({ store }) => store());
      let logs = await Promise.all(stores.map((store) => store.create(RUN, META)));
      const boundaries = [0];
      for (let step = 0; step < 200; step++) {
        if (chance.chance(0.05)) {
          for (const log of logs) await log.close();
          logs = await Promise.all(stores.map((store) => store.open(RUN)));
        }
        if (chance.chance(0.03)) {
          const position = chance.pick(boundaries);
          for (const log of logs) await log.dropBefore(position);
          while (boundaries[0]! < position) boundaries.shift();
        }
        const batch = Array.from({ length: chance.below(5) }, () =>
          "z".repeat(chance.below(chance.pick([3, 100, 40_000]))),
        );
        if (chance.chance(0.1)) batch.push("bad\n");
        const producers = chance.chance(0.3) ? [producer(`p${chance.below(4)}`, step)] : [];
        const answers = await Promise.all(
          logs.map((log) => log.append(batch, mark(step), producers).catch((error: LogError) => error.code)),
        );
        for (const answer of answers) expect(answer).toEqual(answers[0]);
        const [head] = answers;
        if (typeof head === "number" && head !== boundaries.at(-1)) boundaries.push(head);
      }
      const [memory, ...others] = await Promise.all(logs.map((log) => chunksOf(log, log.start())));
      for (const other of others) expect(other).toEqual(memory);
      for (const log of logs) expect(log.producers()).toEqual(logs[0]!.producers());
      for (const { first } of memory!.slice(-5)) {
        for (const log of logs) expect(await recordsOf(log, first)).toEqual(await recordsOf(logs[0]!, first));
      }
      for (const log of logs) await log.close();
    });
  }
});
