import { describe, expect, test } from "vitest";
import { parseModel } from "../../../src/model/parse.ts";

const BASE = `schemaVersion: 1
grid: {bins: 2, binSize: 1, binUnit: hours}
nodes:
- {id: demand, kind: const, values: [1, 2]}
`;

function messages(text: string): readonly string[] {
  return parseModel(text, { profile: "direct" }).diagnostics.map((finding) => finding.message);
}

/** What the findings point at. */
function marked(text: string): readonly string[] {
  return parseModel(text, { profile: "direct" }).diagnostics.map(({ span }) =>
    text.slice(span?.startOffset, span?.endOffset),
  );
}

function topology(...nodes: readonly string[]): string {
  return `topology:\n  nodes:\n${nodes.map((node) => `  - ${node}\n`).join("")}`;
}

const station = (id: string, more = ""): string =>
  `{id: ${id}, kind: serviceWithBuffer, semantics: {arrivals: demand, served: demand}${more}}`;

describe("expressions", () => {
  test("each unknown name once, pointed at inside the text", () => {
    const text = `${BASE}- {id: e, kind: expr, expr: "demands + demand + x * x"}\n`;
    expect(messages(text)).toEqual([
      "/nodes/1: expression on 'e' references unknown node id 'demands'.",
      "/nodes/1: expression on 'e' references unknown node id 'x'.",
    ]);
    expect(marked(text)).toEqual(["demands", "x"]);
    expect(parseModel(text).diagnostics[0]?.hint).toBe("Did you mean 'demand'?");
  });

  test("a syntax error is the compiler's to report", () => {
    expect(parseModel(`${BASE}- {id: e, kind: expr, expr: "nope +"}\n`).model).not.toBeNull();
  });

  const shifted = (expr: string, more = ""): readonly string[] =>
    messages(`${BASE}- {id: q, kind: expr, expr: "${expr}"}\n${more}`);
  const refusal =
    "/nodes/1: Expression node 'q' uses SHIFT on itself and requires an initial condition (topology.nodes[].initialCondition.queueDepth).";

  test("a node that shifts itself needs an initial condition", () => {
    expect(shifted("MAX(0, shift(q, 1) + demand)")).toEqual([refusal]);
    expect(shifted("SHIFT(q, 0)")).toEqual([]);
    expect(shifted("SHIFT(q + 0, 1)")).toEqual([]);
    expect(shifted("SHIFT(demand, 1)")).toEqual([]);
  });

  test("of the topology node of its name, whatever the case, or of the one whose queue it is", () => {
    const condition = ", initialCondition: {queueDepth: 3}";
    const bound = station("T", condition).replace("served: demand", "served: demand, queueDepth: q");
    expect(shifted("SHIFT(q, 1)", topology(station("Q", condition)))).toEqual([]);
    expect(shifted("SHIFT(q, 1)", topology(bound))).toEqual([]);
    expect(shifted("SHIFT(q, 1)", topology(station("Q")))).toEqual([refusal]);
  });
});

describe("pmf", () => {
  const pmf = (values: string, probabilities: string): readonly string[] =>
    messages(`${BASE}- {id: p, kind: pmf, pmf: {values: [${values}], probabilities: [${probabilities}]}}\n`);

  test("lengths, duplicates and the sum are judged apart", () => {
    expect(pmf("1, 1.0, 2", "0.5, 0.6")).toEqual([
      "/nodes/1: pmf node 'p' contains duplicate value '1'.",
      "/nodes/1: pmf node 'p' probabilities length 2 does not match values length 3.",
      "/nodes/1: pmf node 'p' probabilities sum 1.1 is not 1.0 (tolerance 1e-4).",
    ]);
  });

  test("the sum may miss 1 by the tolerance", () => {
    expect(pmf("1, 2", "0.5, 0.50009")).toEqual([]);
    expect(pmf("1, 2", "0.5, 0.5002")).toHaveLength(1);
  });

  test("numbers are printed as .NET prints them", () => {
    expect(pmf("1e-7, 1e-7", "0.5, 0.5")).toEqual(["/nodes/1: pmf node 'p' contains duplicate value '1E-07'."]);
    expect(pmf("1, 2", "0.00001, 0.00002")[0]).toContain("sum 3.0000000000000004E-05 is");
  });
});

