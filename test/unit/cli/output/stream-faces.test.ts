import { describe, expect, test } from "vitest";
import { chooseOutput, type OutputChoice } from "../../../../src/cli/output/choose-output.ts";
import type { StreamFace } from "../../../../src/cli/output/stream-face.ts";
import { LinesFace } from "../../../../src/cli/output/stream-lines.ts";
import { NdjsonFace } from "../../../../src/cli/output/stream-ndjson.ts";
import type { RunEvent, RunUpdate } from "../../../../src/protocol/run-event.ts";
import { ASCII_GLYPHS } from "../../../../src/tui/glyphs.ts";
import { OrderPipeline } from "../../../support/order-pipeline.ts";

const runId = "run_20261123T090000Z_a1b2c3d4";
const ndjson = (changes: Partial<ConstructorParameters<typeof NdjsonFace>[0]> = {}) =>
  new NdjsonFace({ runId, nodes: null, limit: null, since: null, ...changes });

const write = (face: StreamFace, ...events: readonly RunEvent[]) =>
  events.flatMap((event) => face.lines({ source: "run", event, cursor: null }));
const objects = (lines: readonly string[]) => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
const types = (lines: readonly string[]) => objects(lines).map(({ type }) => type);
const bins = (lines: readonly string[]) => objects(lines).flatMap(({ type, bin }) => (type === "bin" ? [bin] : []));

const hello = ({ run }: OrderPipeline): RunEvent => ({ event: "hello", data: run.hello() });
const snapshot = ({ run }: OrderPipeline, updates: readonly RunUpdate[] = run.bins): RunEvent[] => {
  const { epoch, seq, sealedBin, hash } = run;
  return [
    { event: "snapshot-begin", data: { runId, epoch, seq, sealedBin, hash, pages: 1 } },
    { event: "snapshot-page", data: { page: 0, bins: updates } },
    { event: "snapshot-end", data: { epoch, seq, sealedBin, hash, warnings: [...run.warnings.values()] } },
  ];
};

function pipelineAt(count: number): OrderPipeline {
  const pipeline = new OrderPipeline();
  pipeline.advance(count);
  return pipeline;
}

