// Corrections of sealed bins and changes of the model: the run ends up where one stands that knew them from the start.
import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyView, foldEvent, type RunView, viewState } from "../../src/client/run-view.ts";
import { parseModel } from "../../src/model/parse.ts";
import type { Frame } from "../../src/protocol/frame.ts";
import { timestampedRunId } from "../../src/protocol/ids.ts";
import { GAP_POLICIES, type GapPolicy, type LatePolicy } from "../../src/protocol/run.ts";
import type { Hello, KnownBin, RunEvent } from "../../src/protocol/run-event.ts";
import { compileRun } from "../../src/runtime/compile-run.ts";
import { LiveRun } from "../../src/runtime/live-run.ts";
import { topicSource } from "../../src/runtime/topic-source.ts";
import { type RandomModel, randomModel } from "../support/random-model.ts";
import { runs } from "../support/seed.ts";

function liveRun(
  modelText: string,
  bindings: readonly string[],
  latePolicy: LatePolicy,
  { historyBins, gapPolicy = "nan" }: { readonly historyBins?: number; readonly gapPolicy?: GapPolicy } = {},
): LiveRun {
  const runId = timestampedRunId(0, new Uint8Array(4));
  const limits = historyBins === undefined ? {} : { historyBins };
  return new LiveRun(
    {
      runId,
      epoch: "0000000000000000",
      mode: "live",
      createdUtc: "",
      modelText,
      bindings,
      checkpointEvery: null,
      latePolicy,
      gapPolicy,
      ...limits,
    },
    compileRun(modelText, bindings, { gapPolicy }),
  );
}

function take(run: LiveRun, frames: readonly Frame[]): string[] {
  run.begin();
  const kinds = frames.map((frame) => {
    const verdict = run.admit(frame);
    return "code" in verdict ? verdict.code : verdict.kind;
  });
  run.commit();
  return kinds;
}

function events(run: LiveRun): RunEvent[] {
  const all: RunEvent[] = [];
  for (let event = run.evaluateNext(); event !== null; event = run.evaluateNext()) all.push(event);
  return all;
}

const cell = (binIndex: number, seriesId: string, value: number | null, revision = 0): Frame => ({
  type: "telemetry",
  binIndex,
  seriesId,
  value,
  revision,
});

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("seal" as const), value: fc.integer({ min: -5, max: 90 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("gap" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("correct" as const),
      back: fc.nat({ max: 12 }),
      series: fc.nat({ max: 3 }),
      value: fc.constantFrom(0, 1, 7.5, 80, null),
    }),
  },
);

const bits = (values: Iterable<number>): string[] =>
  Array.from(values, (value) => (Object.is(value, -0) ? "-0" : String(value)));

function bindingsOf(model: RandomModel, picks: readonly number[]): string[] {
  return [...new Set(picks.map((index) => model.nodeIds[index % model.nodeIds.length]!))];
}

