import { describe, expect, test } from "vitest";
import { evaluateWindow } from "../../../src/engine/batch.ts";
import { Evaluator } from "../../../src/engine/evaluator.ts";
import { compileModel } from "../../../src/model/compile.ts";
import type { Model } from "../../../src/model/model.ts";
import { parseModel } from "../../../src/model/parse.ts";
import type { Plan } from "../../../src/model/plan.ts";
import { timestampedRunId } from "../../../src/protocol/ids.ts";
import { LiveRun } from "../../../src/runtime/live-run.ts";
import { modelText } from "../../support/model-builder.ts";
import { VECTORS, type Vector } from "./vectors.ts";

function planOf({ model: short, unvalidated, id }: Vector): Plan {
  const { model, diagnostics } = parseModel(modelText(short));
  const compiled = model === null ? null : compileModel(withReferences(model, unvalidated ?? {}));
  if (!compiled?.plan) {
    const findings = [...diagnostics, ...(compiled?.diagnostics ?? [])];
    throw new Error(`${id}: ${findings.map(({ message }) => message).join("; ")}`);
  }
  return compiled.plan;
}

function withReferences(model: Model, references: Readonly<Record<string, string>>): Model {
  const { topology } = model;
  if (topology === null) return model;
  const nodes = topology.nodes.map((node) => {
    const own = Object.entries(references)
      .map(([place, id]) => [...place.split("."), id])
      .filter(([nodeId]) => nodeId === node.id)
      .map(([, role, id]) => [role, id]);
    const series = { ...node.semantics.series, ...Object.fromEntries(own) };
    return { ...node, semantics: { ...node.semantics, series } };
  });
  return { ...model, topology: { ...topology, nodes } };
}

function liveRunOf(vector: Vector): LiveRun {
  const definition = {
    runId: timestampedRunId(0, new Uint8Array(4)),
    epoch: "0",
    mode: "simulation",
    createdUtc: "1970-01-01T00:00:00.000Z",
    modelText: "",
    bindings: [],
    checkpointEvery: null,
  } as const;
  const run = new LiveRun(definition, planOf(vector));
  while (run.evaluateNext() !== null) {}
  return run;
}

/** Every way there is of evaluating a model that needs no telemetry; all must agree with the table. */
const WAYS: Readonly<Record<string, (vector: Vector) => (id: string) => Iterable<number>>> = {
  "whole window": (vector) => {
    const plan = planOf(vector);
    const series = evaluateWindow(plan, plan.source.grid.bins, () => Number.NaN);
    return (id) => series.get(id)!;
  },
  interpreted: (vector) => binByBin(vector, "interpreted"),
  compiled: (vector) => binByBin(vector, "compiled"),
  "live run": (vector) => {
    const run = liveRunOf(vector);
    return (id) => run.values(id);
  },
};

function binByBin(vector: Vector, execution: "interpreted" | "compiled"): (id: string) => number[] {
  const plan = planOf(vector);
  const evaluator = new Evaluator(plan, { execution });
  const rows = Array.from({ length: plan.source.grid.bins }, () => evaluator.advance(new Float64Array(0)).slice());
  return (id) => rows.map((row) => row[plan.columnOf.get(id)!]!);
}

/** Bits as text; the table does not tell −0 from 0. */
const figures = (values: Iterable<number>): string[] => Array.from(values, (value) => String(value + 0));

describe.each(VECTORS)("$id $title", (vector) => {
  if (vector.refused !== undefined) {
    test("is refused", () => {
      expect(() => planOf(vector)).toThrow(vector.refused!);
    });
    return;
  }
  test.each(Object.entries(WAYS))("%s", (_name, evaluate) => {
    const values = evaluate(vector);
    for (const [id, expected] of Object.entries(vector.series ?? {}))
      expect(figures(values(id)), id).toEqual(figures(expected));
  });

  const { order, generated, expressions, references, warnings } = vector;
  if (order ?? generated ?? expressions ?? references) {
    test("plan", () => {
      const plan = planOf(vector);
      if (order !== undefined) expect(plan.order).toEqual(order);
      if (generated !== undefined) expect(plan.generated).toEqual(generated);
      for (const [id, text] of Object.entries(expressions ?? {})) {
        expect(plan.model.nodes.find((node) => node.id === id)).toMatchObject({ kind: "expr", expr: text });
      }
      for (const [place, id] of Object.entries(references ?? {})) {
        const [nodeId, role] = place.split(".");
        const node = plan.model.topology!.nodes.find((candidate) => candidate.id === nodeId)!;
        expect(Object.entries(node.semantics.series)).toContainEqual([role, id]);
      }
    });
  }
  if (warnings !== undefined) {
    test("warnings", () => {
      const active = liveRunOf(vector).image().warnings;
      for (const warning of warnings) expect(active).toContainEqual(expect.objectContaining(warning));
    });
  }
});

test("every row has its own id", () => {
  const ids = VECTORS.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});
