import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AdjustFrame, Frame as AnyFrame, CellValue } from "../../../src/protocol/frame.ts";
import { CellLedger, DEFAULT_MAX_OPEN_BINS, type Verdict } from "../../../src/runtime/cell-ledger.ts";
import { InputDirectory } from "../../../src/runtime/input-directory.ts";
import { buildPlan } from "../../support/plan-builder.ts";
import { runs } from "../../support/seed.ts";

type Frame = Exclude<AnyFrame, AdjustFrame>;

const INPUTS = ["a", "b"];
const HORIZON = 100;

function ledger(maxOpenBins = DEFAULT_MAX_OPEN_BINS): CellLedger {
  const plan = buildPlan({
    grid: { bins: HORIZON, start: "2026-01-05T00:00:00Z" },
    series: { a: Array(HORIZON).fill(0), b: Array(HORIZON).fill(0) },
    nodes: [{ id: "Desk", semantics: { arrivals: "a", served: "b" } }],
    bindings: INPUTS,
  });
  return new CellLedger(new InputDirectory(plan), INPUTS, HORIZON, { maxOpenBins });
}

const cell = (binIndex: number, seriesId: string, value: CellValue, revision?: number): Frame => ({
  type: "telemetry",
  binIndex,
  seriesId,
  value,
  ...(revision === undefined ? {} : { revision }),
});
const desk = (binIndex: number, arrivals: number, served: number, revision = 0): Frame => ({
  type: "telemetry",
  binIndex,
  nodeId: "Desk",
  metrics: { arrivals, served },
  revision,
});
const watermark = (binIndex: number): Frame => ({ type: "watermark", binIndex });
const END: Frame = { type: "end" };

function take(target: CellLedger, ...frames: readonly Frame[]): (string | undefined)[] {
  target.begin();
  const verdicts = frames
    .map((frame) => target.admit(frame))
    .map((verdict) => ("code" in verdict ? verdict.code : verdict.kind));
  target.commit();
  return verdicts;
}

/** `[a, b]` of a sealed bin with how it was sealed. */
function sealed(target: CellLedger, bin: number): unknown[] {
  const { values, present, sealedBy, bin: index } = target.cells(bin);
  expect(index).toBe(bin);
  return [...Array.from(values, (value, input) => (present[input] === 1 ? value : "missing")), sealedBy];
}

const GAP = Number.NaN;

describe("cells", () => {
  test("a bin seals when it has them all, in order", () => {
    const target = ledger();
    expect(take(target, cell(1, "a", 1), cell(1, "b", 2), cell(0, "b", 4))).toEqual([
      "accepted",
      "accepted",
      "accepted",
    ]);
    expect([target.sealedBin, target.openBins, target.newestBin]).toEqual([-1, 2, 1]);
    take(target, cell(0, "a", 3));
    expect([target.sealedBin, target.openBins, target.newestBin]).toEqual([1, 0, 1]);
    expect([sealed(target, 0), sealed(target, 1)]).toEqual([
      [3, 4, "complete"],
      [1, 2, "complete"],
    ]);
  });

  test("the same value again is a duplicate, open or sealed, also what is no number", () => {
    const target = ledger();
    take(target, desk(0, 1, 2), cell(1, "a", null));
    expect(take(target, cell(0, "a", 1), desk(0, 1, 2), cell(1, "a", "NaN"), cell(1, "a", null))).toEqual(
      Array(4).fill("duplicate"),
    );
    expect(take(target, cell(1, "a", null, 0))).toEqual(["duplicate"]);
  });

  test("another value is a conflict: the first is kept, both are named, nothing else of the frame is taken", () => {
    const target = ledger();
    take(target, cell(0, "a", 1));
    const verdict = target.admit(desk(0, 9, 2)) as Verdict & { message: string };
    expect(verdict).toMatchObject({ kind: "rejected", code: "conflict" });
    expect(verdict.message).toBe(
      "Series 'a' in bin 0 is already 1 (revision 0); 9 with revision 0 is refused. A higher revision would replace it.",
    );
    expect([target.sealedBin, target.openBins]).toEqual([-1, 1]);
    take(target, cell(0, "b", 2));
    expect(sealed(target, 0)).toEqual([1, 2, "complete"]);
  });

  test("zeros of two signs are two values", () => {
    const target = ledger();
    take(target, cell(0, "a", 0));
    expect(take(target, cell(0, "a", -0))).toEqual(["conflict"]);
  });

  test("a frame that brings one new cell beside known ones is accepted", () => {
    const target = ledger();
    take(target, cell(0, "a", 1));
    expect(take(target, desk(0, 1, 2))).toEqual(["accepted"]);
    expect(sealed(target, 0)).toEqual([1, 2, "complete"]);
  });

  test("NaN fills a cell: a stated gap completes its bin", () => {
    const target = ledger();
    take(target, cell(0, "a", null), cell(0, "b", 2));
    expect(sealed(target, 0)).toEqual([GAP, 2, "complete"]);
  });
});

