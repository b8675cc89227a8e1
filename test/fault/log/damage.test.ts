import { spawn } from "node:child_process";
import { cpSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { LogError } from "../../../src/log/log-error.ts";
import { FORMAT_VERSION } from "../../../src/log/sqlite/schema.ts";
import { SqliteLogStore } from "../../../src/log/sqlite/sqlite-log-store.ts";
import { parseRunId } from "../../../src/protocol/ids.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { batchAt, markAt } from "./history.ts";

const RUN = parseRunId("run_damaged")!;
const BATCHES = 30;

interface Fixture {
  readonly folder: string;
  readonly file: string;
  readonly head: number;
  /** Position of the batch in the middle. */
  readonly middle: number;
}

/** A log that was closed in good order: everything is in the database file. */
function closedLog(): Fixture {
  const folder = tempFolder();
  const log = new SqliteLogStore(folder).create(RUN, '{"is":"meta"}');
  let middle = 0;
  for (let batch = 0; batch < BATCHES; batch++) {
    const head = log.head();
    if (batch === BATCHES / 2) middle = head;
    log.append(batchAt(head), markAt(head));
  }
  const head = log.head();
  log.close();
  return { folder, file: path.join(folder, RUN, "log.sqlite"), head, middle };
}

/** A log whose owner was killed: the newest batches are in the write-ahead log. */
async function killedLog(): Promise<Fixture> {
  const folder = tempFolder();
  const appender = path.join(import.meta.dirname, "appender.ts");
  const child = spawn(process.execPath, [appender, folder, RUN, "300"], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  for await (const text of child.stdout) {
    said += text;
    const head = Number(said.trimEnd().split(" ").at(-1));
    if (said.endsWith("\n") && head >= 300) child.kill("SIGKILL");
  }
  const head = Number(said.trimEnd().split(" ").at(-1));
  return { folder, file: path.join(folder, RUN, "log.sqlite"), head, middle: 0 };
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at]! ^= 0x10;
  writeFileSync(file, bytes);
}

/** Opens and reads everything; the error that stops this, or what was read. */
function readAll(folder: string): LogError | string[] {
  let log: ReturnType<SqliteLogStore["open"]> | undefined;
  try {
    log = new SqliteLogStore(folder).open(RUN);
    return [...log.readFrom(0)].flatMap((chunk) => chunk.records);
  } catch (error) {
    if (error instanceof LogError) return error;
    throw error;
  } finally {
    log?.close();
  }
}

function edit(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

test("a log of format 1 is brought up to date when it is opened", () => {
  const { folder, file, head } = closedLog();
  edit(file, "DROP TABLE retained; DROP TABLE producer; PRAGMA user_version = 1");
  const log = new SqliteLogStore(folder).open(RUN);
  expect([log.start(), log.head(), log.producers()]).toEqual([0, head, []]);
  log.append(["more"], markAt(head), [{ id: "p", epoch: 0, seq: 0, memo: "{}" }]);
  log.close();
  expect(readAll(folder)).toContain("more");
});

describe("a damaged log is refused, with file and position (class 3)", () => {
  test("a flipped bit in a record", () => {
    const { folder, file, middle } = closedLog();
    flip(file, readFileSync(file).indexOf(`{"record":${middle},`) + 3);
    const answer = readAll(folder);
    expect(answer).toMatchObject({
      code: "log_damaged",
      retryable: false,
      facts: { runId: RUN, file, position: middle },
    });
    expect((answer as LogError).message).toContain(file);
    expect((answer as LogError).message).toContain("CRC-32");
  });

  test("a flipped bit in the newest record is found on opening", () => {
    const { folder, file, head } = closedLog();
    flip(file, readFileSync(file).indexOf(`{"record":${head - 1},`) + 3);
    expect(() => new SqliteLogStore(folder).open(RUN)).toThrow(/newest chunk .* CRC-32/);
  });

  const edits: readonly [string, (fixture: Fixture) => string, Partial<LogError>][] = [
    ["a missing row", ({ middle }) => `DELETE FROM chunk WHERE first = ${middle}`, { code: "log_damaged" }],
    ["a missing first row", () => "DELETE FROM chunk WHERE first = 0", { code: "log_damaged" }],
    ["another mark", ({ middle }) => `UPDATE chunk SET hash = '0' WHERE first = ${middle}`, { code: "log_damaged" }],
    [
      "another sealed bin",
      ({ middle }) => `UPDATE chunk SET sealed_bin = 7 WHERE first = ${middle}`,
      { code: "log_damaged" },
    ],
    [
      "another count",
      ({ middle }) => `UPDATE chunk SET count = count + 1 WHERE first = ${middle}`,
      { code: "log_damaged" },
    ],
    ["a count beyond the integers", () => "UPDATE chunk SET count = 9223372036854775807", { code: "log_damaged" }],
    ["another description", () => `UPDATE run SET meta = '{"is":"mata"}'`, { code: "log_damaged" }],
    ["another run's log", () => "UPDATE run SET id = 'run_other'", { code: "log_damaged" }],
    ["no description", () => "DELETE FROM run", { code: "log_damaged" }],
    ["another start", () => "UPDATE retained SET start = 5", { code: "log_damaged" }],
    ["a newer format", () => `PRAGMA user_version = ${FORMAT_VERSION + 1}`, { code: "log_wrong_format" }],
    ["another program's database", () => "PRAGMA application_id = 1", { code: "log_wrong_format" }],
  ];
  test.each(edits)("%s", (_name, sql, expected) => {
    const fixture = closedLog();
    edit(fixture.file, sql(fixture));
    const answer = readAll(fixture.folder);
    expect(answer).toMatchObject({ ...expected, facts: { runId: RUN, file: fixture.file } });
  });

  test("a file cut short anywhere", () => {
    const whole = closedLog();
    const size = statSync(whole.file).size;
    const codes = new Set<string>();
    for (let part = 1; part <= 16; part++) {
      const folder = tempFolder();
      cpSync(whole.folder, folder, { recursive: true });
      truncateSync(path.join(folder, RUN, "log.sqlite"), Math.floor((size * part) / 17));
      const answer = readAll(folder);
      expect(answer, `cut at ${part}/17`).toBeInstanceOf(LogError);
      codes.add((answer as LogError).code);
    }
    expect([...codes]).toEqual(["log_damaged"]);
  });

  test("an empty file, and a file of something else", () => {
    const { folder, file } = closedLog();
    writeFileSync(file, "");
    expect(readAll(folder)).toMatchObject({ code: "log_wrong_format" });
    writeFileSync(file, "binIndex,value\n".repeat(100));
    expect(readAll(folder)).toMatchObject({ code: "log_wrong_format" });
  });
});

describe("the write-ahead log of a killed owner", () => {
  test("undamaged, gives every acknowledged record", async () => {
    const { folder, head } = await killedLog();
    expect(existsSync(path.join(folder, RUN, "log.sqlite-wal"))).toBe(true);
    expect(readAll(folder)).toHaveLength(head);
  });

  test("with a flipped bit before its last commit, is refused, though SQLite would forget what follows", async () => {
    const { folder, file } = await killedLog();
    const wal = `${file}-wal`;
    const size = statSync(wal).size;
    // In the header, a frame's header, the first page, the middle.
    for (const at of [9, 17, 26, 32 + 10, 32 + 500, Math.floor(size / 2)]) {
      const copy = tempFolder();
      cpSync(folder, copy, { recursive: true });
      const copiedWal = path.join(copy, RUN, "log.sqlite-wal");
      flip(copiedWal, at);
      const answer = readAll(copy);
      expect(answer, `flip at ${at}`).toMatchObject({ code: "log_damaged", facts: { file: copiedWal } });
      expect(existsSync(copiedWal), "the evidence stays").toBe(true);
    }
  });

  test("with a torn end, gives every batch before it", async () => {
    const { folder, file, head } = await killedLog();
    const wal = `${file}-wal`;
    truncateSync(wal, statSync(wal).size - 100);
    const records = readAll(folder);
    expect(records).toBeInstanceOf(Array);
    let expected = 0;
    while (expected + batchAt(expected).length < head) expected += batchAt(expected).length;
    expect(records).toHaveLength(expected);
  });
});
