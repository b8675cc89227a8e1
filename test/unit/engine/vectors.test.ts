import { describe, expect, test } from "vitest";
import type { StateWindow } from "../../../src/analysis/query/answers.ts";
import { StateQuery } from "../../../src/analysis/query/state-query.ts";
import { edgeSeries } from "../../../src/engine/batch-edges.ts";
import { runSimulation } from "../../../src/engine/batch-run.ts";
import { Evaluator } from "../../../src/engine/evaluator.ts";
import { compileModel } from "../../../src/model/compile.ts";
import { parseExpression } from "../../../src/model/expression.ts";
import type { Model } from "../../../src/model/model.ts";
import { parseModel } from "../../../src/model/parse.ts";
import type { EdgeSeriesColumn, Plan } from "../../../src/model/plan.ts";
import { timestampedRunId } from "../../../src/protocol/ids.ts";
import { LiveRun } from "../../../src/runtime/live-run.ts";
import { modelText } from "../../support/model-builder.ts";
import { queryRunOf } from "../../support/query-run.ts";
import { QUERY_VECTORS } from "./query-vectors.ts";
import { VECTORS, type Vector } from "./vectors.ts";

function modelOf({ model: short, unvalidated, id }: Vector): Model {
  const { model, diagnostics } = parseModel(modelText(short));
  if (model === null) throw new Error(`${id}: ${diagnostics.map(({ message }) => message).join("; ")}`);
  return withReferences(model, unvalidated ?? {});
}

