import { describe, expect, test } from "vitest";
import {
  DEFAULT_STREAM_SETTINGS,
  initialStreamState,
  isFinal,
  nextDeadlineMs,
  type StreamEvent,
  type StreamEventKind,
  type StreamSettings,
  type StreamState,
  type StreamStateKind,
  stepStream,
} from "../../../src/client/stream-state.ts";
import { seededRandom } from "../../support/order-pipeline.ts";

const settings: StreamSettings = { ...DEFAULT_STREAM_SETTINGS, retries: 2, maxResyncs: 2 };
const step = (state: StreamState, event: StreamEvent, nowMs = 0, random = 0.5, with_ = settings) =>
  stepStream(state, event, { nowMs, random, settings: with_ });
const run = (events: readonly StreamEvent[], nowMs = 0, from = initialStreamState(null)) =>
  events.reduce((state, event) => step(state, event, nowMs), from);

const SAMPLES: { readonly [E in StreamEventKind]: Extract<StreamEvent, { kind: E }> } = {
  start: { kind: "start" },
  opened: { kind: "opened" },
  hello: { kind: "hello" },
  alive: { kind: "alive" },
  moved: { kind: "moved", cursor: { epoch: "a", seq: 9 }, by: "event" },
  reset: { kind: "reset", reason: "epoch" },
  fault: { kind: "fault", message: "garbage" },
  lost: { kind: "lost", reason: "network", message: "ECONNRESET" },
  refused: { kind: "refused", status: 404, message: "no such run" },
  bye: { kind: "bye", code: "completed", message: null },
  hold: { kind: "hold", reason: "backpressure" },
  release: { kind: "release", reason: "backpressure" },
  tick: { kind: "tick" },
  close: { kind: "close" },
};

const STATES: { readonly [S in StreamStateKind]: StreamState } = {
  idle: initialStreamState(null),
  connecting: run([SAMPLES.start]),
  open: run([SAMPLES.start, SAMPLES.opened]),
  live: run([SAMPLES.start, SAMPLES.opened, SAMPLES.hello]),
  waiting: run([SAMPLES.start, SAMPLES.lost]),
  ended: run([SAMPLES.start, SAMPLES.opened, SAMPLES.hello, SAMPLES.bye]),
  stopped: run([SAMPLES.start, SAMPLES.refused]),
};

/** Where every event leads from every state, at a moment when nothing is due. */
const TABLE: { readonly [S in StreamStateKind]: { readonly [E in StreamEventKind]: StreamStateKind } } = {
  idle: row("idle", { start: "connecting", close: "stopped" }),
  connecting: row("connecting", {
    opened: "open",
    lost: "waiting",
    fault: "waiting",
    refused: "stopped",
    bye: "ended",
    close: "stopped",
  }),
  open: row("open", {
    hello: "live",
    lost: "waiting",
    fault: "waiting",
    refused: "stopped",
    bye: "ended",
    close: "stopped",
  }),
  live: row("live", { lost: "waiting", fault: "waiting", refused: "stopped", bye: "ended", close: "stopped" }),
  waiting: row("waiting", { close: "stopped" }),
  ended: row("ended", {}),
  stopped: row("stopped", {}),
};

function row(
  kind: StreamStateKind,
  changes: Partial<Record<StreamEventKind, StreamStateKind>>,
): { readonly [E in StreamEventKind]: StreamStateKind } {
  const all = Object.fromEntries(Object.keys(SAMPLES).map((event) => [event, kind]));
  return { ...all, ...changes } as { readonly [E in StreamEventKind]: StreamStateKind };
}

