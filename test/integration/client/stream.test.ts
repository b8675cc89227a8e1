import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { emptyView, foldEvent, type RunView, viewState } from "../../../src/client/run-view.ts";
import { type ConnectionEvent, RunStream, type StreamItem } from "../../../src/client/stream.ts";
import type { StreamSettings } from "../../../src/client/stream-state.ts";
import { type Cursor, parseCursor } from "../../../src/protocol/cursor.ts";
import type { RunEvent } from "../../../src/protocol/run-event.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeEngine, type FakeRun } from "../../support/fake-engine.ts";
import { OrderPipeline, seededRandom } from "../../support/order-pipeline.ts";

/** Reads a stream over real HTTP with a clock that stands still, except that every wait is over at once. */
class Tail {
  readonly clock = new FakeClock();
  readonly stream: RunStream;
  readonly #items: AsyncIterator<StreamItem>;
  view: RunView = emptyView();
  readonly events: RunEvent[] = [];
  readonly connection: ConnectionEvent[] = [];

  constructor(engine: FakeEngine, run: FakeRun, settings: Partial<StreamSettings> = {}, cursor: Cursor | null = null) {
    const { clock } = this;
    this.stream = new RunStream({ baseUrl: engine.url, runId: run.runId, clock, random: () => 0.5, settings, cursor });
    this.#items = this.stream[Symbol.asyncIterator]();
  }

  /** Takes items until `enough` says so, or the stream is over. */
  async until(enough: (item: StreamItem) => boolean): Promise<StreamItem | null> {
    for (;;) {
      const { done, value } = await this.#items.next();
      if (done === true) return null;
      if (value.source === "run") {
        this.events.push(value.event);
        this.view = foldEvent(this.view, value.event);
      } else {
        this.connection.push(value.event);
        if (value.event.event === "lost") {
          const { retryInMs } = value.event;
          queueMicrotask(() => this.clock.advance(retryInMs));
        }
      }
      if (enough(value)) return value;
    }
  }

  /** Takes items until the view has taken in event `seq` of the run. */
  async reach(run: FakeRun): Promise<void> {
    if (this.view.epoch === run.epoch && this.view.seq === run.seq) return;
    await this.until(() => this.view.epoch === run.epoch && this.view.seq === run.seq);
  }

  toEnd(): Promise<StreamItem | null> {
    return this.until(() => false);
  }

  bins(): number[] {
    return this.events.filter((event) => event.event === "bin").map((event) => event.data.binIndex);
  }
}

