import { describe, expect, test } from "vitest";
import { ReplayWindow, RetainedEvent } from "../../../src/hub/replay-window.ts";

function retained(seq: number, size = 10): RetainedEvent {
  return new RetainedEvent(seq, "x".repeat(size));
}

function filled(events: number, maxEvents: number, maxBytes = 1e9, size = 10, head = 0): ReplayWindow {
  const window = new ReplayWindow(head, maxEvents, maxBytes);
  for (let seq = head + 1; seq <= head + events; seq++) window.push(retained(seq, size));
  return window;
}

describe("replay window", () => {
  test("an empty one retains nothing and begins after its head", () => {
    const window = new ReplayWindow(41, 4, 100);
    expect([window.head, window.firstRetained, window.bytes]).toEqual([41, 42, 0]);
    expect(window.get(41)).toBeUndefined();
    expect(window.get(42)).toBeUndefined();
  });

  test.each([
    { events: 1, first: 1 },
    { events: 4, first: 1 },
    { events: 5, first: 2 },
    { events: 10_001, first: 9_998 },
  ])("after $events events of at most 4, the oldest is $first", ({ events, first }) => {
    const window = filled(events, 4);
    expect(window.firstRetained).toBe(first);
    expect(window.head).toBe(events);
    expect(window.get(first - 1)).toBeUndefined();
    for (let seq = first; seq <= events; seq++) expect(window.get(seq)?.seq).toBe(seq);
    expect(window.get(events + 1)).toBeUndefined();
    expect(window.bytes).toBe((events - first + 1) * 10);
  });

  test("bytes bound it too, but never the newest event", () => {
    const window = filled(10, 100, 35);
    expect([window.firstRetained, window.bytes]).toEqual([8, 30]);
    window.push(retained(11, 1_000));
    expect([window.firstRetained, window.head, window.bytes]).toEqual([11, 11, 1_000]);
    window.push(retained(12, 10));
    expect([window.firstRetained, window.head, window.bytes]).toEqual([12, 12, 10]);
  });

  test("a window of a run that did not begin here is found at its own numbers", () => {
    const window = filled(3, 2, 1e9, 10, 1_000);
    expect([window.firstRetained, window.head]).toEqual([1_002, 1_003]);
    expect(window.get(1_002)?.seq).toBe(1_002);
    expect(window.get(2)).toBeUndefined();
  });

  test("a hole or a repeat is a broken promise", () => {
    const window = filled(2, 4);
    expect(() => window.push(retained(4))).toThrow(/event 4 follows event 2/);
    expect(() => window.push(retained(2))).toThrow();
  });
});