describe("the transition table", () => {
  for (const [state, events] of Object.entries(TABLE)) {
    for (const [event, expected] of Object.entries(events)) {
      test(`${state} + ${event} = ${expected}`, () => {
        const before = STATES[state as StreamStateKind];
        const frozen = Object.freeze({ ...before });
        const after = step(frozen, SAMPLES[event as StreamEventKind]);
        expect(after.kind).toBe(expected);
      });
    }
  }

  test("there is a connection exactly in connecting, open and live, and a new one only by connecting", () => {
    const seed = Number(process.env.STREAM_SEED ?? 20261124);
    console.log(`STREAM_SEED=${seed}`);
    const random = seededRandom(seed);
    const events = Object.values(SAMPLES);
    let state = initialStreamState(null);
    let nowMs = 0;
    for (let at = 0; at < 20_000; at++) {
      const event = events[Math.floor(random() * events.length)]!;
      nowMs += Math.floor(random() * 4_000);
      const after = stepStream(state, event, { nowMs, random: random(), settings: { ...settings, retries: null } });
      expect(after.connection - state.connection).toBe(
        after.kind === "connecting" && state.kind !== "connecting" ? 1 : 0,
      );
      expect(after.resyncs).toBeLessThanOrEqual(settings.maxResyncs + 1);
      const deadline = nextDeadlineMs(after, settings);
      if (after.kind === "waiting" && state.kind !== "waiting") expect(deadline).toBeGreaterThan(nowMs);
      if (isFinal(after)) expect(deadline).toBeNull();
      state = isFinal(after) ? initialStreamState(after.cursor) : after;
    }
  });
});

describe("waiting", () => {
  test("doubles from 0.5 s to 15 s, with a fifth of jitter to either side", () => {
    const forever = { ...settings, retries: null };
    const waits = (random: number) => {
      let state = step(initialStreamState(null), SAMPLES.start, 0, random, forever);
      const seen: number[] = [];
      for (let at = 0; at < 8; at++) {
        state = step(state, SAMPLES.lost, 0, random, forever);
        if (state.kind === "waiting") seen.push(state.untilMs);
        state = step(state, SAMPLES.tick, 20_000, random, forever);
        if (state.kind === "connecting") state = { ...state, sinceMs: 0 };
      }
      return seen;
    };
    expect(waits(0.5)).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    expect(waits(0)[5]).toBe(12_000);
    expect(waits(1)[5]).toBe(18_000);
  });

  test("goes on to a new connection from the cursor when the time has come, not before", () => {
    const live = run([SAMPLES.start, SAMPLES.opened, SAMPLES.hello, SAMPLES.moved]);
    const waiting = step(live, SAMPLES.lost, 100);
    expect(step(waiting, SAMPLES.tick, 599).kind).toBe("waiting");
    expect(step(waiting, SAMPLES.tick, 600)).toMatchObject({ kind: "connecting", connection: 2, cursor: { seq: 9 } });
  });

  test("stops once the retries are used up; without retries at the first failure", () => {
    let state = run([SAMPLES.start]);
    for (let at = 0; at < 2; at++) {
      state = step(state, SAMPLES.lost);
      state = step(state, SAMPLES.tick, 60_000);
    }
    expect(step(state, SAMPLES.lost)).toMatchObject({ kind: "stopped", reason: "retries-used-up" });
    const never = { ...settings, retries: 0 };
    expect(step(run([SAMPLES.start]), SAMPLES.lost, 0, 0.5, never).kind).toBe("stopped");
  });

  test("an event that gets further forgives the failures, hello alone does not", () => {
    const again = (state: StreamState) => {
      const waiting = step(state, SAMPLES.lost);
      const connecting = step(waiting, SAMPLES.tick, 60_000);
      return step(step(connecting, SAMPLES.opened, 60_000), SAMPLES.hello, 60_000);
    };
    const twice = again(again(run([SAMPLES.start])));
    expect(twice).toMatchObject({ kind: "live", failures: 2 });
    expect(step(twice, SAMPLES.moved)).toMatchObject({ failures: 0 });
  });

  test("a connection that lived long counts as the first failure when it breaks", () => {
    const live = { ...run([SAMPLES.start, SAMPLES.opened, SAMPLES.hello]), failures: 2 };
    expect(step(live, SAMPLES.lost, 9_999).kind).toBe("stopped");
    expect(step(live, SAMPLES.lost, 10_000)).toMatchObject({ kind: "waiting", failures: 1 });
  });
});

