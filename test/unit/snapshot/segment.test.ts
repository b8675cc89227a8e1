import path from "node:path";
import { describe, expect, test } from "vitest";
import { Evaluator } from "../../../src/engine/evaluator.ts";
import type { EvaluatorState } from "../../../src/engine/row-ring.ts";
import { compileModel } from "../../../src/model/compile.ts";
import { parseModel } from "../../../src/model/parse.ts";
import type { Plan } from "../../../src/model/plan.ts";
import { readRunFolder, readSeries, readText } from "../../../src/snapshot/reader.ts";
import { assembleSegment, segmentsOf } from "../../../src/snapshot/segment.ts";
import { segmentModelText } from "../../../src/snapshot/segment-model.ts";
import { verifyRunFolder } from "../../../src/snapshot/verify.ts";
import { writeRunFolder } from "../../../src/snapshot/writer.ts";
import { modelText, topologyNodes } from "../../support/model-builder.ts";
import { tempFolder } from "../../support/temp-folder.ts";

/** A queue with a memory, feedback with another, and a pulse that counts bins from the start of the run. */
const MODEL = `schemaVersion: 1
grid: {bins: 6, binSize: 15, binUnit: minutes, start: "2026-03-01T23:30:00Z"}
nodes:
- {id: calls, kind: const, values: [5, 1, 0.5, 7, 2, 3]}
- id: limit
  kind: const
  values:
    - 2
    - 4
    - 2
    - 4
    - 2
    - 4
- {id: gate, kind: expr, expr: "PULSE(4, 1, limit)"}
- {id: done, kind: expr, expr: "MIN(calls + SHIFT(wait, 1), gate + 1)"}
- {id: wait, kind: serviceWithBuffer, inflow: calls, outflow: done}
- {id: ratio, kind: expr, expr: "calls / SHIFT(calls, 2)"}
topology:
  nodes:
  - id: Desk
    kind: queue
    semantics: {arrivals: calls, served: done, queueDepth: wait}
  edges: []
`;
const BINS = 14;

interface Segment {
  readonly directory: string;
  readonly from: number;
  readonly provenance: {
    readonly segment: {
      readonly fromBin: number;
      readonly previousRunId: string | null;
      readonly state: null | {
        readonly columns: string[];
        readonly rows: (number | string)[][];
        readonly hash: string;
      };
    };
  };
}

/** A model that runs on past its bins; constants come from outside, as they would from the end of the model on. */
function evaluate(pastEnd: "repeat" | "hold"): { plan: Plan; rows: Float64Array[]; states: EvaluatorState[] } {
  const text = segmentModelText(MODEL, { from: 0, to: BINS, grid: parseModel(MODEL).model!.grid, pastEnd });
  const { plan } = compileModel(parseModel(text).model!);
  const evaluator = new Evaluator(plan!);
  const rows: Float64Array[] = [];
  const states: EvaluatorState[] = [];
  for (let bin = 0; bin < BINS; bin++) {
    states.push(evaluator.saveState());
    rows.push(evaluator.advance(new Float64Array(0)).slice());
  }
  return { plan: plan!, rows, states };
}

async function segments(pastEnd: "repeat" | "hold", segmentBins: number) {
  const run = evaluate(pastEnd);
  const { plan, rows, states } = run;
  const series = plan.order.map((id) => ({
    id,
    values: Float64Array.from(rows, (row) => row[plan.columnOf.get(id)!]!),
  }));
  const root = tempFolder();
  const written: Segment[] = [];
  let previousRunId: string | null = null;
  for (const [index, segment] of segmentsOf(BINS, segmentBins).entries()) {
    const folder = assembleSegment({
      modelText: MODEL,
      model: parseModel(MODEL).model!,
      segment,
      pastEnd,
      series,
      warnings: [
        { code: "somewhere", message: "m", nodeId: null, bins: [1, 6], value: null, severity: "info" },
        { code: "everywhere", message: "m", nodeId: null, bins: [], value: null, severity: "info" },
      ],
      requestedSeed: null,
      provenance: JSON.stringify({ source: "flowtime-live", templateId: "desk", parameters: {} }),
      inputHash: null,
      runId: { kind: "timestamped", nowMs: index * 1000, random: Uint8Array.of(0, 0, 0, index) },
      now: () => "2026-03-01T00:00:00.0000000Z",
      hasTelemetryManifest: true,
      state:
        segment.from === 0
          ? null
          : { columns: plan.columns.map(({ id }) => id), evaluator: states[segment.from]!, hash: `h${segment.from}` },
      previousRunId,
    });
    previousRunId = folder.runId;
    const directory = await writeRunFolder(folder, { root, stagingRoot: path.join(root, ".staging") });
    const provenance = JSON.parse(await readText(directory, "model/provenance.json"));
    written.push({ directory, from: segment.from, provenance });
  }
  return { ...run, series, written };
}