describe("revisions", () => {
  test("a higher one replaces, an equal or lower one with another value is a conflict", () => {
    const target = ledger();
    expect(
      take(target, cell(0, "a", 1, 3), cell(0, "a", 2, 3), cell(0, "a", 2, 2), cell(0, "a", 2, 4), cell(0, "a", 2, 1)),
    ).toEqual(["accepted", "conflict", "conflict", "accepted", "duplicate"]);
    take(target, cell(0, "b", 5));
    expect(sealed(target, 0)).toEqual([2, 5, "complete"]);
  });

  test("a higher one with the same value counts from then on", () => {
    const target = ledger();
    expect(take(target, cell(0, "a", 1), cell(0, "a", 1, 5), cell(0, "a", 2, 4))).toEqual([
      "accepted",
      "accepted",
      "conflict",
    ]);
  });

  test("cannot reach a sealed bin", () => {
    const target = ledger();
    take(target, desk(0, 1, 2));
    expect(take(target, desk(0, 1, 3, 9))).toEqual(["late"]);
    expect(sealed(target, 0)).toEqual([1, 2, "complete"]);
  });
});

describe("late and ahead", () => {
  test("what comes after its bin is sealed has no effect", () => {
    const target = ledger();
    take(target, watermark(1));
    expect(take(target, cell(0, "a", 1), cell(1, "b", 1))).toEqual(["late", "late"]);
    expect(sealed(target, 1)).toEqual(["missing", "missing", "watermark"]);
  });

  test("a cell that was missing is late even as no number: absent is not a stated gap", () => {
    const target = ledger();
    take(target, watermark(0));
    expect(take(target, cell(0, "a", null))).toEqual(["late"]);
  });

  test("as many bins may be open as the limit says, sealed ones not counted", () => {
    const target = ledger(3);
    expect(take(target, cell(2, "a", 1), cell(3, "a", 1))).toEqual(["accepted", "beyond_horizon"]);
    const verdict = target.admit(cell(3, "a", 1)) as Verdict & { message: string };
    expect(verdict.message).toContain("more than 3 bins ahead of bin 0, which still waits for a, b");
    take(target, desk(0, 1, 1));
    expect(take(target, cell(3, "a", 1), cell(4, "a", 1))).toEqual(["accepted", "beyond_horizon"]);
    expect((target.admit(cell(9, "a", 1)) as { message: string }).message).toContain(
      "bin 1, which still waits for a, b",
    );
    take(target, cell(1, "b", 1));
    expect((target.admit(cell(9, "a", 1)) as { message: string }).message).toContain("waits for a. ");
  });

  test("nothing is beyond the grid", () => {
    const target = ledger();
    take(target, watermark(98));
    expect(take(target, cell(99, "a", 1), cell(100, "a", 1))).toEqual(["accepted", "beyond_horizon"]);
  });
});

describe("watermarks", () => {
  test("seal what they cover, with what is there", () => {
    const target = ledger();
    take(target, cell(0, "a", 1), desk(2, 5, 6), watermark(2));
    expect([target.sealedBin, target.openBins, target.newestBin]).toEqual([2, 0, 2]);
    expect([0, 1, 2].map((bin) => sealed(target, bin))).toEqual([
      [1, "missing", "watermark"],
      ["missing", "missing", "watermark"],
      [5, 6, "complete"],
    ]);
  });

  test("complete bins behind them seal along", () => {
    const target = ledger();
    take(target, desk(1, 1, 1), desk(2, 1, 1), cell(3, "a", 1), watermark(0));
    expect([target.sealedBin, target.openBins]).toEqual([2, 1]);
  });

  test("that say nothing new are duplicates", () => {
    const target = ledger();
    take(target, watermark(2), desk(3, 1, 1));
    expect(take(target, watermark(2), watermark(0), watermark(3))).toEqual(["duplicate", "duplicate", "duplicate"]);
  });

  test("may be given in time, and reach beyond the grid: then the run ends", () => {
    const target = ledger();
    target.begin();
    expect(target.admit({ type: "watermark", timestampUtc: "2026-01-05T03:30:00Z" })).toEqual({ kind: "accepted" });
    target.commit();
    expect([target.sealedBin, target.ended]).toEqual([3, false]);
    take(target, watermark(10_000));
    expect([target.sealedBin, target.ended]).toEqual([HORIZON - 1, true]);
  });
});

