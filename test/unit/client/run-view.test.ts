import { describe, expect, test } from "vitest";
import { MARK } from "../../../src/client/history.ts";
import { emptyView, foldEvent, type RunView, seriesOf, viewState } from "../../../src/client/run-view.ts";
import type { RunEvent, RunUpdate } from "../../../src/protocol/run-event.ts";
import { OrderPipeline, PIPELINE_NODES, seededRandom } from "../../support/order-pipeline.ts";

const fold = (events: readonly RunEvent[], from: RunView = emptyView()) => events.reduce(foldEvent, from);

/** Everything a subscriber of the pipeline sees that was there from the beginning, with two checkpoints. */
function recorded(bins: number): { readonly events: RunEvent[]; readonly pipeline: OrderPipeline } {
  const pipeline = new OrderPipeline();
  const events: RunEvent[] = [{ event: "hello", data: pipeline.run.hello() }];
  for (let bin = 0; bin < bins; bin++) {
    pipeline.advance();
    if (bin === 3 || bin === 9) pipeline.run.checkpoint();
  }
  return { events: [...events, ...pipeline.run.events], pipeline };
}

const snapshotOf = ({ run }: OrderPipeline, bins: readonly RunUpdate[] = run.bins): RunEvent[] => {
  const { runId, epoch, seq, sealedBin, hash } = run;
  const half = Math.ceil(bins.length / 2);
  return [
    { event: "snapshot-begin", data: { runId, epoch, seq, sealedBin, hash, pages: 2 } },
    { event: "snapshot-page", data: { page: 0, bins: bins.slice(0, half) } },
    { event: "snapshot-page", data: { page: 1, bins: bins.slice(half) } },
    { event: "snapshot-end", data: { epoch, seq, sealedBin, hash, warnings: [...run.warnings.values()] } },
  ];
};

function expectEngineState(view: RunView, { run }: OrderPipeline): void {
  const { schemaVersion: _version, series: _series, warnings, ...engine } = run.liveState();
  const sorted = [...warnings].sort((a, b) => (a.key < b.key ? -1 : 1));
  expect(viewState(view)).toEqual({ ...engine, warnings: sorted });
}

describe("folding a run's events", () => {
  test("leads to the engine's state", () => {
    const { events, pipeline } = recorded(60);
    const view = fold(events);
    expectEngineState(view, pipeline);
    expect(view.fault).toBeNull();
    expect(view.checkpoints).toHaveLength(2);
    expect(view.warnings.has("notify/gap")).toBe(true);
  });

  test("applying every event twice changes nothing", () => {
    const { events, pipeline } = recorded(30);
    const all: RunEvent[] = [
      ...events,
      { event: "reset", data: { reason: "slow" } },
      ...snapshotOf(pipeline),
      { event: "progress", data: { seq: 32, sealedBin: 29, lagMs: 5, openBins: 1 } },
      { event: "bye", data: { code: "completed" } },
    ];
    expect(fold(all.flatMap((event) => [event, event]))).toEqual(fold(all));
  });

  test("applying any stretch of bins again changes nothing", () => {
    const seed = Number(process.env.VIEW_SEED ?? 11);
    console.log(`VIEW_SEED=${seed}`);
    const random = seededRandom(seed);
    const { events } = recorded(40);
    const view = fold(events);
    for (let at = 0; at < 50; at++) {
      const from = 1 + Math.floor(random() * 40);
      expect(fold(events.slice(from, from + 10), view)).toEqual(view);
    }
  });

  test("is pure: earlier views keep their values", () => {
    const { events } = recorded(10);
    const before = fold(events.slice(0, 5));
    const copy = structuredClone(before);
    fold(events.slice(5), before);
    expect(before).toEqual(copy);
  });

  test("a snapshot gives the same state as the bins before it", () => {
    const { events, pipeline } = recorded(40);
    const joined = fold([events[0]!, ...snapshotOf(pipeline)]);
    expectEngineState(joined, pipeline);
    expect(joined.history.map((record) => record.hash)).toEqual(pipeline.run.bins.map((bin) => bin.hash));
    pipeline.advance();
    const next = foldEvent(joined, pipeline.run.events.at(-1)!);
    expectEngineState(next, pipeline);
    expect(next.fault).toBeNull();
  });

  test("a later snapshot keeps the history that it follows on", () => {
    const { events, pipeline } = recorded(40);
    const view = fold(events);
    const recent = fold(snapshotOf(pipeline, pipeline.run.bins.slice(-10)), view);
    expect(recent.history).toHaveLength(40);
    pipeline.run.restart("e2");
    const other = fold(snapshotOf(pipeline, pipeline.run.bins.slice(-10)), view);
    expect(other.history).toHaveLength(10);
    expect(other.epoch).toBe("e2");
  });

  test("a snapshot that is cut off leaves the picture as it was", () => {
    const { events, pipeline } = recorded(20);
    const view = fold(events);
    const cut = fold(snapshotOf(pipeline).slice(0, 3), view);
    expect(viewState(cut)).toEqual(viewState(view));
    expectEngineState(fold(snapshotOf(pipeline), cut), pipeline);
  });

  test("keeps a bounded history", () => {
    const { events } = recorded(40);
    const view = fold(events, emptyView({ historyBins: 12 }));
    expect(view.history).toHaveLength(12);
    expect(view.history[0]!.binIndex).toBe(28);
  });

  test("the state follows hello, bins and bye", () => {
    const { events } = recorded(2);
    const created = { ...events[0]!, data: { ...(events[0] as { data: object }).data, state: "created" } } as RunEvent;
    expect(fold([created]).state).toBe("created");
    expect(fold([created, events[1]!]).state).toBe("running");
    expect(fold([created, { event: "bye", data: { code: "aborted" } }]).state).toBe("aborted");
    expect(fold([created, { event: "bye", data: { code: "draining" } }]).state).toBe("created");
  });
});