async function collect(stream: RunStream): Promise<StreamItem[]> {
  const items: StreamItem[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

const connected = (item: StreamItem) => item.source === "connection" && item.event.event === "connected";
const isHello = (item: StreamItem) => item.source === "run" && item.event.event === "hello";

let engine: FakeEngine;
let pipeline: OrderPipeline;
let run: FakeRun;

beforeEach(async () => {
  engine = await FakeEngine.start();
  pipeline = new OrderPipeline();
  run = engine.add(pipeline.run);
});

afterEach(() => engine[Symbol.asyncDispose]());

function expectInStep(tail: Tail): void {
  const { schemaVersion: _version, series: _series, warnings, ...state } = run.liveState();
  const sorted = [...warnings].sort((a, b) => (a.key < b.key ? -1 : 1));
  expect(viewState(tail.view)).toEqual({ ...state, warnings: sorted });
  expect(tail.view.fault).toBeNull();
}

describe("a well-behaved engine", () => {
  test("snapshot, live bins, bye", async () => {
    pipeline.advance(120);
    const tail = new Tail(engine, run);
    await tail.until(isHello);
    pipeline.advance(10);
    run.checkpoint();
    await tail.reach(run);
    expectInStep(tail);
    run.end("completed");
    await tail.toEnd();
    expect(tail.connection.map(({ event }) => event)).toEqual(["connecting", "connected", "ended"]);
    expect(tail.stream.state).toMatchObject({ kind: "ended", code: "completed" });
    expect(tail.clock.pending).toBe(0);
  });

  test("a run that is over already: history and bye", async () => {
    pipeline.advance(12);
    run.state = "completed";
    const tail = new Tail(engine, run);
    await tail.toEnd();
    expectInStep(tail);
    expect(tail.view.bye?.code).toBe("completed");
  });

  test("a run without any bin: the first subscriber resumes by the id of progress", async () => {
    const tail = new Tail(engine, run);
    await tail.until((item) => item.source === "run" && item.event.event === "snapshot-end");
    run.progress();
    await tail.until((item) => item.source === "run" && item.event.event === "progress");
    expect(tail.stream.state.cursor).toEqual({ epoch: "e1", seq: 0 });
    run.cut();
    await tail.until(connected);
    pipeline.advance(2);
    await tail.reach(run);
    expect(run.resumedFrom).toEqual([null, "e1.0"]);
    expectInStep(tail);
  });
});

describe("cut connections", () => {
  test("twenty cuts at random: every numbered event once and in order, and the engine's state", async () => {
    const seed = Number(process.env.STREAM_SEED ?? 5);
    console.log(`STREAM_SEED=${seed}`);
    const random = seededRandom(seed);
    const tail = new Tail(engine, run);
    await tail.until(isHello);
    for (let cut = 0; cut < 20; cut++) {
      pipeline.advance(1 + Math.floor(random() * 6));
      if (random() < 0.3) run.checkpoint();
      if (random() < 0.5) await tail.until((item) => item.source === "run");
      run.cut();
      pipeline.advance(Math.floor(random() * 4));
    }
    await tail.reach(run);
    expectInStep(tail);
    const seqs = tail.events.flatMap((event) =>
      event.event === "bin" || event.event === "checkpoint" ? [event.data.seq] : [],
    );
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect(new Set(seqs).size).toBe(seqs.length);
    expect(tail.view.resets).toBe(0);
  });

  test("cut in the middle of a snapshot: starts over from the old cursor, not from half a state", async () => {
    pipeline.advance(120);
    run.script = (_request, response, connection) => {
      if (connection > 1) run.script = null;
      if (connection > 1) return run.serve(response, null);
      run.open(response);
      run.send(response, "hello", run.hello());
      const { runId, epoch, seq, sealedBin, hash } = run;
      run.send(response, "snapshot-begin", { runId, epoch, seq, sealedBin, hash, pages: 3 });
      run.send(response, "snapshot-page", { page: 0, bins: run.bins.slice(0, 50) });
      response.end();
    };
    const tail = new Tail(engine, run);
    await tail.reach(run);
    expect(run.resumedFrom).toEqual([null, null]);
    expectInStep(tail);
  });

  test("cut in the middle of an event", async () => {
    pipeline.advance(3);
    run.script = (_request, response) => {
      run.script = null;
      run.open(response);
      run.send(response, "hello", run.hello());
      run.sendSnapshot(response);
      response.write(`id: ${run.cursor(4)}\nevent: bin\ndata: {"runId":"run_`);
      response.end();
    };
    const tail = new Tail(engine, run);
    await tail.until((item) => item.source === "connection" && item.event.event === "lost");
    pipeline.advance(2);
    await tail.reach(run);
    expect(run.resumedFrom[1]).toBe("e1.3");
    expectInStep(tail);
  });

  test("the retries run out: stopped, with the last cause", async () => {
    pipeline.advance(1);
    const tail = new Tail(engine, run, { retries: 3 });
    await tail.reach(run);
    await engine[Symbol.asyncDispose]();
    await tail.toEnd();
    expect(tail.connection.filter(({ event }) => event === "lost")).toHaveLength(3);
    expect(tail.connection.at(-1)).toMatchObject({
      event: "stopped",
      reason: "retries-used-up",
      message: "ECONNREFUSED",
    });
    engine = await FakeEngine.start();
  });

  test("waits grow from half a second and start anew after progress", async () => {
    pipeline.advance(1);
    run.script = (_request, response, connection) => {
      if (connection === 5) run.script = null;
      response.destroy();
    };
    const tail = new Tail(engine, run);
    await tail.reach(run);
    const waits = tail.connection.flatMap((event) => (event.event === "lost" ? [event.retryInMs] : []));
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000]);
    run.cut();
    await tail.until((item) => item.source === "connection" && item.event.event === "lost");
    pipeline.advance(1);
    await tail.until(connected);
    await tail.reach(run);
    run.cut();
    await tail.until((item) => item.source === "connection" && item.event.event === "lost");
    expect(tail.connection.at(-1)).toMatchObject({ retryInMs: 500 });
  });
});