describe("the end", () => {
  test("seals up to the newest bin that anything was said about", () => {
    const target = ledger();
    expect(take(target, cell(0, "a", 1), cell(3, "b", 2), END)).toEqual(["accepted", "accepted", "accepted"]);
    expect([target.sealedBin, target.openBins, target.ended]).toEqual([3, 0, true]);
    expect([sealed(target, 0), sealed(target, 2)]).toEqual([
      [1, "missing", "end"],
      ["missing", "missing", "end"],
    ]);
  });

  test("of a run that got nothing seals nothing", () => {
    const target = ledger();
    take(target, END);
    expect([target.sealedBin, target.ended]).toEqual([-1, true]);
  });

  test("lets nothing in but what is known, and may be said again", () => {
    const target = ledger();
    take(target, desk(0, 1, 2), END);
    expect(take(target, END, desk(0, 1, 2), watermark(0), desk(1, 1, 2), watermark(5), desk(0, 2, 2))).toEqual([
      "duplicate",
      "duplicate",
      "duplicate",
      "run_ended",
      "run_ended",
      "late",
    ]);
  });

  test("comes by itself with the last bin of the grid", () => {
    const target = ledger();
    take(target, watermark(HORIZON - 2));
    expect(target.ended).toBe(false);
    take(target, desk(HORIZON - 1, 1, 1));
    expect(target.ended).toBe(true);
    expect(take(target, END)).toEqual(["duplicate"]);
  });

  test("a model that needs no telemetry is sealed whole", () => {
    const target = ledger();
    target.sealAllByModel();
    expect([target.sealedBin, target.ended, target.cells(5).sealedBy]).toEqual([HORIZON - 1, true, "model"]);
  });
});

const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        fc.nat({ max: 14 }),
        fc.constantFrom("a", "b"),
        fc.constantFrom<CellValue>(0, -0, 1, 2, null),
        fc.nat({ max: 2 }),
      )
      .map(([bin, series, value, revision]) => cell(bin, series, value, revision)),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.nat({ max: 14 }), fc.nat({ max: 2 })).map(([bin, value]) => desk(bin, value, 1)),
  },
  { weight: 2, arbitrary: fc.nat({ max: 12 }).map(watermark) },
  { weight: 1, arbitrary: fc.constantFrom<Frame>(END, cell(5000, "a", 1), cell(0, "zz", 1)) },
);

function picture(target: CellLedger): unknown {
  return {
    marks: [target.sealedBin, target.openBins, target.newestBin, target.ended],
    sealed: Array.from({ length: target.sealedBin + 1 }, (_, bin) =>
      sealed(target, bin).map((value) => (Object.is(value, -0) ? "-0" : value)),
    ),
  };
}

test("a batch that is rolled back leaves no trace: whatever follows is decided as if it had never come", () => {
  const batch = fc.array(anyFrame, { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(fc.record({ frames: batch, isKept: fc.boolean() }), { maxLength: 8 }), (batches) => {
      const tried = ledger(6);
      const clean = ledger(6);
      for (const { frames, isKept } of batches) {
        tried.begin();
        const verdicts = frames.map((frame) => tried.admit(frame));
        if (isKept) {
          tried.commit();
          clean.begin();
          expect(frames.map((frame) => clean.admit(frame))).toEqual(verdicts);
          clean.commit();
        } else {
          tried.rollback();
        }
        expect(picture(tried)).toEqual(picture(clean));
      }
    }),
    runs(300),
  );
});

test("however a sequence of frames is cut into batches, it is decided the same", () => {
  fc.assert(
    fc.property(fc.array(fc.array(anyFrame, { maxLength: 6 }), { maxLength: 8 }), (batches) => {
      const one = ledger(6);
      const many = ledger(6);
      one.begin();
      const verdicts = batches.flat().map((frame) => one.admit(frame));
      one.commit();
      const cut = batches.flatMap((frames) => {
        many.begin();
        const answers = frames.map((frame) => many.admit(frame));
        many.commit();
        return answers;
      });
      expect(cut).toEqual(verdicts);
      expect(picture(many)).toEqual(picture(one));
    }),
    runs(100),
  );
});
