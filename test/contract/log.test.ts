import { describe, expect, test } from "vitest";
import { LogError, type LogErrorCode } from "../../src/log/log-error.ts";
import { MemoryLogStore } from "../../src/log/memory-log.ts";
import { SqliteLogStore } from "../../src/log/sqlite/sqlite-log-store.ts";
import { type ChainMark, type LogStore, MAX_BATCH_BYTES, type TelemetryLog } from "../../src/log/telemetry-log.ts";
import type { RunId } from "../../src/protocol/ids.ts";
import { random, seedsFrom } from "../support/random.ts";
import { tempFolder } from "../support/temp-folder.ts";

const RUN = "run_20250101T000000Z_00000001" as RunId;
const OTHER = "run_20250101T000000Z_00000002" as RunId;
const META = '{"mode":"live","model":"grid:\\n  bins: 3 # é 流"}';

function mark(sealedBin: number): ChainMark {
  return { sealedBin, hash: `${sealedBin + 1}`.padStart(64, "0") };
}

function refusal(action: () => unknown): LogErrorCode | "nothing" {
  try {
    action();
    return "nothing";
  } catch (error) {
    if (error instanceof LogError) return error.code;
    throw error;
  }
}

function recordsOf(log: TelemetryLog, from = 0): string[] {
  return [...log.readFrom(from)].flatMap((chunk) => chunk.records);
}

const adapters: readonly { name: string; store: () => LogStore }[] = [
  { name: "memory", store: () => new MemoryLogStore() },
  { name: "sqlite", store: () => new SqliteLogStore(tempFolder()) },
];