describe("resumption that is refused", () => {
  test("a restarted engine whose numbers begin anew: reset and snapshot, never its frames as ours", async () => {
    pipeline.advance(30);
    const tail = new Tail(engine, run);
    await tail.reach(run);
    run.restart("e2");
    await tail.until((item) => item.source === "run" && item.event.event === "reset");
    pipeline.advance(3);
    await tail.reach(run);
    expect(tail.view.lastReset).toBe("epoch");
    expectInStep(tail);
  });

  test("events that are held no more: reset and snapshot", async () => {
    pipeline.advance(5);
    const tail = new Tail(engine, run);
    await tail.reach(run);
    run.cut();
    pipeline.advance(20);
    run.evict(3);
    await tail.reach(run);
    expect(tail.view.lastReset).toBe("evicted");
    expectInStep(tail);
  });

  test("a cursor from the future", async () => {
    pipeline.advance(5);
    const tail = new Tail(engine, run, {}, parseCursor("e1.99"));
    await tail.reach(run);
    expect(tail.view.lastReset).toBe("ahead");
    expectInStep(tail);
  });

  test("a server that answers every resumption with a reset is left with a reason", async () => {
    pipeline.advance(5);
    run.script = (_request, response) => {
      run.open(response);
      run.send(response, "hello", run.hello());
      run.send(response, "reset", { reason: "evicted" });
      run.sendSnapshot(response);
      response.end();
    };
    const tail = new Tail(engine, run);
    await tail.toEnd();
    expect(tail.connection.at(-1)).toMatchObject({ event: "stopped", reason: "resync-loop" });
    expect(run.connections).toBeLessThanOrEqual(8);
  });
});

describe("an engine that breaks its promises", () => {
  /** Serves the first connection up to the snapshot, then `spoil`; the second one behaves. */
  function spoiled(spoil: (write: (text: string) => void) => void): Tail {
    pipeline.advance(4);
    run.script = (_request, response) => {
      run.script = null;
      run.serve(response, null);
      run.subscribers.delete(response);
      spoil((text) => response.write(text));
    };
    return new Tail(engine, run);
  }

  const frame = (event: string, data: string, id: string) => `id: ${id}\nevent: ${event}\ndata: ${data}\n\n`;
  const binData = (changes: object) => JSON.stringify({ ...run.bins.at(-1), seq: 5, binIndex: 4, ...changes });

  test.each([
    ["garbage for data", () => frame("bin", "{garbage", "e1.5"), /no JSON/],
    ["a list for an object", () => frame("bin", "[]", "e1.5"), /no object/],
    ["a missing field", () => frame("bin", binData({ hash: 7 }), "e1.5"), /"hash" of a "bin"/],
    ["a foreign epoch", () => frame("bin", binData({ epoch: "x" }), "x.5"), /epoch x/],
    ["a hole", () => frame("bin", binData({ seq: 7 }), "e1.7"), /hole/],
    ["an id that is not the event's", () => frame("bin", binData({}), "e1.6"), /carries the id "e1.6"/],
    ["a bin of another run", () => frame("bin", binData({ runId: "run_x" }), "e1.5"), /another run/],
    ["an id that is no cursor", () => "id: nonsense\n\n", /no cursor/],
  ])(
    "%s: the connection is given up, and the next one goes on from the last good event",
    async (_name, text, reason) => {
      const tail = spoiled((write) => write(text()));
      await tail.until((item) => item.source === "connection" && item.event.event === "lost");
      expect(tail.connection.at(-1)).toMatchObject({ reason: "fault", message: expect.stringMatching(reason) });
      pipeline.advance(2);
      await tail.reach(run);
      expect(run.resumedFrom).toEqual([null, "e1.4"]);
      expectInStep(tail);
    },
  );

  test("unknown events and fields are let through", async () => {
    const tail = spoiled((write) => {
      write("event: novelty\ndata: {}\n\n");
      write(frame("progress", JSON.stringify({ seq: 4, sealedBin: 3, lagMs: 1, openBins: 0, mood: "good" }), "e1.4"));
    });
    await tail.until((item) => item.source === "run" && item.event.event === "progress");
    expect(run.connections).toBe(1);
    tail.stream.close();
  });

  test("silence: given up after 12.5 s, not while heartbeats come", async () => {
    const tail = new Tail(engine, run);
    await tail.until(isHello);
    await tail.until((item) => item.source === "run" && item.event.event === "snapshot-end");
    const deadline = tail.clock.nextMs!;
    tail.clock.advance(9_000);
    run.heartbeat();
    run.progress();
    await tail.until((item) => item.source === "run" && item.event.event === "progress");
    tail.clock.advance(deadline - tail.clock.now());
    expect(tail.stream.state.kind).toBe("live");
    tail.clock.advance(20_000);
    await tail.until((item) => item.source === "connection" && item.event.event === "lost");
    expect(tail.connection.at(-1)).toMatchObject({ reason: "silent" });
    await tail.until(connected);
    tail.stream.close();
  });

  test("an answer that never begins is given up after 10 s", async () => {
    let answered: () => void = () => {};
    const asked = new Promise<void>((resolve) => {
      answered = resolve;
    });
    run.script = () => {
      run.script = null;
      answered();
    };
    const tail = new Tail(engine, run);
    await tail.until((item) => item.source === "connection");
    await asked;
    tail.clock.advance(10_000);
    await tail.until(connected);
    expect(tail.connection.map(({ event }) => event)).toEqual(["connecting", "lost", "connecting", "connected"]);
    tail.stream.close();
  });
});

