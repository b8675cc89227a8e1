import { describe, expect, test } from "vitest";
import { Hub, RunTopic, type TopicRequest } from "../../../src/hub/hub.ts";
import type { HubLimits } from "../../../src/hub/limits.ts";
import { CountedRun } from "../../support/counted-run.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeSink } from "../../support/fake-sink.ts";
import { StreamFold } from "../../support/stream-fold.ts";

const LIMITS: Partial<HubLimits> = { replayEvents: 8, unsentBytes: 3_000, heartbeatMs: 5_000, slowCloseMs: 30_000 };

function setUp(limits: Partial<HubLimits> = {}) {
  const clock = new FakeClock();
  const run = new CountedRun();
  const problems: unknown[] = [];
  const topic = new RunTopic(run, {
    clock,
    random: () => 0.5,
    onProblem: (error) => problems.push(error),
    limits: { ...LIMITS, ...limits },
  });
  run.topic = topic;
  return { clock, run, topic, problems };
}

function connect(topic: RunTopic, request: TopicRequest = {}, highWater = 1_000) {
  const sink = new FakeSink(highWater);
  const fold = new StreamFold();
  fold.connect({ isResuming: Boolean(request.lastEventId) || request.from === "now" });
  sink.subscription = topic.subscribe(sink, request);
  return { sink, fold, subscription: sink.subscription, read: () => fold.take(sink.readAll()) };
}

function seal(run: CountedRun, bins: number): void {
  for (let bin = 0; bin < bins; bin++) run.seal();
}

describe("a subscriber without a cursor", () => {
  test("gets hello and a snapshot, then every event", () => {
    const { run, topic } = setUp();
    seal(run, 20);
    const { fold, read, subscription } = connect(topic);
    read();
    expect(fold.names).toEqual([
      "hello",
      "snapshot-begin",
      "snapshot-page",
      "snapshot-page",
      "snapshot-page",
      "snapshot-end",
    ]);
    expect(fold.seq).toBe(20);
    expect(fold.state).toBe(run.stateAt(20));
    run.seal();
    run.checkpoint();
    read();
    expect(fold.names.slice(6)).toEqual(["bin", "checkpoint"]);
    expect(fold.state).toBe(run.stateAt(22));
    expect(subscription).toMatchObject({ state: "live", position: 22 });
  });

  test("before the first event gets an empty snapshot with a cursor that resumes", () => {
    const { run, topic } = setUp();
    const first = connect(topic);
    first.read();
    expect(first.fold.lastEventId).toBe("E1.0");
    first.subscription.closed();
    seal(run, 3);
    const second = connect(topic, { lastEventId: "E1.0" });
    second.read();
    expect(second.fold.names).toEqual(["hello", "bin", "bin", "bin"]);
    expect(topic.counters.resumed).toBe(1);
  });

  test("asking for now gets hello and what comes", () => {
    const { run, topic } = setUp();
    seal(run, 20);
    const { fold, read } = connect(topic, { from: "now" });
    run.seal();
    read();
    expect(fold.names).toEqual(["hello", "bin"]);
    expect(fold.seq).toBe(21);
  });
});

describe("a cursor", () => {
  test.each([
    ["the newest", "E1.20", 0, []],
    ["just before the oldest retained", "E1.12", 8, []],
    ["evicted by one", "E1.11", 0, ["evicted"]],
    ["the future", "E1.21", 0, ["ahead"]],
    ["another epoch", "E0.20", 0, ["epoch"]],
    ["garbage", "nonsense", 0, ["epoch"]],
  ] as const)("of %s", (_name, lastEventId, bins, resets) => {
    const { run, topic } = setUp();
    seal(run, 20);
    const { sink, fold } = connect(topic, { lastEventId });
    fold.take(sink.readAll());
    expect(fold.bins).toBe(bins);
    expect(fold.resets).toEqual(resets);
    expect(topic.counters.resumed).toBe(resets.length === 0 ? 1 : 0);
    for (const reason of resets) {
      expect(topic.counters.resets[reason]).toBe(1);
      expect(fold.state).toBe(run.stateAt(20));
    }
  });

  test("of a topic that begins in the middle of its run: only the newest resumes", () => {
    const run = new CountedRun();
    seal(run, 50);
    const topic = new RunTopic(run, { clock: new FakeClock(), onProblem: () => {} });
    run.topic = topic;
    const [newest, older] = [connect(topic, { lastEventId: "E1.50" }), connect(topic, { lastEventId: "E1.49" })];
    run.seal();
    newest.read();
    older.read();
    expect(newest.fold.names).toEqual(["hello", "bin"]);
    expect(older.fold.resets).toEqual(["evicted"]);
    expect(older.fold.state).toBe(run.stateAt(51));
  });
});

