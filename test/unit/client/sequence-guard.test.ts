import { describe, expect, test } from "vitest";
import { SequenceGuard } from "../../../src/client/sequence-guard.ts";
import type { RunEvent } from "../../../src/protocol/run-event.ts";
import { FakeRun } from "../../support/fake-engine.ts";

const runId = "run_a";
const hello = (epoch: string): RunEvent => {
  const run = new FakeRun({ runId, nodes: [], epoch });
  return { event: "hello", data: run.hello() };
};
const bin = (epoch: string, seq: number, of = runId): RunEvent => ({
  event: "bin",
  data: { ...new FakeRun({ runId: of, nodes: [], epoch }).seal([]), seq },
});
const checkpoint = (seq: number): RunEvent => ({
  event: "checkpoint",
  data: { seq, snapshotRunId: "run_s", sealedBin: 1, path: "/s" },
});
const reset: RunEvent = { event: "reset", data: { reason: "epoch" } };
const begin = (epoch: string, seq: number, pages: number): RunEvent => ({
  event: "snapshot-begin",
  data: { runId, epoch, seq, sealedBin: 1, pages, hash: "h" },
});
const page = (at: number): RunEvent => ({ event: "snapshot-page", data: { page: at, bins: [] } });
const end = (epoch: string, seq: number): RunEvent => ({
  event: "snapshot-end",
  data: { epoch, seq, sealedBin: 1, hash: "h", warnings: [] },
});

type Case = readonly [string, { epoch: string; seq: number } | null, readonly RunEvent[], string];
const CASES: readonly Case[] = [
  [
    "a fresh subscriber takes snapshot and bins",
    null,
    [hello("e"), begin("e", 4, 1), page(0), end("e", 4), bin("e", 5)],
    "ttttt",
  ],
  ["a fresh subscriber of an empty run takes the first bin", null, [hello("e"), bin("e", 1), bin("e", 2)], "ttt"],
  ["a resumed one goes on behind its cursor", { epoch: "e", seq: 3 }, [hello("e"), bin("e", 4), checkpoint(5)], "ttt"],
  ["repeats are left out", { epoch: "e", seq: 3 }, [hello("e"), bin("e", 3), bin("e", 4), bin("e", 4)], "trtr"],
  ["a hole is a fault", { epoch: "e", seq: 3 }, [hello("e"), bin("e", 5)], "tf"],
  ["a hole behind a checkpoint is one too", { epoch: "e", seq: 3 }, [hello("e"), checkpoint(4), bin("e", 6)], "ttf"],
  ["another epoch without a reset is a fault", { epoch: "old", seq: 3 }, [hello("e"), bin("e", 4)], "tf"],
  ["a foreign epoch in the middle is a fault", { epoch: "e", seq: 3 }, [hello("e"), bin("x", 4)], "tf"],
  [
    "another epoch after a reset is not",
    { epoch: "old", seq: 3 },
    [hello("e"), reset, begin("e", 9, 0), end("e", 9), bin("e", 10)],
    "ttttt",
  ],
  ["bins between reset and snapshot are a fault", { epoch: "e", seq: 3 }, [hello("e"), reset, bin("e", 4)], "ttf"],
  ["bins inside a snapshot are a fault", null, [hello("e"), begin("e", 4, 1), bin("e", 5)], "ttf"],
  ["a snapshot that lacks a page is a fault", null, [hello("e"), begin("e", 4, 2), page(0), end("e", 4)], "tttf"],
  ["a page too many is a fault", null, [hello("e"), begin("e", 4, 0), page(0)], "ttf"],
  ["an end without a beginning is a fault", null, [hello("e"), end("e", 4)], "tf"],
  ["a page without a beginning is a fault", null, [hello("e"), page(0)], "tf"],
  ["an end of something else is a fault", null, [hello("e"), begin("e", 4, 0), end("e", 5)], "ttf"],
  ["anything before hello is a fault", null, [bin("e", 1)], "f"],
  ["bye may come at once", null, [{ event: "bye", data: { code: "draining" } }], "t"],
  ["another run is a fault", null, [hello("e"), bin("e", 1, "run_b")], "tf"],
];

describe("judging events in order", () => {
  for (const [name, cursor, events, expected] of CASES) {
    test(name, () => {
      const guard = new SequenceGuard(runId, cursor);
      expect(events.map((event) => guard.judge(event).kind[0]).join("")).toBe(expected);
    });
  }
});

test("the cursor moves at the end of a snapshot, not within", () => {
  const guard = new SequenceGuard(runId, { epoch: "old", seq: 3 });
  for (const event of [hello("e"), reset, begin("e", 9, 1), page(0)]) guard.judge(event);
  expect(guard.cursor).toEqual({ epoch: "old", seq: 3 });
  guard.judge(end("e", 9));
  expect(guard.cursor).toEqual({ epoch: "e", seq: 9 });
});

test("an id alone moves it forward, never back, never to another epoch", () => {
  const guard = new SequenceGuard(runId, { epoch: "e", seq: 3 });
  expect(guard.judgeId({ epoch: "e", seq: 4 }).kind).toBe("fault");
  guard.judge(hello("e"));
  expect(guard.judgeId({ epoch: "e", seq: 6 }).kind).toBe("take");
  expect(guard.judgeId({ epoch: "e", seq: 5 }).kind).toBe("repeat");
  expect(guard.judgeId({ epoch: "x", seq: 9 }).kind).toBe("fault");
  expect(guard.judge(bin("e", 7)).kind).toBe("take");
});
