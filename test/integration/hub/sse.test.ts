import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect as connectTcp, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { RunTopic } from "../../../src/hub/hub.ts";
import type { HubLimits } from "../../../src/hub/limits.ts";
import { serveSse } from "../../../src/hub/sse.ts";
import type { Subscription } from "../../../src/hub/subscriber.ts";
import { CountedRun } from "../../support/counted-run.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { StreamFold } from "../../support/stream-fold.ts";

interface Engine {
  readonly clock: FakeClock;
  readonly run: CountedRun;
  readonly topic: RunTopic;
  readonly url: string;
  readonly port: number;
  /** By order of connection, with the bytes that Node holds for it. */
  readonly connections: { readonly subscription: Subscription; readonly unsent: () => number }[];
}

async function startEngine(limits: Partial<HubLimits> = {}): Promise<Engine> {
  const clock = new FakeClock();
  const run = new CountedRun();
  const connections: Engine["connections"] = [];
  const topic = new RunTopic(run, {
    clock,
    limits,
    onProblem: (error) => {
      throw error;
    },
  });
  run.topic = topic;
  const server: Server = createServer((request, response) => {
    const lastEventId = request.headers["last-event-id"];
    const subscription = serveSse(response, topic, {
      lastEventId: typeof lastEventId === "string" ? lastEventId : null,
    });
    connections.push({ subscription, unsent: () => response.writableLength });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { clock, run, topic, url: `http://127.0.0.1:${port}/`, port, connections };
}

/** A client over fetch: reads until `isDone` says so, then cuts the connection. */
async function tail(url: string, fold: StreamFold, isDone: (fold: StreamFold) => boolean): Promise<Response> {
  const { lastEventId } = fold;
  fold.connect({ isResuming: lastEventId !== null });
  const abort = new AbortController();
  const response = await fetch(url, {
    signal: abort.signal,
    headers: lastEventId === null ? {} : { "Last-Event-ID": lastEventId },
  });
  const reader = response.body!.getReader();
  while (!isDone(fold)) {
    const { done, value } = await reader.read();
    if (done) break;
    fold.take(value);
  }
  abort.abort();
  return response;
}

/** Lets the sockets work until a fact holds; a test that waits in vain runs into its time limit. */
async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await nextTurn();
}

/** A client that sends the request and then reads nothing. */
async function stalledClient(port: number): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  socket.pause();
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  return socket;
}

describe("a run's stream over HTTP", () => {
  test("has the headers of an event stream, a delay and hello as its first bytes", async () => {
    const { run, url } = await startEngine();
    run.seal();
    const fold = new StreamFold();
    const response = await tail(url, fold, () => fold.seq === 1);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    expect(fold.state).toBe(run.stateAt(1));
  });

  test("of 12,000 events resumes at the newest, the oldest and evicted by one, and answers future and garbage", async () => {
    const { run, topic, url } = await startEngine();
    for (let bin = 0; bin < 12_000; bin++) run.seal();
    expect(topic.head - topic.firstRetained + 1).toBe(4_096);
    const oldest = topic.firstRetained;
    const cases: readonly [string, { bins: number; resets: string[] }][] = [
      [`E1.${oldest}`, { bins: 4_095, resets: [] }],
      [`E1.${oldest - 1}`, { bins: 4_096, resets: [] }],
      [`E1.${oldest - 2}`, { bins: 0, resets: ["evicted"] }],
      [`E1.${topic.head + 1}`, { bins: 0, resets: ["ahead"] }],
      ["E9.1", { bins: 0, resets: ["epoch"] }],
    ];
    for (const [lastEventId, expected] of cases) {
      const fold = new StreamFold();
      fold.lastEventId = lastEventId;
      await tail(url, fold, () => fold.names.length > 1 && fold.lastEventId === `E1.${run.seq}`);
      expect({ bins: fold.bins, resets: fold.resets }, lastEventId).toEqual(expected);
      if (expected.resets.length > 0) expect(fold.state).toBe(run.stateAt(run.seq));
    }
    const newest = new StreamFold();
    newest.lastEventId = `E1.${run.seq}`;
    const reading = tail(url, newest, () => newest.bins > 0);
    await until(() => newest.names.length > 0);
    run.seal();
    await reading;
    expect(newest.names).toEqual(["hello", "bin"]);
    const garbage = await fetch(url, { headers: { "Last-Event-ID": "garbage" } });
    const first = new TextDecoder().decode((await garbage.body!.getReader().read()).value);
    expect(first).toContain('event: reset\ndata: {"reason":"epoch"}');
    await garbage.body!.cancel().catch(() => {});
  });

  test("tailed through ten cuts while events go on, folds to the run's state", async () => {
    const { run, topic, url } = await startEngine({ replayEvents: 50 });
    const fold = new StreamFold();
    for (let cut = 0; cut < 10; cut++) {
      // Every third time long enough away to be evicted.
      for (let bin = 0; bin < (cut % 3 === 2 ? 80 : 20); bin++) run.seal();
      const target = run.seq + 5;
      const reading = tail(url, fold, () => fold.seq >= target);
      await until(() => topic.subscriberCount === 1);
      for (let bin = 0; bin < 10; bin++) {
        run.seal();
        await nextTurn();
      }
      await reading;
      expect(fold.state).toBe(run.stateAt(fold.seq));
      await until(() => topic.subscriberCount === 0);
    }
  });
});

