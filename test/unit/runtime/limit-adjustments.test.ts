import { describe, expect, test } from "vitest";
import type { Frame } from "../../../src/protocol/frame.ts";
import { timestampedRunId } from "../../../src/protocol/ids.ts";
import { compileRun } from "../../../src/runtime/compile-run.ts";
import { LiveRun } from "../../../src/runtime/live-run.ts";

const BLOCK = `schemaVersion: 1
grid: { bins: 8, binSize: 60, binUnit: minutes }
nodes:
  - { id: in, kind: const, values: [10, 10, 10, 10, 10, 10, 10, 10] }
  - { id: out, kind: const, values: [2, 2, 2, 2, 2, 2, 2, 2] }
  - id: late
    kind: expr
    expr: "SHIFT(in, 1)" # the last one
topology:
  nodes:
    - id: Dock
      kind: serviceWithBuffer
      wipLimit: 20 # pallets
      wipOverflow: Yard
      semantics: { arrivals: in, served: out, queueDepth: self }
    - { id: Yard, kind: serviceWithBuffer, wipLimit: 30, semantics: { arrivals: late, served: out, queueDepth: self } }
  edges: []
`;
const FLOW = `schemaVersion: 1
grid: { bins: 8, binSize: 60, binUnit: minutes }
nodes: [ { id: in, kind: const, values: [10, 10, 10, 10, 10, 10, 10, 10] }, { id: out, kind: const, values: [2, 2, 2, 2, 2, 2, 2, 2] } ]
topology:
  nodes:
    - { id: Dock, kind: serviceWithBuffer, wipLimit: 20, semantics: { arrivals: in, served: out, queueDepth: self } }
  edges: []
`;

function runOf(modelText: string, wip = true): LiveRun {
  const modes = { wip };
  const runId = timestampedRunId(0, new Uint8Array(4));
  return new LiveRun(
    { runId, epoch: "0", mode: "live", createdUtc: "", modelText, bindings: ["in"], checkpointEvery: null, modes },
    compileRun(modelText, ["in"], { modes }),
  );
}

function take(run: LiveRun, ...frames: readonly Frame[]): string[] {
  run.begin();
  const verdicts = frames
    .map((frame) => run.admit(frame))
    .map((verdict) => ("code" in verdict ? verdict.message : verdict.kind));
  run.commit();
  while (run.evaluateNext() !== null) {}
  return verdicts;
}

const cell = (binIndex: number): Frame => ({ type: "telemetry", binIndex, seriesId: "in", value: 10 });
const adjust = (fromBin: number, set: Record<string, number>): Frame => ({ type: "adjust", fromBin, set });
const depths = (run: LiveRun, id: string): number[] => [...run.values(id)];

describe("a scalar WIP limit of a run that enforces limits", () => {
  test.each([
    ["nodes over lines", BLOCK],
    ["nodes in brackets", FLOW],
  ])("changes from a bin on, more than once: %s", (_, text) => {
    const run = runOf(text);
    for (let bin = 0; bin < 8; bin++) {
      if (bin === 3) expect(take(run, adjust(4, { "Dock.wipLimit": 12 }))).toEqual(["accepted"]);
      if (bin === 5) expect(take(run, adjust(6, { "dock.wipLimit": 25 }))).toEqual(["accepted"]);
      expect(take(run, cell(bin))).toEqual(["accepted"]);
    }
    expect(depths(run, "dock_queue")).toEqual([8, 16, 20, 20, 12, 12, 20, 25]);
    expect(depths(run, "dock_queue_wip_limit")).toEqual([20, 20, 20, 20, 12, 12, 25, 25]);
    const whole = runOf(run.plan.source.text);
    take(whole, ...Array.from({ length: 8 }, (_, bin) => cell(bin)));
    for (const { id, values } of run.image().series) expect([...values], id).toEqual(depths(whole, id));
  });

  test("two queues at once; what overflows goes on into the other", () => {
    const run = runOf(BLOCK);
    take(
      run,
      adjust(2, { "Dock.wipLimit": 5, "Yard.wipLimit": 8 }),
      ...Array.from({ length: 8 }, (_, bin) => cell(bin)),
    );
    const text = run.plan.source.text;
    expect(text).toContain('    expr: "SHIFT(in, 1)" # the last one\n  - { id: dock_queue_wip_limit');
    expect(text).toContain("wipLimitSeries: dock_queue_wip_limit # pallets");
    const whole = runOf(text);
    take(whole, ...Array.from({ length: 8 }, (_, bin) => cell(bin)));
    for (const { id, values } of run.image().series) expect([...values], id).toEqual(depths(whole, id));
    expect(depths(run, "yard_queue").slice(2)).toEqual([8, 8, 8, 8, 8, 8]);
  });
});

test.each([
  [true, { "Dock.wipLimit": -1 }, "must not be negative"],
  [false, { "Dock.wipLimit": 5 }, "does not enforce WIP limits"],
])("what is refused (enforced: %s, %j)", (isEnforced, set, message) => {
  const run = runOf(FLOW, isEnforced);
  expect(take(run, adjust(0, set))).toEqual([expect.stringContaining(message)]);
  expect(run.changes).toEqual([]);
});

test("a queue without a limit has none to change", () => {
  const run = runOf(FLOW.replace(" wipLimit: 20,", ""));
  expect(take(run, adjust(0, { "Dock.wipLimit": 5 }))).toEqual([
    "'Dock.wipLimit': the queue of node 'Dock' has no WIP limit.",
  ]);
});