describe("NDJSON", () => {
  test("hello names the version of the lines, then bins, then end", () => {
    const face = ndjson();
    const pipeline = pipelineAt(2);
    const lines = [
      ...write(face, hello(pipeline), ...snapshot(pipeline)),
      ...face.end({ reason: "completed", message: null }),
    ];
    expect(types(lines)).toEqual(["hello", "bin", "bin", "end"]);
    const [first, bin, , end] = objects(lines);
    expect(first).toMatchObject({ schema: "flowtime.stream/1", runId, seq: 2, resumedFrom: null });
    expect(Object.keys(bin!)).toEqual(["type", "seq", "runId", "bin", "rev", "t", "nodes", "hash"]);
    expect(bin).toMatchObject({ seq: 1, bin: 0, t: "2026-11-23T09:00:00Z", hash: pipeline.run.bins[0]!.hash });
    expect(end).toEqual({
      type: "end",
      reason: "completed",
      bins: 2,
      sealedBin: 1,
      seq: 2,
      hash: pipeline.run.hash,
      message: null,
    });
  });

  test("missing telemetry is null, and the roles that are missing are named", () => {
    const pipeline = pipelineAt(22);
    const line = objects(write(ndjson(), ...pipeline.run.events.slice(-1)))[0]!;
    expect(line.gaps).toEqual({ notify: ["arrivals", "served", "errors"] });
    expect((line.nodes as Record<string, object>).notify).toMatchObject({ arrivals: null });
  });

  test("warnings follow their bin; those active before are said once, and again when they clear", () => {
    const face = ndjson();
    const pipeline = pipelineAt(30);
    const lines = write(face, hello(pipeline), ...snapshot(pipeline, pipeline.run.bins.slice(-2)));
    expect(objects(lines).filter(({ type }) => type === "warning")).toMatchObject(
      [...pipeline.run.warnings.keys()].map((key) => ({ action: "active", key, seq: 30 })),
    );
    const update = pipeline.run.seal([], [{ action: "cleared", key: "notify/gap" }]);
    const next = objects(write(face, { event: "bin", data: update }));
    expect(next).toMatchObject([
      { type: "bin" },
      { type: "warning", action: "cleared", key: "notify/gap", code: "telemetry_gap" },
    ]);
  });

  test("only some nodes: their values, their warnings, and the hash of all", () => {
    const face = ndjson({ nodes: ["intake"] });
    const pipeline = pipelineAt(25);
    const lines = objects(write(face, hello(pipeline), ...pipeline.run.events));
    expect(lines[0]?.nodes).toEqual(["intake"]);
    expect(Object.keys(lines[1]?.nodes as object)).toEqual(["intake"]);
    expect(lines.some(({ type }) => type === "warning")).toBe(false);
    expect(lines[1]?.hash).toBe(pipeline.run.bins[0]!.hash);
  });

  test("a snapshot after a reset does not repeat bins, and says what was not seen", () => {
    const face = ndjson();
    const pipeline = pipelineAt(5);
    write(face, hello(pipeline), ...snapshot(pipeline));
    pipeline.advance(10);
    const reset: RunEvent = { event: "reset", data: { reason: "evicted" } };
    const overlapping = write(face, hello(pipeline), reset, ...snapshot(pipeline, pipeline.run.bins.slice(2)));
    expect(types(overlapping)[0]).toBe("reset");
    expect(bins(overlapping)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    pipeline.advance(10);
    const apart = write(face, reset, ...snapshot(pipeline, pipeline.run.bins.slice(-3)));
    expect(objects(apart)[1]).toEqual({ type: "gap", fromBin: 15, toBin: 21 });
    expect(bins(apart)).toEqual([22, 23, 24]);
  });

  test("the same bins in a new epoch are not repeated, another history is written whole", () => {
    const face = ndjson();
    const pipeline = pipelineAt(5);
    write(face, hello(pipeline), ...snapshot(pipeline));
    pipeline.run.restart("e2");
    const reset: RunEvent = { event: "reset", data: { reason: "epoch" } };
    expect(bins(write(face, reset, ...snapshot(pipeline)))).toEqual([]);
    const other = new OrderPipeline(runId, 99);
    other.advance(4);
    expect(bins(write(face, reset, ...snapshot(other)))).toEqual([0, 1, 2, 3]);
  });

  test("a limit counts bins, and nothing follows it", () => {
    const face = ndjson({ limit: 3 });
    const pipeline = pipelineAt(30);
    const lines = write(face, hello(pipeline), ...snapshot(pipeline));
    expect(types(lines)).toEqual(["hello", "bin", "bin", "bin"]);
    expect(face.bins).toBe(3);
    expect(objects(face.end({ reason: "limit", message: null }))[0]).toMatchObject({ sealedBin: 2, seq: 3 });
  });

  test("checkpoints and connections", () => {
    const face = ndjson();
    const pipeline = pipelineAt(1);
    const data = pipeline.run.checkpoint();
    expect(objects(write(face, { event: "checkpoint", data }))[0]).toEqual({
      type: "checkpoint",
      seq: 2,
      bin: 0,
      snapshotRunId: data.snapshotRunId,
      path: data.path,
    });
    const connected = {
      source: "connection",
      event: { event: "connected", resumedFrom: { epoch: "e1", seq: 2 }, afterMs: 700 },
    } as const;
    expect(face.lines(connected)).toEqual([]);
    const lost = { event: "lost", reason: "silent", message: "nothing heard", failures: 1, retryInMs: 500 } as const;
    expect(objects(face.lines({ source: "connection", event: lost }))[0]).toMatchObject({
      type: "conn",
      state: "reconnecting",
      attempt: 1,
    });
    expect(objects(face.lines(connected))[0]).toMatchObject({ type: "conn", state: "connected", resumedFrom: "e1.2" });
  });
});

describe("plain lines", () => {
  test("one per node and bin, with the three ways of having no number", () => {
    const face = new LinesFace({ nodes: ["notify", "refund-dlq"], limit: null, glyphs: ASCII_GLYPHS });
    const pipeline = pipelineAt(22);
    expect(write(face, pipeline.run.events.at(-1)!)).toEqual([
      "2026-11-23 09:21Z  bin 21  refund-dlq  arr     0.0  srv     0.0  queue     0.0  latency       -",
      "2026-11-23 09:21Z  bin 21  notify      arr     n/a  srv     n/a  err     n/a  util     n/a  no telemetry: arrivals, served, errors",
      "info raised: notify: Telemetry of 3 roles was missing when the bin was sealed (telemetry_gap)",
    ]);
    expect(face.end({ reason: "completed", message: null })).toEqual(["completed: 1 bin shown, newest sealed bin 21"]);
  });
});

test.each([
  ["auto", true, {}, "tui"],
  ["auto", false, {}, "ndjson"],
  ["auto", true, { CI: "true" }, "lines"],
  ["auto", true, { CI: "false" }, "tui"],
  ["auto", true, { TERM: "dumb" }, "lines"],
  ["auto", true, { ACCESSIBLE: "1" }, "lines"],
  ["tui", true, { CI: "1" }, "tui"],
  ["ndjson", true, {}, "ndjson"],
  ["lines", false, {}, "lines"],
  ["quiet", true, {}, "quiet"],
] as const)("output %s, terminal %s, %o: %s", (choice: OutputChoice, stdoutIsTTY, env, expected) => {
  expect(chooseOutput(choice, { stdoutIsTTY, env })).toBe(expected);
});

test("a screen is refused where there is none", () => {
  expect(() => chooseOutput("tui", { stdoutIsTTY: false, env: {} })).toThrow(/needs a terminal/);
});
