// Whatever the order in which frames come, as long as none is late: the same values, warnings and hashes.
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileModel } from "../../src/model/compile.ts";
import { parseModel } from "../../src/model/parse.ts";
import type { Plan } from "../../src/model/plan.ts";
import type { Frame } from "../../src/protocol/frame.ts";
import { timestampedRunId } from "../../src/protocol/ids.ts";
import type { NumberedEvent } from "../../src/protocol/run-event.ts";
import { LiveRun } from "../../src/runtime/live-run.ts";
import { type RandomModel, randomModel } from "../support/random-model.ts";
import { runs } from "../support/seed.ts";

/** How far a frame may be held back, in bins: a frame is then at most twice as far ahead, within the 64 open bins. */
const MAX_DELAY_BINS = 20;

const history = fc.record({
  bound: fc.uniqueArray(fc.nat({ max: 11 }), { minLength: 1, maxLength: 4 }),
  /** Null: no frame brings this cell, its bin is sealed by a watermark. */
  cells: fc.array(fc.option(fc.integer({ min: -5, max: 90 }), { freq: 8 }), { minLength: 1, maxLength: 60 }),
  delays: fc.array(fc.double({ min: 0, max: MAX_DELAY_BINS, noNaN: true }), { minLength: 1, maxLength: 60 }),
  repeats: fc.array(fc.nat({ max: 200 }), { maxLength: 20 }),
});

function newRun(model: RandomModel, bindings: readonly string[], plan: Plan): LiveRun {
  const runId = timestampedRunId(0, new Uint8Array(4));
  const fixed = { runId, epoch: "0", mode: "live", createdUtc: "", checkpointEvery: null } as const;
  return new LiveRun({ ...fixed, modelText: model.text, bindings }, plan);
}

function feed(
  run: LiveRun,
  frames: readonly Frame[],
): { events: readonly NumberedEvent[]; verdicts: readonly string[] } {
  const events: NumberedEvent[] = [];
  const verdicts = frames.map((frame) => {
    run.begin();
    const { kind } = run.admit(frame);
    run.commit();
    for (let event = run.evaluateNext(); event !== null; event = run.evaluateNext()) events.push(event);
    return kind;
  });
  return { events, verdicts };
}

/** Everything about a bin but what made it complete, which may be its last cell or a watermark. */
function published(events: readonly NumberedEvent[]): readonly unknown[] {
  return events.map((event) => (event.event === "bin" ? { ...event.data, provenance: null } : event));
}

test("any interleaving of nodes, bins, repeats and watermarks gives the events and hashes of the ordered one", () => {
  fc.assert(
    fc.property(randomModel, history, (model, { bound, cells, delays, repeats }) => {
      const bindings = [...new Set(bound.map((index) => model.nodeIds[index % model.nodeIds.length]!))];
      const { plan } = compileModel(parseModel(model.text).model!, { bindings });
      const perBin = Array.from({ length: model.bins }, (_, binIndex): Frame[] =>
        bindings.flatMap((seriesId, series) => {
          const value = cells[(binIndex * 11 + series * 5) % cells.length] ?? null;
          return value === null ? [] : [{ type: "telemetry", binIndex, seriesId, value }];
        }),
      );
      const watermarks = perBin.map((_, binIndex): Frame => ({ type: "watermark", binIndex }));
      const ordered = perBin.flatMap((frames, binIndex) => [...frames, watermarks[binIndex]!]);

      const delayed = perBin
        .flat()
        .map((frame, index) => ({ frame, at: binOf(frame) + delays[index % delays.length]! }));
      const again = repeats.flatMap((pick) => {
        const first = delayed[pick % Math.max(1, delayed.length)];
        return first === undefined ? [] : [{ frame: first.frame, at: first.at + (pick % 7) }];
      });
      const marks = watermarks.map((frame) => ({ frame, at: binOf(frame) + MAX_DELAY_BINS + 0.5 }));
      const shuffled = [...delayed, ...again, ...marks].sort((a, b) => a.at - b.at).map(({ frame }) => frame);

      const inOrder = feed(newRun(model, bindings, plan!), ordered);
      const anyOrder = feed(newRun(model, bindings, plan!), shuffled);
      expect(anyOrder.verdicts.filter((verdict) => verdict !== "accepted" && verdict !== "duplicate")).toEqual([]);
      expect(inOrder.events, model.text).toHaveLength(model.bins);
      expect(published(anyOrder.events), model.text).toEqual(published(inOrder.events));
    }),
    runs(50),
  );
});

function binOf(frame: Frame): number {
  return "binIndex" in frame ? frame.binIndex! : 0;
}
