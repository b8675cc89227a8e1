import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { decodeRunEvent, isRunEventName } from "../../../src/client/decode-event.ts";
import { DEFAULT_LIMITS } from "../../../src/hub/limits.ts";
import { BODY_IDLE_MS, BODY_TIMEOUT_MS } from "../../../src/ingest/body.ts";
import { decodeFrames } from "../../../src/ingest/decode.ts";
import { DEFAULT_BATCH_BYTES, DEFAULT_BATCH_LINES, DEFAULT_QUEUE_BYTES } from "../../../src/ingest/gateway.ts";
import { MAX_LINE_BYTES } from "../../../src/ingest/ndjson.ts";
import { MAX_PRODUCERS } from "../../../src/log/telemetry-log.ts";
import { parseCursor } from "../../../src/protocol/cursor.ts";
import { type FrameErrorCode, MAX_REPORTED_ERRORS } from "../../../src/protocol/frame.ts";
import { PROBLEMS } from "../../../src/protocol/problem.ts";
import { type ByeCode, type ResetReason, RUN_EVENT_NAMES } from "../../../src/protocol/run-event.ts";
import { DEFAULT_MAX_OPEN_BINS } from "../../../src/runtime/cell-ledger.ts";
import { MAX_SUPERSEDED_VALUES } from "../../../src/runtime/past-bins.ts";
import { MAX_BACKLOG_BINS } from "../../../src/runtime/run-loop.ts";
import { MAX_BINS_PER_ANSWER } from "../../../src/server/routes/bins.ts";

const root = path.resolve(import.meta.dirname, "../../..");
const spec = readFileSync(path.join(root, "docs/spec/http.md"), "utf8");

/** The rows of the first table under a heading, cells as written. */
function table(heading: string): readonly (readonly string[])[] {
  const section = spec.split(/^#+ /m).find((part) => part.startsWith(`${heading}\n`));
  const lines = (section ?? "").split("\n");
  const start = lines.findIndex((line) => line.startsWith("|"));
  const end = lines.findIndex((line, at) => at > start && !line.startsWith("|"));
  return lines.slice(start + 2, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** First cells of a table that are one code in backticks. */
const codes = (heading: string) => table(heading).map(([code]) => /^`([\w-]+)`$/.exec(code!)?.[1]);

function blocks(language: string): readonly string[] {
  return [...spec.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map((match) => match[1]!);
}

// The unions of the protocol exist only as types. These lists fail to compile when one lacks or invents a code.
const FRAME_ERRORS: Record<FrameErrorCode, true> = {
  malformed: true,
  unknown_type: true,
  unknown_node: true,
  unknown_metric: true,
  unbound_series: true,
  bad_value: true,
  bad_time: true,
  beyond_horizon: true,
  conflict: true,
  late: true,
  too_late: true,
  bad_adjustment: true,
  run_ended: true,
  line_too_long: true,
};
const RESET_REASONS: Record<ResetReason, true> = { epoch: true, evicted: true, ahead: true, slow: true, acl: true };
const BYE_CODES: Record<ByeCode, true> = {
  completed: true,
  aborted: true,
  failed: true,
  slow: true,
  expired: true,
  draining: true,
};

describe("docs/spec/http.md", () => {
  test("error answers: codes and statuses are those of the code", () => {
    const documented = table("Error answers").map(([code, status]) => [code!.replaceAll("`", ""), Number(status)]);
    expect(Object.fromEntries(documented)).toEqual(PROBLEMS);
    expect(documented).toHaveLength(Object.keys(PROBLEMS).length);
  });

  test.each([
    ["Frame errors", Object.keys(FRAME_ERRORS)],
    ["Events", [...RUN_EVENT_NAMES]],
    ["Reset reasons", Object.keys(RESET_REASONS)],
    ["Bye codes", Object.keys(BYE_CODES)],
  ])("%s: the table is closed", (heading, known) => {
    expect(codes(heading).toSorted()).toEqual(known.toSorted());
  });

  test("routes are those that are registered", () => {
    const folder = path.join(root, "src/server/routes");
    const sources = readdirSync(folder).map((file) => readFileSync(path.join(folder, file), "utf8"));
    const paths = sources.flatMap((text) =>
      [...text.matchAll(/"(\/(?:v1\/|healthz)[^"]*)"/g)].map((match) => match[1]),
    );
    const documented = table("Routes").map(([, route]) => route!.replaceAll("`", ""));
    expect([...new Set(documented)].toSorted()).toEqual([...new Set(paths)].toSorted());
  });

  test("limits are the defaults", () => {
    const documented = table("Limits").map(([, value]) => value);
    const mebibytes = (bytes: number) => `${bytes / 1024 ** 2} MiB`;
    expect(documented.slice(0, -1)).toEqual([
      String(DEFAULT_MAX_OPEN_BINS),
      String(MAX_BACKLOG_BINS),
      mebibytes(MAX_LINE_BYTES),
      mebibytes(DEFAULT_BATCH_BYTES),
      DEFAULT_BATCH_LINES.toLocaleString("en-US"),
      `${BODY_IDLE_MS / 1000} s`,
      `${BODY_TIMEOUT_MS / 1000} s`,
      mebibytes(DEFAULT_QUEUE_BYTES),
      MAX_PRODUCERS.toLocaleString("en-US"),
      String(MAX_REPORTED_ERRORS),
      `${DEFAULT_LIMITS.replayEvents.toLocaleString("en-US")} and ${mebibytes(DEFAULT_LIMITS.replayBytes)}`,
      mebibytes(DEFAULT_LIMITS.unsentBytes),
      `${DEFAULT_LIMITS.slowCloseMs / 1000} s`,
      mebibytes(MAX_SUPERSEDED_VALUES * 8),
      String(MAX_BINS_PER_ANSWER),
    ]);
  });

  test("every example of a frame is one", () => {
    const lines = blocks("ndjson").flatMap((block) => decodeFrames(block));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter((line) => "error" in line)).toEqual([]);
  });

  test("every example of JSON is JSON", () => {
    expect(blocks("json").length).toBeGreaterThan(0);
    for (const block of blocks("json")) expect(() => JSON.parse(block)).not.toThrow();
  });

  test("the example of a stream holds every event, and the client reads it", () => {
    const events = blocks("sse")[0]!
      .split("\n\n")
      .flatMap((block) => {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
        const name = field("event");
        const id = field("id");
        if (id !== undefined) expect(parseCursor(id)).not.toBeNull();
        return name === undefined ? [] : [{ name, data: field("data")! }];
      });
    for (const { name, data } of events) {
      expect(isRunEventName(name) && decodeRunEvent(name, data)).toBeTruthy();
    }
    expect([...new Set(events.map(({ name }) => name))].toSorted()).toEqual([...RUN_EVENT_NAMES].toSorted());
  });
});