describe.each(adapters)("telemetry log: $name", ({ store: newStore }) => {
  test("a new log is empty and tells its description", () => {
    const log = newStore().create(RUN, META);
    expect(log.runId).toBe(RUN);
    expect(log.meta).toBe(META);
    expect(log.head()).toBe(0);
    expect([...log.readFrom(0)]).toEqual([]);
    log.close();
  });

  test("batches come back in order, with position and mark, from every boundary", () => {
    const log = newStore().create(RUN, META);
    expect(log.append(["a", "b"], mark(-1))).toBe(2);
    expect(log.append(["c"], mark(4))).toBe(3);
    expect(log.append(["d", "e", "f"], mark(5))).toBe(6);
    const all = [
      { first: 0, records: ["a", "b"], mark: mark(-1) },
      { first: 2, records: ["c"], mark: mark(4) },
      { first: 3, records: ["d", "e", "f"], mark: mark(5) },
    ];
    expect([...log.readFrom(0)]).toEqual(all);
    expect([...log.readFrom(2)]).toEqual(all.slice(1));
    expect([...log.readFrom(3)]).toEqual(all.slice(2));
    expect([...log.readFrom(6)]).toEqual([]);
    log.close();
  });

  test("a position that no append returned is refused at once", () => {
    const log = newStore().create(RUN, META);
    log.append(["a", "b"], mark(-1));
    for (const position of [1, 3, -1, 0.5, Number.NaN, 1e15]) {
      expect(
        refusal(() => log.readFrom(position)),
        `position ${position}`,
      ).toBe("no_such_position");
    }
    log.close();
  });

  test("an empty batch writes nothing", () => {
    const log = newStore().create(RUN, META);
    log.append(["a"], mark(-1));
    expect(log.append([], mark(3))).toBe(1);
    expect([...log.readFrom(0)]).toHaveLength(1);
    log.close();
  });

  test("records are kept to the letter", () => {
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
    const log = newStore().create(RUN, META);
    log.append(records, mark(-1));
    log.append([""], mark(-1));
    expect(recordsOf(log)).toEqual([...records, ""]);
    log.close();
  });

  test("a batch with one impossible record is refused whole", () => {
    const log = newStore().create(RUN, META);
    log.append(["a"], mark(-1));
    expect(refusal(() => log.append(["b", "c\nd"], mark(-1)))).toBe("bad_record");
    expect(refusal(() => log.append(["b", "\ud800"], mark(-1)))).toBe("bad_record");
    expect(log.head()).toBe(1);
    expect(log.append(["e"], mark(-1))).toBe(2);
    expect(recordsOf(log)).toEqual(["a", "e"]);
    log.close();
  });

  test("a batch beyond the limit is refused, one below it is kept", () => {
    const log = newStore().create(RUN, META);
    const half = "y".repeat(MAX_BATCH_BYTES / 2);
    expect(refusal(() => log.append([half, half], mark(-1)))).toBe("batch_too_large");
    expect(log.head()).toBe(0);
    expect(log.append([half.slice(1), half], mark(-1))).toBe(2);
    expect(recordsOf(log)[1] === half).toBe(true);
    log.close();
  });

  test("reading sees the head of its beginning, whatever is appended meanwhile", () => {
    const log = newStore().create(RUN, META);
    log.append(["a"], mark(-1));
    log.append(["b"], mark(-1));
    const seen: string[] = [];
    for (const chunk of log.readFrom(0)) {
      seen.push(...chunk.records);
      log.append([`after ${chunk.records[0]}`], mark(-1));
    }
    expect(seen).toEqual(["a", "b"]);
    expect(recordsOf(log)).toEqual(["a", "b", "after a", "after b"]);
    log.close();
  });

  test("a closed log refuses everything but a second close, and can be opened again", () => {
    const store = newStore();
    const log = store.create(RUN, META);
    log.append(["a"], mark(-1));
    log.append(["b"], mark(0));
    const reading = log.readFrom(0)[Symbol.iterator]();
    reading.next();
    log.close();
    log.close();
    expect(refusal(() => log.append(["c"], mark(0)))).toBe("log_closed");
    expect(refusal(() => log.readFrom(0))).toBe("log_closed");
    expect(refusal(() => reading.next())).toBe("log_closed");

    const again = store.open(RUN);
    expect(again.meta).toBe(META);
    expect(again.head()).toBe(2);
    expect(again.append(["c"], mark(1))).toBe(3);
    expect(recordsOf(again)).toEqual(["a", "b", "c"]);
    again.close();
  });

  test("one owner at a time", () => {
    const store = newStore();
    const log = store.create(RUN, META);
    expect(refusal(() => store.open(RUN))).toBe("log_locked");
    log.append(["a"], mark(-1));
    log.close();
    store.open(RUN).close();
  });

  test("a store lists, knows and refuses by run id", () => {
    const store = newStore();
    expect(store.list()).toEqual([]);
    expect(refusal(() => store.open(RUN))).toBe("log_not_found");
    store.create(OTHER, "{}").close();
    store.create(RUN, META).close();
    expect(store.list()).toEqual([RUN, OTHER]);
    expect(store.exists(RUN)).toBe(true);
    expect(store.exists("run_none" as RunId)).toBe(false);
    expect(refusal(() => store.create(RUN, "{}"))).toBe("log_exists");
    expect(store.open(RUN).meta).toBe(META);
  });

  test("logs of several runs do not touch each other", () => {
    const store = newStore();
    const [one, two] = [store.create(RUN, META), store.create(OTHER, META)];
    one.append(["1"], mark(-1));
    two.append(["2", "2"], mark(-1));
    one.append(["1"], mark(-1));
    expect(recordsOf(one)).toEqual(["1", "1"]);
    expect(recordsOf(two)).toEqual(["2", "2"]);
    one.close();
    two.close();
  });
});

describe("telemetry log: both adapters on the same history", () => {
  for (const seed of seedsFrom("LOG_SEED", 4)) {
    test(`agree, seed ${seed} (LOG_SEED=${seed})`, () => {
      const chance = random(seed);
      const stores = adapters.map(({ store }) => store());
      let logs = stores.map((store) => store.create(RUN, META));
      for (let step = 0; step < 200; step++) {
        if (chance.chance(0.05)) {
          for (const log of logs) log.close();
          logs = stores.map((store) => store.open(RUN));
        }
        const batch = Array.from({ length: chance.below(5) }, () =>
          "z".repeat(chance.below(chance.pick([3, 100, 40_000]))),
        );
        if (chance.chance(0.1)) batch.push("bad\n");
        const answers = logs.map((log) => {
          try {
            return log.append(batch, mark(step));
          } catch (error) {
            return (error as LogError).code;
          }
        });
        expect(answers[1]).toEqual(answers[0]);
      }
      const [memory, sqlite] = logs.map((log) => [...log.readFrom(0)]);
      expect(sqlite).toEqual(memory);
      for (const { first } of memory!.slice(-5)) {
        expect(recordsOf(logs[1]!, first)).toEqual(recordsOf(logs[0]!, first));
      }
      for (const log of logs) log.close();
    });
  }
});