describe("refusals", () => {
  test("an unknown run stops the stream with the engine's own words", async () => {
    const stream = new RunStream({ baseUrl: engine.url, runId: "run_none" });
    const items = await collect(stream);
    expect(items.at(-1)).toMatchObject({ event: { event: "stopped", reason: "refused", status: 404 } });
    expect(stream.refusal).toMatchObject({ code: "run_not_found", message: 'no run "run_none"' });
  });

  test("a busy or starting engine is asked again", async () => {
    pipeline.advance(2);
    engine.refusals.push({ status: 503, body: { error: "starting", code: "not_ready" } });
    const tail = new Tail(engine, run);
    await tail.reach(run);
    expect(tail.connection[1]).toMatchObject({ event: "lost", reason: "busy", message: "starting" });
    tail.stream.close();
  });

  test("something that is no engine is not asked again", async () => {
    engine.refusals.push({ status: 200, body: "hello" });
    const stream = new RunStream({ baseUrl: engine.url, runId: run.runId });
    const items = await collect(stream);
    expect(items.at(-1)).toMatchObject({
      event: { reason: "refused", message: expect.stringContaining("event stream") },
    });
  });

  test("a newer version of the stream is refused by us", async () => {
    run.script = (_request, response) => {
      run.open(response);
      run.send(response, "hello", { ...run.hello(), schemaVersion: 2 });
    };
    const items = await collect(new RunStream({ baseUrl: engine.url, runId: run.runId }));
    expect(items.at(-1)).toMatchObject({ event: { reason: "refused", message: expect.stringContaining("version 2") } });
  });
});

describe("a consumer that does not keep up", () => {
  test("reading stops, the watchdog sleeps, and nothing is lost when it goes on", async () => {
    const tail = new Tail(engine, run);
    await tail.until(isHello);
    const held = () => tail.stream.state.pauses.size > 0;
    for (let round = 0; round < 200 && !held(); round++) {
      pipeline.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(held()).toBe(true);
    tail.clock.advance(120_000);
    expect(tail.stream.state.kind).toBe("live");
    await tail.reach(run);
    expectInStep(tail);
    expect(run.connections).toBe(1);
    expect(tail.bins()).toEqual(Array.from(run.bins, (_, at) => at));
    tail.stream.close();
  });

  test("leaving the loop closes the connection", async () => {
    pipeline.advance(1);
    const stream = new RunStream({ baseUrl: engine.url, runId: run.runId });
    for await (const item of stream) if (item.source === "run") break;
    expect(stream.state).toMatchObject({ kind: "stopped", reason: "closed" });
    while (run.subscribers.size > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});