function planOf(vector: Vector): Plan {
  const { plan, diagnostics } = compileModel(modelOf(vector), { modes: vector.modes ?? {} });
  if (plan === null) throw new Error(`${vector.id}: ${diagnostics.map(({ message }) => message).join("; ")}`);
  return plan;
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

/** Series by name, as the table names them. */
type Figures = ReadonlyMap<string, Iterable<number>>;

/** Every way there is of evaluating a model that needs no telemetry; all must agree with the table. */
const WAYS: Readonly<Record<string, (vector: Vector) => Figures>> = {
  "whole window": (vector) => {
    const model = modelOf(vector);
    const { batch, totals, classes } = runSimulation(model, model.grid.bins, undefined, vector.modes);
    return new Map<string, Iterable<number>>([
      ...totals,
      ...[...classes].flatMap(([id, shares]) =>
        Array.from(shares, ([name, values]) => [`${id}@${name}`, values] as const),
      ),
      ...edgeSeries(batch, totals, classes).map((edge) => [edgeName(edge), edge.values] as const),
    ]);
  },
  interpreted: (vector) => binByBin(vector, "interpreted"),
  compiled: (vector) => binByBin(vector, "compiled"),
  "live run": (vector) => {
    const { series, classSeries, edgeSeries: edges } = liveRunOf(vector).image();
    return new Map<string, Iterable<number>>([
      ...series.map(({ id, values }) => [id, values] as const),
      ...[...classSeries].flatMap(([id, shares]) =>
        shares.map(({ classId, values }) => [`${id}@${classId}`, values] as const),
      ),
      ...edges.map((edge) => [edgeName(edge), edge.values] as const),
    ]);
  },
};

function edgeName({ edgeId, metric, classId }: Pick<EdgeSeriesColumn, "edgeId" | "metric" | "classId">): string {
  return `${edgeId} ${metric}${classId === null ? "" : `@${classId}`}`;
}

/** Which classes and edges exist depends on the bins; here all that may exist are there. */
function binByBin(vector: Vector, execution: "interpreted" | "compiled"): Figures {
  const plan = planOf(vector);
  const evaluator = new Evaluator(plan, { execution });
  const rows = Array.from({ length: plan.source.grid.bins }, () => evaluator.advance(new Float64Array(0)).slice());
  const names: (readonly [string, number])[] = [
    ...plan.columnOf,
    ...plan.classSeries.flatMap(({ nodeId, columns }) =>
      columns.map(({ classId, column }) => [`${nodeId}@${classId}`, column] as const),
    ),
    ...plan.edgeSeries.map((edge) => [edgeName(edge), edge.column] as const),
  ];
  return new Map(names.map(([name, column]) => [name, rows.map((row) => row[column]!)]));
}

function queryOf(vector: Vector): StateQuery {
  return new StateQuery(queryRunOf(liveRunOf(vector).image()));
}

function windowOf(vector: Vector): StateWindow {
  return queryOf(vector).window({ start: 0, count: planOf(vector).source.grid.bins });
}

/** Bits as text; the table does not tell −0 from 0. */
const figures = (values: Iterable<number>): string[] => Array.from(values, (value) => String(value + 0));

const ALL_VECTORS = [...VECTORS, ...QUERY_VECTORS];

describe.each(ALL_VECTORS)("$id $title", (vector) => {
  if (vector.refused !== undefined) {
    test("is refused", () => {
      expect(() => planOf(vector)).toThrow(vector.refused!);
    });
    return;
  }
  test.each(Object.entries(WAYS))("%s", (_name, evaluate) => {
    const values = evaluate(vector);
    for (const [name, expected] of Object.entries(vector.series ?? {}))
      expect(figures(values.get(name) ?? []), name).toEqual(figures(expected));
    if (evaluate === WAYS.interpreted || evaluate === WAYS.compiled) return;
    for (const name of vector.absent ?? []) expect([...values.keys()]).not.toContain(name);
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
  const { faults, window, sla, limited, snapshots, queryWarnings, noWarnings } = vector;
  if (warnings ?? noWarnings) {
    test("warnings", () => {
      const active = liveRunOf(vector).image().warnings;
      for (const warning of warnings ?? []) expect(active).toContainEqual(expect.objectContaining(warning));
      for (const code of noWarnings ?? []) expect(active.map((warning) => warning.code)).not.toContain(code);
    });
  }
  test.each(Object.entries(faults ?? {}))("%s is no expression", (text, position) => {
    expect(parseExpression(text)).toMatchObject({ ok: false, position });
  });
  if (window ?? sla ?? limited ?? queryWarnings) {
    test("window query", () => {
      const answer = windowOf(vector);
      const node = (id: string) => answer.nodes.find((entry) => entry.id === id);
      for (const [id, series] of Object.entries(window ?? {})) {
        const shown = node(id) ?? answer.edges.find((edge) => edge.id === id);
        for (const [name, cells] of Object.entries(series)) {
          expect(shown?.series.get(name), `${id} ${name}`).toEqual(cells);
        }
      }
      for (const [id, targets] of Object.entries(sla ?? {})) {
        const shown = Object.fromEntries(node(id)!.sla!.map(({ kind, values }) => [kind, values]));
        expect(shown, id).toMatchObject(targets);
      }
      for (const [id, status] of Object.entries(limited ?? {})) {
        expect([...node(id)!.constraintStatus!.values()], id).toEqual([status]);
      }
      const found: { readonly code: string }[] = [
        ...answer.warnings,
        ...answer.nodes.flatMap(({ telemetry }) => telemetry.warnings),
      ];
      for (const warning of queryWarnings ?? []) expect(found).toContainEqual(expect.objectContaining(warning));
      for (const code of noWarnings ?? []) expect(found.map((warning) => warning.code)).not.toContain(code);
    });
  }
  test.each(snapshots ?? [])("snapshot of $node at $bin", ({ bin, node, figures: wanted, sla: targets }) => {
    const shown = queryOf(vector)
      .snapshot(bin)
      .nodes.find(({ id }) => id === node)!;
    expect({ ...shown.metrics, ...shown.derived }).toMatchObject(wanted ?? {});
    const byKind = Object.fromEntries(shown.sla.map(({ kind, status, value }) => [kind, { status, value }]));
    expect(byKind).toMatchObject(targets ?? {});
  });
});

test("every row of the specification's table is there, under an id of its own", () => {
  const ids = ALL_VECTORS.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const rows = Array.from({ length: 51 }, (_, index) => `T${String(index + 1).padStart(2, "0")}`);
  expect([...new Set(ids.map((id) => id.slice(0, 3)))].sort()).toEqual(rows);
});