describe("a subscriber far behind", () => {
  test("is written history at the pace of its socket, not all at once", () => {
    const { run, topic } = setUp({ replayEvents: 1_000 });
    seal(run, 500);
    const { sink, fold, read } = connect(topic, { lastEventId: "E1.0" });
    expect(sink.unsentBytes).toBeLessThan(1_000 + 1_000);
    read();
    expect(sink.maxUnsentBytes).toBeLessThan(1_000 + 1_000);
    expect(fold.bins).toBe(500);
    expect(topic.counters.fellBehind).toBe(0);
  });

  test("may take its time, as long as it drains now and then", () => {
    const { clock, run, topic } = setUp({ replayEvents: 1_000 });
    seal(run, 200);
    const { sink, fold, subscription } = connect(topic, { lastEventId: "E1.0" });
    while (fold.bins < 200) {
      clock.advance(29_000);
      fold.take(sink.read());
    }
    expect(subscription.state).toBe("live");
  });
});

describe("a slow subscriber", () => {
  test("is written nothing beyond its budget, and goes on from the window when it drains in time", () => {
    const { run, topic } = setUp({ replayEvents: 1_000 });
    const slow = connect(topic);
    slow.read();
    seal(run, 100);
    expect(slow.subscription.state).toBe("catching-up");
    expect(slow.sink.maxUnsentBytes).toBeLessThan(3_000 + 1_000);
    const { writes } = slow.sink;
    seal(run, 100);
    expect(slow.sink.writes).toBe(writes);
    slow.read();
    expect(slow.fold.names).not.toContain("reset");
    expect(slow.fold.bins).toBe(200);
    expect(slow.fold.state).toBe(run.stateAt(200));
    expect(slow.subscription.state).toBe("live");
    expect(topic.counters).toMatchObject({ fellBehind: 1, closedSlow: 0 });
  });

  test("is told so and given a snapshot when the window has moved on", () => {
    const { run, topic } = setUp();
    const slow = connect(topic);
    slow.read();
    seal(run, 100);
    slow.read();
    expect(slow.fold.resets).toEqual(["slow"]);
    expect(slow.fold.state).toBe(run.stateAt(100));
    run.seal();
    slow.read();
    expect(slow.fold.state).toBe(run.stateAt(101));
  });

  test("is closed with bye when it does not drain, and its socket let go", () => {
    const { clock, run, topic } = setUp();
    const slow = connect(topic);
    slow.read();
    seal(run, 100);
    clock.advance(29_999);
    expect(slow.subscription.state).toBe("catching-up");
    clock.advance(1);
    expect(slow.subscription.state).toBe("closed");
    expect(slow.sink).toMatchObject({ isEnded: true, isDestroyed: false });
    expect(topic.subscriberCount).toBe(0);
    clock.advance(5_000);
    expect(slow.sink.isDestroyed).toBe(true);
    expect(clock.pending).toBe(0);
    slow.read();
    expect(slow.fold.bye).toBe("slow");
    expect(topic.counters.closedSlow).toBe(1);

    const again = connect(topic, { lastEventId: slow.fold.lastEventId });
    again.read();
    expect(again.fold.state).toBe(run.stateAt(100));
  });

  test("that drains again and again, never in time for the window, is not sent snapshots for ever", () => {
    const { run, topic } = setUp({ slowResets: 3, replayEvents: 1 });
    seal(run, 20);
    const slow = connect(topic, {}, 200);
    for (let step = 0; step < 100 && slow.subscription.state !== "closed"; step++) {
      seal(run, 3);
      slow.fold.take(slow.sink.read());
    }
    slow.read();
    expect(slow.fold.resets).toEqual(["slow", "slow", "slow"]);
    expect(slow.fold.bye).toBe("slow");
  });

  test("does not keep events from the others", () => {
    const { run, topic } = setUp();
    const [slow, quick] = [connect(topic), connect(topic)];
    for (let bin = 0; bin < 200; bin++) {
      run.seal();
      quick.read();
      expect(quick.fold.state).toBe(run.stateAt(bin + 1));
    }
    expect(slow.subscription.state).toBe("catching-up");
    expect(quick.fold.names).not.toContain("reset");
  });
});

describe("heartbeats", () => {
  test("keep cursor and connection of a quiet stream alive, for as long as somebody listens", () => {
    const { clock, run, topic } = setUp();
    seal(run, 3);
    const { fold, read, subscription } = connect(topic, { from: "now" });
    for (let beat = 1; beat <= 720; beat++) {
      clock.advance(5_000);
      read();
    }
    expect(fold.names).toEqual(["hello", ...Array.from({ length: 720 }, () => "progress")]);
    expect(fold.lastEventId).toBe("E1.3");
    subscription.closed();
    expect(clock.pending).toBe(0);
    const resumed = connect(topic, { lastEventId: fold.lastEventId });
    resumed.read();
    expect(resumed.fold.names).toEqual(["hello"]);
  });

  test("do not fill a socket that nobody reads", () => {
    const { clock, topic } = setUp({ heartbeatMs: 1 });
    const { sink } = connect(topic);
    clock.advance(1_000);
    expect(sink.unsentBytes).toBeLessThan(3_000 + 200);
  });
});

