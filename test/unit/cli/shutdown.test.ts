import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { Shutdown } from "../../../src/cli/shutdown.ts";
import { FakeClock } from "../../support/fake-clock.ts";

/** A process that only notes what would be done to it. */
class FakeProcess extends EventEmitter {
  readonly pid = 42;
  readonly killed: [number, string][] = [];
  kill(pid: number, signal: string): void {
    // A signal that is still caught would come back to us instead of ending the process.
    if (this.listenerCount(signal) > 0) throw new Error(`${signal} is still caught`);
    this.killed.push([pid, signal]);
  }
}

function installed() {
  const source = new FakeProcess();
  const clock = new FakeClock();
  const said: string[] = [];
  const shutdown = new Shutdown(
    source,
    (text) => said.push(text),
    () => clock.now(),
  );
  shutdown.install();
  return { source, clock, said, shutdown };
}

describe("a signal", () => {
  test("asks the command to stop, says so, and is passed on at the end", () => {
    const { source, said, shutdown } = installed();
    source.emit("SIGINT", "SIGINT");
    expect(shutdown.signal.aborted).toBe(true);
    expect(shutdown.reason).toBe("SIGINT");
    expect(said).toEqual(["stopping; Ctrl-C again stops at once"]);
    expect(source.killed).toEqual([]);
    shutdown.raise();
    expect(source.killed).toEqual([[42, "SIGINT"]]);
  });

  test("that comes again ends the process at once", () => {
    const { source, clock } = installed();
    source.emit("SIGINT", "SIGINT");
    clock.advance(1_000);
    source.emit("SIGINT", "SIGINT");
    expect(source.killed).toEqual([[42, "SIGINT"]]);
  });

  test("that comes twice within a moment is one Ctrl-C, passed on by the launcher", () => {
    const { source, clock } = installed();
    source.emit("SIGINT", "SIGINT");
    clock.advance(50);
    source.emit("SIGINT", "SIGINT");
    expect(source.killed).toEqual([]);
  });

  test.each(["SIGTERM", "SIGHUP"] as const)("%s is passed on as itself", (signal) => {
    const { source, shutdown } = installed();
    source.emit(signal, signal);
    shutdown.raise();
    expect(source.killed).toEqual([[42, signal]]);
  });
});

describe("a reader of stdout that goes away", () => {
  test("stops the command and is no death by signal", () => {
    const { source, said, shutdown } = installed();
    shutdown.readerGone();
    expect(shutdown.signal.aborted).toBe(true);
    shutdown.raise();
    expect(source.killed).toEqual([]);
    expect(said).toEqual([]);
  });

  test("still lets a signal through", () => {
    const { source, shutdown } = installed();
    shutdown.readerGone();
    source.emit("SIGTERM", "SIGTERM");
    expect(shutdown.reason).toBe("SIGTERM");
  });
});

test("without either nothing is raised", () => {
  const { source, shutdown } = installed();
  shutdown.raise();
  expect(source.killed).toEqual([]);
});