describe.each(["repeat", "hold"] as const)("segments of a run that goes on past its model (%s)", (pastEnd) => {
  test("are together the whole series, and each can be read by itself", async () => {
    const { series, written } = await segments(pastEnd, 5);
    expect(written.map(({ from }) => from)).toEqual([0, 5, 10]);
    for (const { id, values } of series) {
      const parts = await Promise.all(
        written.map(({ directory }) => readSeries(directory, `${id}@${id.toUpperCase()}@DEFAULT`)),
      );
      expect(parts.flatMap((part) => [...part])).toEqual([...values]);
    }
    for (const { directory } of written) {
      expect((await verifyRunFolder(directory)).problems).toEqual([]);
      expect((await readRunFolder(directory)).run.grid).toMatchObject({ binSize: 15, binUnit: "minutes" });
    }
  });

  test("each has a model of its own bins with its own start", async () => {
    const { written, series } = await segments(pastEnd, 5);
    const starts = [];
    for (const { directory, from } of written) {
      const { model, diagnostics } = parseModel(await readText(directory, "model/model.yaml"));
      expect(diagnostics).toEqual([]);
      starts.push([model!.grid.bins, model!.grid.start]);
      for (const id of ["calls", "limit"]) {
        const node = model!.nodes.find((candidate) => candidate.id === id);
        const whole = series.find((entry) => entry.id === id)!.values;
        expect(node).toMatchObject({ values: [...whole.slice(from, from + model!.grid.bins)] });
      }
      const telemetry = JSON.parse(await readText(directory, "model/telemetry/telemetry-manifest.json"));
      expect(telemetry.window.startTimeUtc).toBe(model!.grid.start);
    }
    expect(starts).toEqual([
      [5, "2026-03-01T23:30:00Z"],
      [5, "2026-03-02T00:45:00Z"],
      [4, "2026-03-02T02:00:00Z"],
    ]);
  });

  test("the state in a segment's provenance is all that its bins need", async () => {
    const { plan, rows, written } = await segments(pastEnd, 5);
    expect(written[0]!.provenance.segment).toMatchObject({ fromBin: 0, previousRunId: null, state: null });
    for (const [index, { from, provenance }] of written.entries()) {
      const { state, previousRunId } = provenance.segment;
      if (index === 0 || state === null) continue;
      expect(previousRunId).toBe((await readRunFolder(written[index - 1]!.directory)).run.runId);
      expect(state.columns).toHaveLength(plan.columns.length);
      const evaluator = new Evaluator(plan);
      evaluator.restoreState({ bin: from, rows: Float64Array.from(state.rows.flat(), Number) });
      for (let bin = from; bin < BINS; bin++) {
        expect([...evaluator.advance(new Float64Array(0))]).toEqual([...rows[bin]!]);
      }
    }
  });
});

test("warnings are those of the segment's bins, counted from its start", async () => {
  const { written } = await segments("repeat", 5);
  const found = await Promise.all(written.map(({ directory }) => readRunFolder(directory)));
  expect(found.map(({ run }) => run.warnings.map(({ code, bins }) => [code, bins]))).toEqual([
    [
      ["somewhere", [1]],
      ["everywhere", []],
    ],
    [
      ["somewhere", [1]],
      ["everywhere", []],
    ],
    [["everywhere", []]],
  ]);
});

test("a run has as many segments as it takes, the last as short as it is", () => {
  expect(segmentsOf(0)).toEqual([]);
  expect(segmentsOf(10_000)).toEqual([{ from: 0, to: 10_000 }]);
  expect(segmentsOf(10_001)).toEqual([
    { from: 0, to: 10_000 },
    { from: 10_000, to: 10_001 },
  ]);
});

describe("the model text of a segment", () => {
  const grid = parseModel(MODEL).model!.grid;

  test("is the model's own where the segment is the whole model", () => {
    expect(segmentModelText(MODEL, { from: 0, to: 6, grid, pastEnd: "repeat" })).toBe(MODEL);
  });

  test("keeps everything but bins, start and constants", () => {
    const text = segmentModelText(MODEL, { from: 5, to: 8, grid, pastEnd: "hold" });
    expect(text).toContain('grid: {bins: 3, binSize: 15, binUnit: minutes, start: "2026-03-02T00:45:00Z"}');
    expect(text).toContain("values: [3, 3, 3]");
    expect(text).toContain("  values:\n    - 4\n    - 4\n    - 4\n- {id: gate");
    expect(segmentModelText(MODEL, { from: 5, to: 8, grid, pastEnd: "repeat" })).toContain("values: [3, 5, 1]");
  });

  test("of a model without a start has none", () => {
    const text = modelText({ nodes: ["a=1s"], bins: 4, topology: topologyNodes("Desk: arrivals=a served=a") });
    const model = parseModel(text).model!;
    const part = segmentModelText(text, { from: 4, to: 6, grid: { ...model.grid, start: null }, pastEnd: "repeat" });
    expect(parseModel(part).model?.grid.bins).toBe(2);
  });

  test("needs a grid", () => {
    expect(() => segmentModelText("nodes: []", { from: 0, to: 1, grid, pastEnd: "hold" })).toThrow(/grid\.bins/);
  });
});