test("after every correction the run is that of the corrected telemetry, for who followed, who joins, and who asks what was known", () => {
  fc.assert(
    fc.property(
      randomModel,
      fc.uniqueArray(fc.nat({ max: 11 }), { minLength: 1, maxLength: 3 }),
      fc.array(step, { maxLength: 40 }),
      fc.constantFrom(...GAP_POLICIES),
      (model, picks, steps, gapPolicy) => {
        const bindings = bindingsOf(model, picks);
        const run = liveRun(model.text, bindings, "revise", { gapPolicy });
        const source = topicSource(run, () => ({ state: run.state, lagMs: null, standing: run }));
        const cells = new Map<string, number | null>();
        const log: Frame[][] = [];
        const known: { readonly seq: number; readonly bins: readonly KnownBin[] }[] = [];
        let revision = 0;
        let view = foldEvent(emptyView({ historyBins: 1000 }), { event: "hello", data: helloOf(source) });
        let sealed = 0;
        for (const { kind, ...what } of steps) {
          if (sealed >= model.bins - 1) break;
          const frames: Frame[] = [];
          const put = (bin: number, seriesId: string, value: number | null, rev?: number): void => {
            cells.set(`${seriesId}/${bin}`, value);
            frames.push(cell(bin, seriesId, value, rev));
          };
          if (kind === "seal") {
            for (const id of bindings) put(sealed, id, (what as { value: number }).value + sealed);
            sealed++;
          } else if (kind === "gap") {
            frames.push({ type: "watermark", binIndex: sealed++ });
          } else {
            const { back, series, value } = what as { back: number; series: number; value: number | null };
            const bin = sealed - 1 - back;
            if (bin < 0) continue;
            put(bin, bindings[series % bindings.length]!, value, ++revision);
          }
          log.push(frames);
          for (const verdict of take(run, frames)) expect(verdict).toMatch(/^(accepted|duplicate)$/);
          for (;;) {
            const event = run.evaluateNext();
            if (event === null) break;
            view = foldEvent(view, event);
            expect(view.fault, model.text).toBeNull();
            const joined = join(source);
            expect(viewState(joined), model.text).toEqual(viewState(view));
            expect(joined.fault, model.text).toBeNull();
          }
          known.push({
            seq: run.cursorSeq,
            bins: Array.from({ length: sealed }, (_, bin) => run.knownBin(bin)),
          });
          expect(viewState(view)).toMatchObject({ hash: run.hash(), sealedBin: sealed - 1 });
        }
        if (sealed === 0) return;
        const fresh = liveRun(model.text, bindings, "reject", { gapPolicy });
        for (let bin = 0; bin < sealed; bin++) {
          const given = bindings.filter((id) => cells.has(`${id}/${bin}`));
          take(fresh, [
            ...given.map((id) => cell(bin, id, cells.get(`${id}/${bin}`)!)),
            { type: "watermark", binIndex: bin },
          ]);
        }
        events(fresh);
        const [ours, theirs] = [run.image(), fresh.image()];
        for (const [index, { id, values }] of ours.series.entries()) {
          expect(bits(values), `${id}\n${model.text}`).toEqual(bits(theirs.series[index]!.values));
        }
        expect(ours.warnings, model.text).toEqual(theirs.warnings);
        const active = (target: LiveRun) => target.activeWarnings().toSorted((a, b) => (a.key < b.key ? -1 : 1));
        expect(active(run), model.text).toEqual(active(fresh));
        expect([...view.warnings.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual(active(run));
        for (const { seq, bins } of known) {
          expect(bins.map(({ binIndex }) => run.knownBin(binIndex, seq))).toEqual(bins);
        }
        const replayed = liveRun(model.text, bindings, "revise", { gapPolicy });
        for (const frames of log) {
          take(replayed, frames);
          events(replayed);
        }
        expect([replayed.hash(), replayed.cursorSeq]).toEqual([run.hash(), run.cursorSeq]);
      },
    ),
    runs(120),
  );
});

/** The picture of who comes now and is given a snapshot. */
function join(source: ReturnType<typeof topicSource>): RunView {
  const { begin, pages, end } = source.snapshot();
  return [
    { event: "hello", data: helloOf(source) } as const,
    { event: "snapshot-begin", data: begin } as const,
    ...[...pages].map((data) => ({ event: "snapshot-page", data }) as const),
    { event: "snapshot-end", data: end } as const,
  ].reduce<RunView>((view, event) => foldEvent(view, event), emptyView({ historyBins: 1000 }));
}

function helloOf(source: ReturnType<typeof topicSource>): Hello {
  return { ...source.hello(), firstRetainedSeq: 1 };
}

test("beyond the history a correction is too late, whatever has been evaluated", () => {
  fc.assert(
    fc.property(randomModel, fc.integer({ min: 1, max: 6 }), fc.nat({ max: 11 }), (model, historyBins, pick) => {
      const [id] = bindingsOf(model, [pick]);
      const run = liveRun(model.text, [id!], "revise", { historyBins });
      const sealed = model.bins - 1;
      if (sealed === 0) return;
      const frames = Array.from({ length: sealed }, (_, bin) => cell(bin, id!, bin));
      expect(new Set(take(run, frames))).toEqual(new Set(["accepted"]));
      events(run);
      for (let bin = 0; bin < sealed; bin++) {
        const [verdict] = take(run, [cell(bin, id!, 1000, 1)]);
        expect(verdict, `bin ${bin} of ${sealed}`).toBe(bin < sealed - historyBins ? "too_late" : "accepted");
        events(run);
      }
    }),
    runs(60),
  );
});

test("changes of const nodes: the run is that of the model with those values written in it", () => {
  fc.assert(
    fc.property(
      randomModel,
      fc.array(fc.record({ at: fc.nat({ max: 20 }), ahead: fc.nat({ max: 4 }), pick: fc.nat(), value: fc.integer() }), {
        minLength: 1,
        maxLength: 5,
      }),
      fc.nat({ max: 11 }),
      (model, changes, pick) => {
        const [fed] = bindingsOf(model, [pick]);
        const { nodes } = parseModel(model.text).model!;
        const constants = nodes.filter(({ kind, id }) => kind === "const" && id !== fed);
        if (constants.length === 0) return;
        const run = liveRun(model.text, [fed!], "reject");
        for (let bin = 0; bin < model.bins; bin++) {
          for (const { at, ahead, pick: which, value } of changes) {
            if (at % model.bins !== bin || bin + ahead >= model.bins) continue;
            const { id } = constants[which % constants.length]!;
            const [verdict] = take(run, [{ type: "adjust", fromBin: bin + ahead, set: { [id]: value } }]);
            expect(verdict).toMatch(/^(accepted|duplicate)$/);
          }
          take(run, [cell(bin, fed!, bin)]);
          events(run);
        }
        const whole = liveRun(run.plan.source.text, [fed!], "reject");
        take(
          whole,
          Array.from({ length: model.bins }, (_, bin) => cell(bin, fed!, bin)),
        );
        events(whole);
        for (const [index, { id, values }] of run.image().series.entries()) {
          expect(bits(values), `${id}\n${model.text}`).toEqual(bits(whole.image().series[index]!.values));
        }
        expect(run.image().warnings).toEqual(whole.image().warnings);
      },
    ),
    runs(120),
  );
});
