import { describe, expect, test } from "vitest";
import { filterEnd, filterEvent, filterKey, filterPage } from "../../../src/hub/filter.ts";
import type { NumberedEvent, RunUpdate, Warning, WarningUpdate } from "../../../src/protocol/run-event.ts";

function warning(key: string, nodeId: string | null): Warning {
  return { key, code: "c", nodeId, message: "", severity: "info", bins: [0], value: null };
}

function update(nodes: readonly string[], warnings: readonly WarningUpdate[] = []): RunUpdate {
  return {
    runId: "run_x",
    epoch: "E1",
    seq: 5,
    binIndex: 4,
    rev: 0,
    startUtc: null,
    nodes: nodes.map((id) => ({ id, metrics: { value: 1 } })),
    edges: [{ id: "a→b", metrics: {} }],
    warnings,
    hash: "h",
    prevHash: "g",
    provenance: { sealedBy: "complete" },
  };
}

const onlyA = { nodes: new Set(["a"]), classes: null, onlyWarnings: false };
const onlyWarnings = { nodes: null, classes: null, onlyWarnings: true };

describe("stream filter", () => {
  test("keeps the named nodes and everything that says which bin this is", () => {
    const data = update(["a", "b"]);
    expect(filterEvent({ event: "bin", data }, onlyA)).toEqual({
      event: "bin",
      data: { ...data, nodes: [data.nodes[0]], edges: [] },
    });
  });

  test("of values by class keeps the named ones, without regard to case; totals stay", () => {
    const byClass = { Gold: { value: 1 }, std: { value: 0 } };
    const data: RunUpdate = {
      ...update([]),
      nodes: [
        { id: "a", metrics: { value: 1 }, byClass },
        { id: "b", metrics: { value: 2 } },
      ],
      edges: [{ id: "e", metrics: { flowVolume: 1 }, byClass: { Gold: { flowVolume: 1 } } }],
    };
    const only = (...classes: string[]) =>
      filterEvent({ event: "bin", data }, { nodes: null, classes: new Set(classes), onlyWarnings: false })?.data;
    expect(only("STD")).toEqual({
      ...data,
      nodes: [{ id: "a", metrics: { value: 1 }, byClass: { std: { value: 0 } } }, data.nodes[1]],
      edges: [{ id: "e", metrics: { flowVolume: 1 } }],
    });
    expect(only("STD", "GOLD")).toEqual(data);
  });

  test("nothing left is null", () => {
    expect(filterEvent({ event: "bin", data: update(["b"]) }, onlyA)).toBeNull();
    expect(filterEvent({ event: "bin", data: update(["a"]) }, onlyWarnings)).toBeNull();
  });

  test("keeps warnings of the named nodes, of the run, and clearings", () => {
    const changes: WarningUpdate[] = [
      { action: "raised", warning: warning("1", "a") },
      { action: "raised", warning: warning("2", "b") },
      { action: "updated", warning: warning("3", null) },
      { action: "cleared", key: "4" },
    ];
    const filtered = filterEvent({ event: "bin", data: update(["b"], changes) }, onlyA) as NumberedEvent & {
      event: "bin";
    };
    expect(filtered.data.warnings).toEqual([changes[0], changes[2], changes[3]]);
    const all = filterEvent({ event: "bin", data: update(["b"], changes) }, onlyWarnings) as NumberedEvent & {
      event: "bin";
    };
    expect(all.data).toMatchObject({ nodes: [], warnings: changes });
  });

  test("lets checkpoints through", () => {
    const event: NumberedEvent = {
      event: "checkpoint",
      data: { seq: 1, snapshotRunId: "run_s", sealedBin: 0, path: "/" },
    };
    expect(filterEvent(event, onlyA)).toBe(event);
  });

  test("thins snapshots out in the same way", () => {
    const page = filterPage({ page: 2, bins: [update(["b"]), update(["a", "b"])] }, onlyA);
    expect(page).toMatchObject({ page: 2, bins: [{ nodes: [{ id: "a" }] }] });
    const end = { epoch: "E1", seq: 5, sealedBin: 4, hash: "h", warnings: [warning("1", "a"), warning("2", "b")] };
    expect(filterEnd(end, onlyA)).toEqual({ ...end, warnings: [warning("1", "a")] });
  });

  test("equal filters have equal keys, others do not", () => {
    const keys = [
      { nodes: new Set(["a", "b"]), classes: null, onlyWarnings: false },
      { nodes: new Set(["b", "a"]), classes: null, onlyWarnings: false },
      { nodes: new Set(["a,b"]), classes: null, onlyWarnings: false },
      { nodes: new Set(["a", "b"]), classes: null, onlyWarnings: true },
      { nodes: null, classes: null, onlyWarnings: true },
    ].map(filterKey);
    expect(keys[0]).toBe(keys[1]);
    expect(new Set(keys).size).toBe(4);
  });
});