describe("a client that never reads", () => {
  test("costs a bounded buffer and delays nobody; when it reads again, it folds to the run's state", async () => {
    const { clock, run, port, topic, url, connections } = await startEngine();
    run.seal();
    const socket = await stalledClient(port);
    await until(() => topic.subscriberCount === 1);
    const reader = new StreamFold();
    const events = 12_000;
    const reading = tail(url, reader, () => reader.seq === events);
    await until(() => topic.subscriberCount === 2);

    let [largestUnsent, published, longestMs] = [0, 1, 0];
    const stalled = connections[0]!;
    while (published < events) {
      // As fast as the reader keeps up with, without a wait for the one that does not.
      if (published - reader.seq > 100) {
        await nextTurn();
        continue;
      }
      const start = performance.now();
      run.seal(600);
      longestMs = Math.max(longestMs, performance.now() - start);
      published++;
      largestUnsent = Math.max(largestUnsent, stalled.unsent());
    }
    await reading;
    console.log(`stalled reader: at most ${largestUnsent} bytes unsent, longest publish ${longestMs.toFixed(2)} ms`);
    expect(reader.names).not.toContain("reset");
    expect(reader.state).toBe(run.stateAt(events));
    expect(stalled.subscription.state).toBe("catching-up");
    expect(topic.counters.fellBehind).toBe(1);
    expect(largestUnsent).toBeGreaterThan(1024 * 1024);
    expect(largestUnsent).toBeLessThan(1024 * 1024 + 8_192);
    expect(topic.retainedBytes).toBeLessThanOrEqual(16 * 1024 * 1024);

    const late = new StreamFold();
    late.connect();
    const http = chunkedBody();
    socket.on("data", (bytes) => {
      for (const chunk of http(bytes)) late.take(chunk);
    });
    socket.resume();
    await until(() => late.seq === events);
    expect(late.resets).toEqual(["slow"]);
    expect(late.state).toBe(run.stateAt(events));
    run.seal();
    await until(() => late.seq === events + 1);
    clock.advance(60_000);
    expect(stalled.subscription.state).toBe("live");
  });

  test("is closed after half a minute, and its socket with it", async () => {
    const { clock, run, port, topic } = await startEngine();
    const socket = await stalledClient(port);
    await until(() => topic.subscriberCount === 1);
    while (topic.counters.fellBehind === 0) {
      for (let bin = 0; bin < 100; bin++) run.seal(600);
      await nextTurn();
    }
    clock.advance(30_000);
    expect(topic.subscriberCount).toBe(0);
    expect(topic.counters.closedSlow).toBe(1);
    const closed = once(socket, "close");
    socket.on("error", () => {});
    clock.advance(5_000);
    socket.resume();
    await closed;
  });
});

describe("a socket that breaks", () => {
  test("in the middle of a burst ends its subscription and nothing else", async () => {
    const { run, port, topic, url } = await startEngine();
    const sockets = await Promise.all(Array.from({ length: 5 }, () => stalledClient(port)));
    await until(() => topic.subscriberCount === 5);
    const fold = new StreamFold();
    const reading = tail(url, fold, () => fold.seq === 2_000);
    await until(() => topic.subscriberCount === 6);
    for (let bin = 0; bin < 2_000; bin++) {
      run.seal(300);
      if (bin % 400 === 0) sockets.pop()!.resetAndDestroy();
      if (bin % 50 === 0) await nextTurn();
    }
    await reading;
    expect(fold.state).toBe(run.stateAt(2_000));
    await until(() => topic.subscriberCount === 0);
  });

  test("before the stream began leaves no subscriber behind", () => {
    const topic = new RunTopic(new CountedRun(), { clock: new FakeClock(), onProblem: () => {} });
    const refusing = () => {
      throw new Error("ERR_STREAM_DESTROYED");
    };
    for (const response of [
      { writeHead() {}, write: () => true, destroyed: true },
      { writeHead: refusing, write: () => true, destroyed: false },
      { writeHead() {}, write: refusing, destroyed: false },
    ]) {
      const subscription = serveSse({ ...response, end() {}, destroy() {}, writableLength: 0, on() {} }, topic);
      expect(subscription.state).toBe("closed");
    }
    expect(topic.subscriberCount).toBe(0);
  });
});

/** Takes the head of an HTTP answer and the chunk lines of its body away. */
function chunkedBody(): (bytes: Buffer) => Buffer[] {
  let rest = Buffer.alloc(0);
  let isHead = true;
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    const chunks: Buffer[] = [];
    for (;;) {
      const end = rest.indexOf(isHead ? "\r\n\r\n" : "\r\n");
      if (end === -1) return chunks;
      if (isHead) {
        rest = rest.subarray(end + 4);
        isHead = false;
        continue;
      }
      const size = Number.parseInt(rest.subarray(0, end).toString(), 16);
      if (rest.length < end + 2 + size + 2) return chunks;
      chunks.push(rest.subarray(end + 2, end + 2 + size));
      rest = rest.subarray(end + 2 + size + 2);
    }
  };
}