describe("broken promises are shown", () => {
  const { events, pipeline } = recorded(12);
  const bins = events.filter((event) => event.event === "bin");
  const start = fold(events.slice(0, 6));

  test("a hole in the sequence", () => {
    expect(fold([events[7]!], start).fault).toMatchObject({ kind: "hole" });
  });

  test("a hash that does not follow on", () => {
    const next = events[6] as Extract<RunEvent, { event: "bin" }>;
    const forged: RunEvent = { event: "bin", data: { ...next.data, prevHash: "f".repeat(64) } };
    const view = fold([forged], start);
    expect(view.fault).toMatchObject({ kind: "hash" });
    expect(view.fault?.message).toContain("ffffffff");
  });

  test("a bin out of order", () => {
    const next = events[6] as Extract<RunEvent, { event: "bin" }>;
    const jumped: RunEvent = { event: "bin", data: { ...next.data, binIndex: 9 } };
    expect(fold([jumped], start).fault).toMatchObject({ kind: "bin-order" });
  });

  test("a foreign epoch, which is not taken in", () => {
    const next = events[6] as Extract<RunEvent, { event: "bin" }>;
    const view = fold([{ event: "bin", data: { ...next.data, epoch: "other" } }], start);
    expect(view.fault).toMatchObject({ kind: "epoch" });
    expect(viewState(view)).toEqual(viewState(start));
  });

  test("a snapshot that is not whole, or whose hashes do not fit", () => {
    const whole = snapshotOf(pipeline);
    expect(fold([whole[0]!, whole[1]!, whole[3]!]).fault).toMatchObject({ kind: "snapshot" });
    const middle = (bins[3] as Extract<RunEvent, { event: "bin" }>).data;
    const forged = pipeline.run.bins.map((bin) => (bin === middle ? { ...bin, hash: "0".repeat(64) } : bin));
    expect(fold(snapshotOf(pipeline, forged)).fault).toMatchObject({ kind: "hash" });
  });

  test("and forgotten after a whole snapshot", () => {
    const broken = fold([events[7]!], start);
    expect(fold(snapshotOf(pipeline), broken).fault).toBeNull();
  });
});

describe("cells", () => {
  const { events } = recorded(24);
  const view = fold(events);

  test("the last bins of a metric, oldest first, absent before the history", () => {
    const { values, marks } = seriesOf(view, "intake", "arrivals", 30);
    expect([...marks.slice(0, 6)]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(values[29]).toBe(view.nodes.find((node) => node.id === "intake")?.metrics.arrivals);
  });

  test("missing, undefined, zero and absent are four things", () => {
    const last = (node: string, metric: string) => seriesOf(view, node, metric, 1).marks[0];
    expect(last("notify", "arrivals")).toBe(MARK.missing);
    expect(last("notify", "utilization")).toBe(MARK.missing);
    expect(last("refund-dlq", "latencyMinutes")).toBe(MARK.undefined);
    expect(last("refund-dlq", "queueDepth")).toBe(MARK.value);
    expect(seriesOf(view, "refund-dlq", "queueDepth", 1).values[0]).toBe(0);
    expect(last("refund-dlq", "errors")).toBe(MARK.absent);
    expect(last("nobody", "errors")).toBe(MARK.absent);
  });

  test("a class has a past of its own, missing where its telemetry is", () => {
    const next = structuredClone(events.at(-1)) as Extract<RunEvent, { event: "bin" }>;
    const { seq, hash } = next.data;
    const node = { id: "n", metrics: { arrivals: 3 }, byClass: { Gold: { arrivals: 2 } } };
    const blank = { id: "n", metrics: { arrivals: null }, gaps: ["arrivals"], byClass: { Gold: { arrivals: null } } };
    const bin = (offset: number, nodes: RunUpdate["nodes"]): RunEvent => ({
      event: "bin",
      data: { ...next.data, seq: seq + 1 + offset, binIndex: 24 + offset, prevHash: hash, nodes },
    });
    const grown = fold([bin(0, [node]), bin(1, [blank])], view);
    const { values, marks } = seriesOf(grown, "n", "arrivals", 3, "Gold");
    expect([[...marks], values[1]]).toEqual([[MARK.absent, MARK.value, MARK.missing], 2]);
    expect(seriesOf(grown, "n", "arrivals", 1, "Std").marks[0]).toBe(MARK.absent);
    expect(viewState(grown).nodes).toEqual([blank]);
  });

  test("a metric that comes later has no past", () => {
    const next = structuredClone(events.at(-1)) as Extract<RunEvent, { event: "bin" }>;
    const nodes = [...next.data.nodes, { id: "late", metrics: { value: 3 } }];
    const update = { ...next.data, seq: next.data.seq + 1, binIndex: 24, prevHash: next.data.hash, nodes };
    const series = seriesOf(foldEvent(view, { event: "bin", data: update }), "late", "value", 2);
    expect([...series.marks]).toEqual([MARK.absent, MARK.value]);
  });
});

test("the nodes of the pipeline are known from hello", () => {
  expect(fold(recorded(1).events).nodeInfos).toEqual(PIPELINE_NODES);
});