describe("the end of a stream", () => {
  test("completed is said after the last event, to the quick, the slow and the late", () => {
    const { run, topic, clock } = setUp({ replayEvents: 1_000 });
    const [quick, slow] = [connect(topic), connect(topic)];
    quick.read();
    slow.read();
    seal(run, 100);
    quick.read();
    run.checkpoint();
    topic.end({ code: "completed" });
    quick.read();
    expect(slow.fold.bye).toBeNull();
    slow.read();
    const late = connect(topic);
    late.read();
    const resumed = connect(topic, { lastEventId: "E1.50" });
    resumed.read();
    for (const { fold, sink } of [quick, slow, late]) {
      expect(fold.bye).toBe("completed");
      expect(fold.state).toBe(run.stateAt(101));
      expect(sink.isEnded).toBe(true);
    }
    expect(resumed.fold.names.at(-1)).toBe("bye");
    expect(resumed.fold.bins).toBe(50);
    for (const { subscription } of [quick, slow, late, resumed]) subscription.closed();
    expect(topic.subscriberCount).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("draining is said at once, and a cursor outlives it", () => {
    const { run, topic } = setUp();
    const [quick, slow] = [connect(topic), connect(topic)];
    quick.read();
    seal(run, 5);
    topic.end({ code: "draining" });
    expect(topic.subscriberCount).toBe(0);
    slow.fold.take(slow.sink.read());
    quick.read();
    expect([quick.fold.bye, slow.fold.bye]).toEqual(["draining", "draining"]);
  });

  test("a checkpoint after completion is published all the same", () => {
    const { run, topic } = setUp();
    run.seal();
    topic.end({ code: "completed" });
    run.checkpoint();
    const { fold, read } = connect(topic, { lastEventId: "E1.1" });
    read();
    expect(fold.names).toEqual(["hello", "checkpoint", "bye"]);
  });

  test("a failure carries its message", () => {
    const { topic } = setUp();
    topic.end({ code: "failed", message: "disk on fire" });
    const { sink } = connect(topic);
    expect(sink.read().toString()).toContain('event: bye\ndata: {"code":"failed","message":"disk on fire"}');
  });
});

describe("filters", () => {
  test("leave the numbering alone: what is filtered out moves the cursor", () => {
    const { run, topic } = setUp({ replayEvents: 1_000 });
    const filter = { nodes: new Set(["elsewhere"]), classes: null, onlyWarnings: false };
    const { fold, read } = connect(topic, { from: "now", filter });
    seal(run, 100);
    run.checkpoint();
    read();
    expect(fold.seq).toBe(101);
    expect(fold.ids).toBeGreaterThan(0);
    expect(fold.ids + fold.names.length - 1).toBe(101);
    const resumed = connect(topic, { lastEventId: "E1.40", filter });
    resumed.read();
    expect(resumed.fold.seq).toBe(101);
    expect(resumed.fold.ids + resumed.fold.names.length - 1).toBe(61);
  });

  test("share one encoding of each event", () => {
    const { run, topic } = setUp();
    const written = [0, 1].map(() => {
      const chunks: Buffer[] = [];
      const sink = { write: (bytes: Buffer) => chunks.push(bytes) > 0, unsentBytes: 0, end() {}, destroy() {} };
      topic.subscribe(sink, {
        from: "now",
        filter: { nodes: new Set(["n0", "n1"]), classes: null, onlyWarnings: false },
      });
      return chunks;
    });
    run.seal();
    expect(written[0]!.at(-1)!.toString()).toContain("event: bin");
    expect(written[0]!.at(-1)).toBe(written[1]!.at(-1));
  });
});

describe("a run that cannot give its state", () => {
  test("costs the subscriber that asked, and nobody else", () => {
    const { run, topic, problems } = setUp();
    const healthy = connect(topic);
    healthy.read();
    run.isBroken = true;
    const { sink, subscription } = connect(topic);
    expect(subscription.state).toBe("closed");
    expect(sink.isDestroyed).toBe(true);
    expect(problems).toMatchObject([{ message: "the run has no state to give" }]);
    run.seal();
    healthy.read();
    expect(healthy.fold.state).toBe(run.stateAt(1));
  });
});

describe("the hub", () => {
  test("keeps a topic per run and tells everyone when the engine goes", () => {
    const hub = new Hub({ clock: new FakeClock(), onProblem: () => {} });
    const one = hub.open("run_1", new CountedRun(1));
    const two = hub.open("run_2", new CountedRun(2));
    expect(hub.topic("run_1")).toBe(one);
    expect(hub.topic("run_3")).toBeUndefined();
    expect(() => hub.open("run_1", new CountedRun())).toThrow(/one topic/);
    const folds = [connect(one), connect(two)];
    hub.close("run_1", { code: "aborted" });
    expect(hub.topic("run_1")).toBeUndefined();
    hub.end({ code: "draining" });
    for (const { read } of folds) read();
    expect(folds.map(({ fold }) => fold.bye)).toEqual(["aborted", "draining"]);
  });
});