describe("names", () => {
  test("node ids are unique, case and all", () => {
    expect(
      messages(`${BASE}- {id: demand, kind: const, values: [1, 2]}\n- {id: Demand, kind: const, values: [1, 2]}\n`),
    ).toEqual(["/nodes/1: duplicate node id 'demand' (node ids must be unique within nodes[])."]);
  });

  test("topology ids differ in more than case", () => {
    const { diagnostics } = parseModel(BASE + topology(station("T"), station("t")));
    expect(diagnostics).toMatchObject([{ tier: "analyse", code: "duplicate_topology_id", span: { line: 8 } }]);
  });

  test("outputs name a node or everything", () => {
    expect(messages(`${BASE}outputs: [{series: "*"}, {series: demand}, {series: "dem*"}]\n`)).toEqual([
      "/outputs/2: output series 'dem*' does not match any declared nodes[].id.",
    ]);
  });

  test("series references may have a scheme and a class; files and self are no names", () => {
    const roles =
      "errors: 'series:demand@Gold', attempts: 'FILE:x.csv', queueDepth: Self, capacity: 'series: nope @Gold'";
    expect(messages(BASE + topology(station("T").replace("served: demand", `served: demand, ${roles}`)))).toEqual([
      "/topology/nodes/0/semantics/capacity: series reference 'nope' does not match any declared nodes[].id.",
    ]);
  });

  test("classes of arrivals are declared, once any is", () => {
    const traffic = `traffic:
  arrivals:
  - {nodeId: demand, pattern: {kind: constant}}
  - {nodeId: demand, classId: gold, pattern: {kind: constant}}
`;
    expect(messages(BASE + traffic)).toEqual([]);
    expect(messages(`${BASE}${traffic}classes: [{id: Gold}]\n`)).toEqual([
      "Arrival targeting 'demand' must declare classId because model.classes are defined.",
      "Class 'gold' is not declared under model.classes.",
    ]);
  });
});

describe("overflow of a work-in-progress limit", () => {
  const overflowing = (id: string, to: string): string => station(id, `, wipOverflow: ${to}`);

  test("goes to a topology node, or is lost", () => {
    expect(messages(BASE + topology(overflowing("A", "Loss"), overflowing("B", "a"), overflowing("C", "D")))).toEqual([
      "/topology/nodes/2: wipOverflow target 'D' on 'C' does not match any topology node.",
    ]);
  });

  test("does not come back", () => {
    const ring = topology(overflowing("A", "B"), overflowing("B", "C"), overflowing("C", "A"));
    expect(messages(BASE + ring)).toEqual([
      "/topology/nodes: wipOverflow routing contains a cycle involving 'C' → 'A'.",
    ]);
    expect(messages(BASE + topology(overflowing("A", "A")))).toHaveLength(1);
    expect(messages(BASE + topology(overflowing("A", "C"), overflowing("B", "C"), overflowing("C", "loss")))).toEqual(
      [],
    );
  });
});

describe("dates", () => {
  const start = (text: string): readonly string[] => messages(BASE.replace("hours}", `hours, start: "${text}"}`));

  test("are read as FlowTime reads them", () => {
    for (const text of ["2026-01-05", "2026-01-05T00:00:00Z", "2026-01-05 10:00 +02:00", "", "5 Jan 2026"]) {
      expect(start(text)).toEqual([]);
    }
    expect(start("yesterday")).toEqual(["/grid/start: value 'yesterday' is not a parseable ISO-8601 date-time."]);
    expect(start("2026-02-30")).toHaveLength(1);
  });

  test("of provenance too", () => {
    expect(messages(`${BASE}provenance: {generatedAt: soon}\n`)).toEqual([
      "/provenance/generatedAt: value 'soon' is not a parseable ISO-8601 date-time.",
    ]);
  });
});