describe("the watchdog", () => {
  const live = run([SAMPLES.start, SAMPLES.opened, SAMPLES.hello]);

  test("gives up a connection after two and a half heartbeats of silence", () => {
    expect(nextDeadlineMs(live, settings)).toBe(12_500);
    expect(step(live, SAMPLES.tick, 12_499).kind).toBe("live");
    expect(step(live, SAMPLES.tick, 12_500)).toMatchObject({ kind: "waiting", reason: "silent" });
  });

  test("any bytes put it off", () => {
    const alive = step(live, SAMPLES.alive, 9_000);
    expect(step(alive, SAMPLES.tick, 20_000).kind).toBe("live");
  });

  test("does not bark while we hold reading back ourselves, and starts anew afterwards", () => {
    const held = step(step(live, SAMPLES.hold), { kind: "hold", reason: "consumer" });
    expect(nextDeadlineMs(held, settings)).toBeNull();
    expect(step(held, SAMPLES.tick, 99_000).kind).toBe("live");
    const half = step(held, SAMPLES.release, 99_000);
    expect(nextDeadlineMs(half, settings)).toBeNull();
    const released = step(half, { kind: "release", reason: "consumer" }, 99_000);
    expect(nextDeadlineMs(released, settings)).toBe(111_500);
  });

  test("an answer that never begins times out", () => {
    const connecting = run([SAMPLES.start]);
    expect(step(connecting, SAMPLES.tick, 9_999).kind).toBe("connecting");
    expect(step(connecting, SAMPLES.tick, 10_000)).toMatchObject({ kind: "waiting", reason: "timeout" });
  });
});

describe("starting over", () => {
  const live = run([SAMPLES.start, SAMPLES.opened, SAMPLES.hello]);
  const snapshot = (epoch: string, seq: number): StreamEvent => ({
    kind: "moved",
    cursor: { epoch, seq },
    by: "snapshot",
  });
  const id = (seq: number): StreamEvent => ({ kind: "moved", cursor: { epoch: "a", seq }, by: "id" });

  test("resets in a row that lead to the same snapshot stop with a reason", () => {
    const state = run([SAMPLES.reset, snapshot("a", 5), SAMPLES.reset, snapshot("a", 5), SAMPLES.reset], 0, live);
    expect(state).toMatchObject({ kind: "stopped", reason: "resync-loop" });
    expect(state.kind === "stopped" && state.message).toContain("reset (epoch)");
  });

  test("an engine with a new epoch every time does not keep it going", () => {
    const state = run([SAMPLES.reset, snapshot("a", 5), SAMPLES.reset, snapshot("b", 50), SAMPLES.reset], 0, live);
    expect(state.kind).toBe("stopped");
  });

  test("a snapshot that is further on in the same epoch is progress, so is a bin", () => {
    const slow = run([snapshot("a", 1), SAMPLES.reset, snapshot("a", 5), SAMPLES.reset, snapshot("a", 9)], 0, live);
    expect(slow).toMatchObject({ kind: "live", resyncs: 0 });
    const bin = run([SAMPLES.reset, snapshot("a", 5), SAMPLES.moved, SAMPLES.reset, SAMPLES.reset], 0, live);
    expect(bin).toMatchObject({ kind: "live", resyncs: 2 });
  });

  test("an id alone moves the cursor and forgives nothing", () => {
    expect(run([SAMPLES.reset, id(7)], 0, live)).toMatchObject({ cursor: { seq: 7 }, resyncs: 1 });
  });

  test("faults in a row stop too, also when the retries have no end", () => {
    let state: StreamState = live;
    for (let at = 0; at < 2; at++) {
      state = step(state, SAMPLES.fault, 0, 0.5, { ...settings, retries: null });
      expect(state.kind).toBe("waiting");
      state = run([SAMPLES.opened, SAMPLES.hello], 60_000, step(state, SAMPLES.tick, 60_000));
    }
    expect(step(state, SAMPLES.fault)).toMatchObject({ kind: "stopped", reason: "resync-loop" });
  });
});

test("bye ends the stream for good when the run is over, and backs off otherwise", () => {
  const live = run([SAMPLES.start, SAMPLES.opened, SAMPLES.hello]);
  for (const code of ["completed", "aborted", "failed"] as const) {
    expect(step(live, { kind: "bye", code, message: null })).toMatchObject({ kind: "ended", code });
  }
  for (const code of ["slow", "expired", "draining"] as const) {
    expect(step(live, { kind: "bye", code, message: null })).toMatchObject({ kind: "waiting", reason: "bye" });
  }
});
