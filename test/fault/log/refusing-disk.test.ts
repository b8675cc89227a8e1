import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { LogError } from "../../../src/log/log-error.ts";
import { SqliteLogStore } from "../../../src/log/sqlite/sqlite-log-store.ts";
import { parseRunId } from "../../../src/protocol/ids.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { batchAt, markAt } from "./history.ts";

const RUN = parseRunId("run_refused")!;

function fill(folder: string, maxLogBytes: number): { head: number; error: LogError } {
  const store = new SqliteLogStore(folder, { maxLogBytes });
  const log = store.exists(RUN) ? store.open(RUN) : store.create(RUN, "{}");
  try {
    for (;;) log.append(batchAt(log.head()), markAt(log.head()));
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    const head = log.head();
    expect([...log.readFrom(0)].flatMap((chunk) => chunk.records)).toHaveLength(head);
    log.close();
    return { head, error };
  }
}

/** Runs `probe.ts` as somebody who is not root, and under shell limits. Root is not stopped by permissions. */
function probe(folder: string, shellPrefix = ""): { code: string; head: number } {
  const script = path.join(import.meta.dirname, "probe.ts");
  const isRoot = process.getuid?.() === 0;
  const result = spawnSync(
    "sh",
    ["-c", `${shellPrefix} exec "$0" "$1" "$2" "$3"`, process.execPath, script, folder, RUN],
    {
      encoding: "utf8",
      ...(isRoot ? { uid: NOBODY } : {}),
    },
  );
  expect(result.stderr).toBe("");
  return JSON.parse(result.stdout);
}

const NOBODY = 65534;

function giveToNobody(...files: string[]): void {
  if (process.getuid?.() !== 0) return;
  for (const file of files) chownSync(file, NOBODY, NOBODY);
}

describe("a log that cannot grow (class 3)", () => {
  test("answers log_full, keeps what it had, and goes on once there is room", () => {
    const folder = tempFolder();
    const first = fill(folder, 1_000_000);
    expect(first.error).toMatchObject({ code: "log_full", retryable: true, facts: { position: first.head } });
    const second = fill(folder, 2_000_000);
    expect(second.error.code).toBe("log_full");
    expect(second.head).toBeGreaterThan(first.head);
  });

  test("takes a smaller batch after one that did not fit", () => {
    const log = new SqliteLogStore(tempFolder(), { maxLogBytes: 1_000_000 }).create(RUN, "{}");
    log.append(["small"], markAt(0));
    expect(() => log.append(["x".repeat(2_000_000)], markAt(1))).toThrow(LogError);
    expect(log.append(["small"], markAt(1))).toBe(2);
    log.close();
  });

  test("a write that the system fails ends the log object, and loses nothing acknowledged", () => {
    const folder = tempFolder();
    giveToNobody(folder);
    // Files of at most 1 MiB (POSIX counts blocks of 512 bytes; dash and bash do, or count 1024).
    const { code, head } = probe(folder, "ulimit -f 2048;");
    expect(code).toBe("log_io");
    expect(head).toBeGreaterThan(0);
    const log = new SqliteLogStore(folder).open(RUN);
    expect(log.head()).toBeGreaterThanOrEqual(head);
    expect([...log.readFrom(0)].flatMap((chunk) => chunk.records)).toHaveLength(log.head());
    log.close();
  });
});

describe("a place that cannot be written", () => {
  test("for a new log", () => {
    const folder = tempFolder();
    giveToNobody(folder);
    chmodSync(folder, 0o555);
    expect(probe(folder).code).toBe("log_read_only");
    expect(readdirSync(folder)).toEqual([]);
    chmodSync(folder, 0o755);
  });

  test("for a log that exists", () => {
    const folder = tempFolder();
    new SqliteLogStore(folder).create(RUN, "{}").close();
    const file = path.join(folder, RUN, "log.sqlite");
    chmodSync(folder, 0o755);
    chmodSync(path.dirname(file), 0o555);
    giveToNobody(file, path.dirname(file));
    chmodSync(file, 0o444);
    expect(probe(folder).code).toBe("log_read_only");
    chmodSync(path.dirname(file), 0o755);
  });

  test("because a file stands where the folder should", () => {
    const folder = tempFolder();
    mkdirSync(path.join(folder, RUN, "log.sqlite"), { recursive: true });
    expect(() => new SqliteLogStore(folder).open(RUN)).toThrow(LogError);
  });
});
