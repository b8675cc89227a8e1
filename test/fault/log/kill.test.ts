import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import type { BlockingLog } from "../../../src/log/blocking-log.ts";
import { SqliteLogStore } from "../../../src/log/sqlite/sqlite-log-store.ts";
import { parseRunId } from "../../../src/protocol/ids.ts";
import { random, seedsFrom } from "../../support/random.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { batchAt, markAt } from "./history.ts";

/**
 * Crash points: the kill comes from outside, at a random moment of a loop append → flush → acknowledge, so it falls
 * between any two of them, into SQLite's own writes and into its checkpoints. What the appender had not acknowledged
 * may be there (the acknowledgement was under way) or not; what it had acknowledged must be there, and nothing half.
 */

const RUN = parseRunId("run_killed")!;
const appender = path.join(import.meta.dirname, "appender.ts");

function startAppender(folder: string, ...more: string[]): ChildProcess {
  return spawn(process.execPath, [appender, folder, RUN, ...more], { stdio: ["ignore", "pipe", "inherit"] });
}

/** Heads the appender has acknowledged, read until it is gone. `onAck` may kill it. */
async function acknowledged(child: ChildProcess, onAck: (count: number) => void): Promise<number> {
  let head = 0;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout! })) {
    const [word, value] = line.split(" ");
    head = Number(value);
    if (word === "ack") onAck(++count);
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return head;
}

function expectWhole(log: BlockingLog): void {
  let position = 0;
  for (const chunk of log.readFrom(0)) {
    expect(chunk).toEqual({ first: position, records: batchAt(position), mark: markAt(position) });
    position += chunk.records.length;
  }
  expect(position).toBe(log.head());
}

describe("an appender killed with SIGKILL (class 3)", () => {
  for (const seed of seedsFrom("LOG_KILL_SEED", 1)) {
    test(`loses nothing acknowledged and leaves nothing half, eight times over, seed ${seed} (LOG_KILL_SEED)`, async () => {
      const chance = random(seed);
      const folder = tempFolder();
      let before = 0;
      for (let round = 0; round < 8; round++) {
        const child = startAppender(folder);
        const killAfter = 1 + chance.below(chance.pick([3, 50, 400]));
        const head = await acknowledged(child, (count) => {
          if (count === killAfter) child.kill("SIGKILL");
        });
        const log = new SqliteLogStore(folder).open(RUN);
        expect(log.head(), `round ${round}`).toBeGreaterThanOrEqual(head);
        expect(head).toBeGreaterThan(before);
        expectWhole(log);
        before = log.head();
        log.close();
      }
    });
  }

  test("frees the log, which nobody else could open while it lived (class 2)", async () => {
    const folder = tempFolder();
    const store = new SqliteLogStore(folder);
    const child = startAppender(folder);
    let refused: unknown;
    await acknowledged(child, (count) => {
      if (count !== 5) return;
      try {
        store.open(RUN);
      } catch (error) {
        refused = error;
      }
      child.kill("SIGKILL");
    });
    expect(refused).toMatchObject({ code: "log_locked", retryable: true, facts: { runId: RUN } });
    store.open(RUN).close();
  });

  test("that is only stopped keeps the log, and goes on where it was: no second owner gets in between (class 2)", async () => {
    const folder = tempFolder();
    const store = new SqliteLogStore(folder);
    const child = startAppender(folder);
    const refusals: unknown[] = [];
    const attempt = () => {
      try {
        store.open(RUN).close();
        refusals.push("opened");
      } catch (error) {
        refusals.push((error as { code: string }).code);
      }
    };
    const head = await acknowledged(child, (count) => {
      if (count === 5) {
        child.kill("SIGSTOP");
        for (let round = 0; round < 50; round++) attempt();
        child.kill("SIGCONT");
      }
      if (count === 15) child.kill("SIGKILL");
    });
    expect(new Set(refusals)).toEqual(new Set(["log_locked"]));
    const log = store.open(RUN);
    expect(log.head()).toBeGreaterThanOrEqual(head);
    expectWhole(log);
    log.close();
  });
});
