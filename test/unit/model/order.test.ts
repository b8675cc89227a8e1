import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseExpression } from "../../../src/model/expression.ts";
import type { ModelNode } from "../../../src/model/model.ts";
import { declarationOrder, evaluationOrder, feedbackMembers, inputsOf } from "../../../src/model/order.ts";
import { runs } from "../../support/seed.ts";

const BASE = { span: { line: 1, column: 1, startOffset: 0, endOffset: 0 }, metadata: {}, source: null };

function order(graph: Readonly<Record<string, readonly string[]>>) {
  return evaluationOrder(Object.keys(graph), (id) => graph[id]!);
}

describe("evaluation order", () => {
  test.each([
    ["as declared when nothing depends", { c: [], a: [], b: [] }, ["c", "a", "b"]],
    ["inputs first", { c: ["b"], b: ["a"], a: [] }, ["a", "b", "c"]],
    ["ready ones in order of declaration, level by level", { x: ["b"], a: [], b: [], y: ["a"] }, ["a", "b", "y", "x"]],
    ["first in, first out", { d: ["b", "c"], c: ["a"], b: ["a"], a: [] }, ["a", "c", "b", "d"]],
    ["names that are no nodes count for nothing", { b: ["gone", "a"], a: ["nowhere"] }, ["a", "b"]],
  ])("%s", (_name, graph, expected) => {
    expect(order(graph)).toEqual({ order: expected, unordered: [] });
  });

  test("what is on or behind a cycle cannot be ordered", () => {
    expect(order({ a: [], x: ["y"], y: ["x", "a"], z: ["y"], b: ["a"] })).toEqual({
      order: ["a", "b"],
      unordered: ["x", "y", "z"],
    });
    expect(order({ a: ["a"] })).toEqual({ order: [], unordered: ["a"] });
  });

  test("declaration order keeps together what is declared together, inputs first", () => {
    const graph: Record<string, string[]> = { q: ["in", "out"], in: [], other: ["q"], out: ["in"], z: [] };
    const ids = Object.keys(graph);
    const { order: valid } = order(graph);
    expect(declarationOrder(ids, valid, (id) => graph[id]!)).toEqual(["in", "out", "q", "other", "z"]);
  });

  test("both orders are valid for any graph without cycles", () => {
    const graphs = fc.integer({ min: 1, max: 12 }).chain((size) =>
      fc.record({
        inputs: fc.array(fc.array(fc.nat({ max: 30 }), { maxLength: 4 }), { minLength: size, maxLength: size }),
        names: fc.shuffledSubarray(
          Array.from({ length: size }, (_, index) => `n${index}`),
          { minLength: size },
        ),
      }),
    );
    fc.assert(
      fc.property(graphs, ({ inputs, names }) => {
        const of = new Map(
          names.map((name) => {
            const index = Number(name.slice(1));
            return [name, index === 0 ? [] : inputs[index]!.map((pick) => `n${pick % index}`)];
          }),
        );
        const needs = (id: string) => of.get(id)!;
        const { order: kahn, unordered } = evaluationOrder(names, needs);
        expect(unordered).toEqual([]);
        for (const result of [kahn, declarationOrder(names, kahn, needs)]) {
          expect([...result].sort()).toEqual([...names].sort());
          const place = new Map(result.map((id, index) => [id, index]));
          for (const id of result) for (const input of needs(id)) expect(place.get(input)).toBeLessThan(place.get(id)!);
        }
      }),
      runs(200),
    );
  });
});

describe("inputs of a node", () => {
  const parse = (text: string) => {
    const parsed = parseExpression(text);
    return parsed.ok ? parsed.tree : null;
  };

  test("an expression: a name used both ways counts as read in the same bin", () => {
    const node = { ...BASE, kind: "expr", id: "x", expr: "", exprSpan: BASE.span } as const;
    expect(inputsOf(node, parse("SHIFT(a, 1) + b + SHIFT(b, 2) + a * 0 + SHIFT(c, 1)"))).toEqual({
      sameBin: ["b", "a"],
      lagged: ["c"],
    });
  });

  test("a buffer: inflow, outflow, loss and capacity, each once", () => {
    const dispatchSchedule = { periodBins: 2, phaseOffset: 0, capacitySeries: "cap" };
    const node: ModelNode = {
      ...BASE,
      kind: "serviceWithBuffer",
      id: "q",
      inflow: "a",
      outflow: "a",
      loss: "l",
      dispatchSchedule,
    };
    expect(inputsOf(node, null)).toEqual({ sameBin: ["a", "l", "cap"], lagged: [] });
  });

  test("a const has none", () => {
    expect(inputsOf({ ...BASE, kind: "const", id: "c", values: [] }, null)).toEqual({ sameBin: [], lagged: [] });
  });
});

test("feedback groups reach from a lagged reference to the furthest later node it names", () => {
  const lagged: Record<string, string[]> = { x: ["z", "a"], w: ["a"] };
  const members = feedbackMembers(
    ["a", "x", "y", "z", "w"],
    (id) => (id === "a" ? "const" : "expr"),
    (id) => lagged[id] ?? [],
  );
  expect([...members]).toEqual(["x", "y", "z"]);
});
