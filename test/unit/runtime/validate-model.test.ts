import { describe, expect, test } from "vitest";
import { evaluateModel } from "../../../src/runtime/run-model.ts";
import { type ValidateOptions, validateModel } from "../../../src/runtime/validate-model.ts";

const HEAD = `schemaVersion: 1
grid: {bins: 3, binSize: 1, binUnit: hours, start: "2026-01-05T00:00:00Z"}
nodes:
- {id: in, kind: const, values: [1, 2, 3]}
`;
const DESK = `topology:
  nodes:
  - {id: Desk, kind: service, semantics: {arrivals: in, served: out}}
`;

function findings(text: string, options: ValidateOptions = {}): readonly string[] {
  return validateModel(text, options).diagnostics.map(({ severity, tier, code }) => `${severity} ${tier}/${code}`);
}

describe("the tiers", () => {
  const text = `${HEAD}- {id: out, kind: expr, expr: "in +"}\n---\na: 1\n`;

  test("each shows what FlowTime finds up to it", () => {
    expect(validateModel(text, { tier: "schema" })).toMatchObject({ isValid: true, diagnostics: [], warnings: [] });
    expect(findings(text, { tier: "compile" })).toEqual(["error compile/second_document"]);
    expect(findings(text)).toEqual(["error analyse/expression_syntax", "error compile/second_document"]);
  });

  test("the last one evaluates, and gives the warnings of the run", () => {
    const valid = `${HEAD}- {id: out, kind: expr, expr: "in * 2"}\n${DESK}`;
    expect(validateModel(valid, { tier: "compile" })).toMatchObject({ isValid: true, warnings: [] });
    const { isValid, warnings } = validateModel(valid);
    expect(isValid).toBe(true);
    expect(warnings[0]).toMatchObject({
      nodeId: "Desk",
      code: "served_exceeds_arrivals",
      message: "Served volume exceeded arrivals",
      bins: [0, 1, 2],
    });
  });
});

test("every fault is told, where FlowTime stops at the first", () => {
  const nodes = [
    'x, kind: expr, expr: "in + ("',
    'y, kind: expr, expr: "MIN(in) + FOO(in)"',
    "z, kind: expr, expr: SHIFT(in)",
  ];
  const several = HEAD + nodes.map((node) => `- {id: ${node}}\n`).join("");
  expect(validateModel(several).diagnostics.map(({ message }) => message)).toEqual([
    "Node x: error parsing expression 'in + (': Parse error at position 6: Unexpected character '\0'",
    "MIN function requires exactly 2 arguments",
    "Unknown function: FOO",
    "SHIFT function requires exactly 2 arguments: SHIFT(series, lag)",
  ]);
  // A fault of the schema does not hide the others.
  expect(findings(several.replace("bins: 3", "bins: 0"))).toEqual([
    "error schema/out_of_range",
    "error analyse/expression_syntax",
    ...Array(3).fill("error analyse/expression_meaning"),
  ]);
});

describe("whose verdict", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["flowtime_d1", "- {id: q, kind: serviceWithBuffer, inflow: in, outflow: in}\n", "Graph has a cycle (same-bin"],
    [
      "flowtime_d2",
      '- {id: e, kind: expr, expr: "SHIFT(late, 1)"}\n- {id: late, kind: const, values: [1, 2, 3]}\n',
      "Unsupported node type in feedback subgraph: ConstSeriesNode (late)",
    ],
    [
      "flowtime_d4",
      `- {id: out, kind: expr, expr: "SHIFT(out, 1) + in"}\n${DESK.replace("semantics", "initialCondition: {queueDepth: 1}, semantics").replace("Desk", "out")}`,
      "The given key 'out' was not present in the dictionary.",
    ],
    [
      "flowtime_d7",
      '- {id: x, kind: expr, expr: "in + SHIFT(y, 1)"}\n- {id: y, kind: expr, expr: x}\n' +
        "traffic: {arrivals: [{nodeId: in, classId: A, pattern: {kind: constant}}]}\n",
      "The given key 'y' was not present in the dictionary.",
    ],
  ];

  test.each(cases)("%s: FlowTime fails, a live run does not", (code, more, sentence) => {
    const direct = validateModel(HEAD + more, { profile: "direct" });
    expect(direct.isValid).toBe(false);
    const finding = direct.diagnostics.find((found) => found.code === code)!;
    expect(finding.message.startsWith(sentence)).toBe(true);
    expect(finding.span).not.toBeNull();
    const live = validateModel(HEAD + more);
    expect(live.isValid).toBe(true);
    expect(findings(HEAD + more)).toContain(`warning analyse/${code}`);
  });

  test("a telemetry source is for live runs alone, and leaves nothing to analyse", () => {
    const fed = `${HEAD}- {id: out, kind: const, source: "series:out"}\n${DESK}`;
    expect(validateModel(fed, { profile: "direct" }).isValid).toBe(false);
    expect(validateModel(fed)).toMatchObject({ isValid: true, warnings: [], fed: 1 });
  });
});

test("a name that no node has is marked where it is read", () => {
  const text = `${HEAD}- id: q
  kind: serviceWithBuffer
  inflow: inn
  outflow: in
  dispatchSchedule: {periodBins: 2, capacitySeries: cap}
- {id: r, kind: router, inputs: {queue: nope}, routes: [{target: in, weight: 1}]}
`;
  const found = validateModel(text).diagnostics;
  expect(found.map(({ pointer, span }) => [pointer, text.slice(span!.startOffset, span!.endOffset)])).toEqual([
    ["/nodes/1/inflow", "inn"],
    ["/nodes/1/dispatchSchedule/capacitySeries", "cap"],
    ["/nodes/2/inputs/queue", "nope"],
  ]);
  expect(found[0]).toMatchObject({
    message: "The given key 'inn' was not present in the dictionary.",
    hint: "Node 'q' reads 'inn', which no node is. Did you mean 'in'?",
  });
});

test("a window of more values than memory is to hold is refused, by every way to evaluate it whole", () => {
  // One const of 10,000 bins and what reads it: 13,500 series.
  const readers = Array.from({ length: 13_500 }, (_, i) => `  - { id: e${i}, kind: expr, expr: "n0" }\n`).join("");
  const values = `[${"1,".repeat(9_999)}1]`;
  const text = `schemaVersion: 1\ngrid: { bins: 10000, binSize: 1, binUnit: hours }\nnodes:\n  - { id: n0, kind: const, values: ${values} }\n${readers}`;
  const message = "A run of the model keeps 10000 bins of 13501 series; at most 134217728 values are kept.";
  expect(validateModel(text, { tier: "compile" }).isValid).toBe(true);
  expect(validateModel(text).diagnostics).toEqual([expect.objectContaining({ code: "too_large", message })]);
  expect(evaluateModel(text, "simulation")).toEqual({ ok: false, diagnostics: [expect.objectContaining({ message })] });
});
