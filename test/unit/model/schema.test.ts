import { describe, expect, test } from "vitest";
import type { Diagnostic } from "../../../src/model/diagnostics.ts";
import type { ModelProfile } from "../../../src/model/draft.ts";
import { parseModel } from "../../../src/model/parse.ts";

const GRID = "{bins: 2, binSize: 1, binUnit: hours}";
const A = "{id: a, kind: const, values: [1, 2]}";

interface Parts {
  readonly root?: string;
  readonly grid?: string;
  readonly nodes?: readonly string[];
  readonly topology?: string;
}

function modelText({ root = "", grid = GRID, nodes = [A], topology }: Parts): string {
  const lines = ["schemaVersion: 1", `grid: ${grid}`, "nodes:", ...nodes.map((node) => `- ${node}`)];
  if (topology !== undefined) lines.push(`topology: ${topology}`);
  return `${lines.join("\n")}\n${root}`;
}

function findings(parts: Parts, profile: ModelProfile = "direct"): readonly Diagnostic[] {
  return parseModel(modelText(parts), { profile }).diagnostics;
}

/** Code, pointer and the text pointed at. */
function summary(parts: Parts, profile: ModelProfile = "direct"): readonly string[] {
  const text = modelText(parts);
  return parseModel(text, { profile }).diagnostics.map(
    ({ code, pointer, span }) => `${code} ${pointer} ${text.slice(span?.startOffset, span?.endOffset)}`,
  );
}

const semantics = (more: string): string =>
  `{nodes: [{id: T, kind: service, semantics: {arrivals: a, served: a, ${more}}}]}`;

describe("structural findings", () => {
  test.each<readonly [string, Parts, readonly string[]]>([
    ["unknown root field", { root: "node: []\n" }, ["unknown_field /node node"]],
    ["field with a slash", { root: "a/b~c: 1\n" }, ["unknown_field /a~1b~0c a/b~c"]],
    [
      "unknown grid field",
      { grid: GRID.replace("bins", "binz") },
      ["unknown_field /grid/binz binz", "missing_field /grid binz"],
    ],
    ["bins as text", { grid: GRID.replace("2", "'2'") }, ["wrong_type /grid/bins '2'"]],
    ["bins not whole", { grid: GRID.replace("2", "2.5") }, ["wrong_type /grid/bins 2.5"]],
    [
      "too many bins",
      { grid: GRID.replace("2", "10001") },
      ["out_of_range /grid/bins 10001", "const_length /nodes/0/values [1, 2]"],
    ],
    ["unit in capitals", { grid: GRID.replace("hours", "Hours") }, ["unknown_value /grid/binUnit Hours"]],
    ["start as a number", { grid: GRID.replace("}", ", start: 2026}") }, ["wrong_type /grid/start 2026"]],
    ["no nodes", { nodes: [], root: "" }, ["wrong_type /nodes nodes"]],
    ["node that is text", { nodes: [A, "b"] }, ["wrong_type /nodes/1 b"]],
    ["bad node id", { nodes: ["{id: 1a, kind: const, values: [1, 2]}"] }, ["bad_id /nodes/0/id 1a"]],
    ["unknown kind", { nodes: ["{id: a, kind: Const, values: [1, 2]}"] }, ["unknown_value /nodes/0/kind Const"]],
    ["field of another kind", { nodes: [A.replace("}", ", expr: b}")] }, ["misplaced_field /nodes/0/expr expr"]],
    ["const without values", { nodes: ["{id: a, kind: const}"] }, ["missing_field /nodes/0 a"]],
    ["quoted value", { nodes: [A.replace("1", "'1'")] }, ["wrong_type /nodes/0/values/0 '1'"]],
    ["truth value", { nodes: [A.replace("1", "true")] }, ["wrong_type /nodes/0/values/0 true"]],
    [
      "metadata with a number",
      { nodes: [A.replace("}", ", metadata: {x: 1}}")] },
      ["wrong_type /nodes/0/metadata/x 1"],
    ],
    ["empty expression", { nodes: ["{id: a, kind: expr, expr: ''}"] }, ["empty_text /nodes/0/expr ''"]],
    [
      "pmf without probabilities",
      { nodes: ["{id: a, kind: pmf, pmf: {values: [1], weights: [1]}}"] },
      ["missing_field /nodes/0/pmf values", "unknown_field /nodes/0/pmf/weights weights"],
    ],
    [
      "schedule",
      { nodes: [A.replace("}", ", dispatchSchedule: {kind: cron, periodBins: 0, capacity: a}}")] },
      [
        "unknown_value /nodes/0/dispatchSchedule/kind cron",
        "out_of_range /nodes/0/dispatchSchedule/periodBins 0",
        "unknown_field /nodes/0/dispatchSchedule/capacity capacity",
      ],
    ],
    [
      "route with nothing",
      { nodes: [A, "{id: r, kind: router, inputs: {queue: a}, routes: [{target: a}]}"] },
      ["missing_field /nodes/1/routes/0 target"],
    ],
    [
      "route with a weight of 0",
      { nodes: [A, "{id: r, kind: router, inputs: {queue: a}, routes: [{target: a, weight: 0}]}"] },
      ["out_of_range /nodes/1/routes/0/weight 0"],
    ],
    ["unknown topology field", { topology: "{edge: []}" }, ["unknown_field /topology/edge edge"]],
    [
      "topology node alone",
      { topology: "{nodes: [{id: T}]}" },
      ["missing_field /topology/nodes/0 T", "missing_field /topology/nodes/0 T"],
    ],
    [
      "parallelism of 0",
      { topology: semantics("parallelism: 0") },
      ["out_of_range /topology/nodes/0/semantics/parallelism 0"],
    ],
    [
      "parallelism as list",
      { topology: semantics("parallelism: [1]") },
      ["wrong_type /topology/nodes/0/semantics/parallelism [1]"],
    ],
    [
      "alias that is no text",
      { topology: semantics("aliases: {served: 1}") },
      ["wrong_type /topology/nodes/0/semantics/aliases/served 1"],
    ],
    ["edge without to", { topology: "{edges: [{from: T}]}" }, ["missing_field /topology/edges/0 from"]],
    [
      "edge of unknown type",
      { topology: "{edges: [{from: T, to: T, type: flow}]}" },
      ["unknown_value /topology/edges/0/type flow"],
    ],
    ["class id", { root: "classes: [{id: 'a b'}]\n" }, ["bad_id /classes/0/id 'a b'"]],
    ["no classes", { root: "classes: []\n" }, ["empty_list /classes []"]],
    ["output file", { root: "outputs: [{series: a, as: a.json}]\n" }, ["bad_file_name /outputs/0/as a.json"]],
    ["seed", { root: "rng: {kind: pcg, seed: -1}\n" }, ["unknown_value /rng/kind pcg", "out_of_range /rng/seed -1"]],
    [
      "template version",
      { root: "provenance: {templateVersion: 1.0}\n" },
      ["wrong_type /provenance/templateVersion 1.0"],
    ],
    ["null where a mapping belongs", { root: "traffic: null\n" }, ["wrong_type /traffic null"]],
    [
      "number that is not finite",
      { root: "provenance: {parameters: {x: Infinity}}\n" },
      ["not_finite /provenance/parameters/x Infinity"],
    ],
  ])("%s", (_name, parts, expected) => {
    expect(summary(parts)).toEqual(expected);
  });

  test("all faults of a model are reported together", () => {
    const found = summary({
      root: "bogus: 1\n",
      grid: "{bins: 0, binSize: 1, binUnit: hours}",
      nodes: ["{id: a, kind: expr, expr: b}", "{id: a, kind: konst}", "{kind: const, values: [x]}"],
    });
    expect(found.map((line) => line.split(" ", 2).join(" "))).toEqual([
      "out_of_range /grid/bins",
      "unknown_reference /nodes/0/expr",
      "duplicate_id /nodes/1/id",
      "unknown_value /nodes/1/kind",
      "missing_field /nodes/2",
      "wrong_type /nodes/2/values/0",
      "unknown_field /bogus",
    ]);
  });

  test("near names are suggested, far ones are not", () => {
    const hints = (parts: Parts): readonly (string | undefined)[] => findings(parts).map((finding) => finding.hint);
    expect(hints({ nodes: ["{id: a, kind: serviceWithBufer, inflow: a, outflow: a}"] })).toEqual([
      "Did you mean 'serviceWithBuffer'?",
    ]);
    expect(hints({ root: "output: []\n" })).toEqual(["Did you mean 'outputs'?"]);
    expect(hints({ nodes: [A, "{id: e, kind: expr, exrp: a}"] })).toContain("Did you mean 'expr'?");
    expect(hints({ root: "zzzzzz: 1\n" })[0]).toMatch(/^Fields here: /);
    expect(hints({ nodes: [A.replace("[1", "['1'")] })).toEqual(["Remove the quotes."]);
    expect(hints({ nodes: [A.replace("[1", "[.nan")] })[0]).toMatch(/telemetry/);
  });
});

describe("what FlowTime's schema check passes and its loader refuses", () => {
  test.each<readonly [string, Parts, string]>([
    ["whole number with a point", { grid: GRID.replace("2", "2.0") }, "compile/integer_notation"],
    ["whole number with an exponent", { grid: GRID.replace("1", "1e0") }, "compile/integer_notation"],
    ["leading zero, which is octal to one of the two", { grid: GRID.replace("2", "02") }, "compile/integer_notation"],
    ["blank inflow", { nodes: [A, "{id: q, kind: serviceWithBuffer, inflow: '', outflow: a}"] }, "analyse/blank_field"],
    ["null outflow", { nodes: [A, "{id: q, kind: serviceWithBuffer, inflow: a, outflow: ~}"] }, "analyse/blank_field"],
    ["blank expression", { nodes: ["{id: e, kind: expr, expr: ' '}"] }, "analyse/blank_field"],
    [
      "route for no class",
      { nodes: [A, "{id: r, kind: router, inputs: {queue: a}, routes: [{target: a, classes: []}]}"] },
      "analyse/route_selects_nothing",
    ],
    [
      "blank arrivals",
      { topology: "{nodes: [{id: T, kind: x, semantics: {arrivals: '', served: a}}]}" },
      "compile/blank_reference",
    ],
    ["reference without a node", { topology: semantics("errors: '@Gold'") }, "compile/blank_reference"],
    ["infinite parallelism", { topology: semantics("parallelism: 'Infinity'") }, "compile/not_finite"],
  ])("%s", (_name, parts, expected) => {
    expect(findings(parts).map(({ tier, code }) => `${tier}/${code}`)).toEqual([expected]);
  });
});

describe("typing of scalars", () => {
  test.each(["yes", "0x1F", ".inf", "1_000", "1,5", "2026-01-05", "1e", "null", "~", "12:30"])("%s is text", (text) => {
    expect(
      summary({ nodes: [A.replace("}", `, metadata: {x: ${text.includes(",") ? `"${text}"` : text}}}`)] }),
    ).toEqual([]);
  });

  test.each(["1", "-1", "+1", ".5", "5.", "1e3", "-2.5E-3", "007", "4294967296"])("%s is a number", (text) => {
    expect(summary({ nodes: [A.replace("[1", `[${text}`)] })).toEqual([]);
  });

  test("null, ~ and nothing are absent once loaded", () => {
    const queue = (loss: string): string => `{id: q, kind: serviceWithBuffer, inflow: a, outflow: a, loss: ${loss}}`;
    const loss = (text: string): unknown => {
      const node = parseModel(modelText({ nodes: [A, queue(text)] })).model?.nodes[1];
      return node?.kind === "serviceWithBuffer" ? node.loss : undefined;
    };
    expect(["null", "~", "", "NULL"].map(loss)).toEqual([null, null, null, null]);
    expect(loss("'null'")).toBe("null");
  });

  test("parallelism is a number where its text is one, else a reference", () => {
    const parallelism = (text: string): unknown =>
      parseModel(modelText({ topology: semantics(`parallelism: ${text}`) })).model?.topology?.nodes[0]?.semantics
        .parallelism;
    expect(["2.5", "'2.5'", "a", "' a '", "null"].map(parallelism)).toEqual([2.5, 2.5, "a", "a", null]);
  });
});

describe("profiles", () => {
  const fed = "{id: f, kind: const, source: 'file:f.csv'}";

  test("a telemetry source is for live models", () => {
    expect(summary({ nodes: [A, fed] }, "direct")).toEqual([
      "missing_field /nodes/1 f",
      "unknown_field /nodes/1/source source",
    ]);
    const { model } = parseModel(modelText({ nodes: [A, fed] }));
    expect(model?.nodes[1]).toMatchObject({ kind: "const", source: "file:f.csv", values: [] });
  });

  test("values beside a source must still fit the grid", () => {
    expect(summary({ nodes: [fed.replace("}", ", values: [1]}")] }, "live")).toEqual([
      "const_length /nodes/0/values [1]",
    ]);
    expect(summary({ nodes: [fed.replace("}", ", values: []}")] }, "live")).toEqual([]);
    expect(summary({ nodes: [fed.replace("'file:f.csv'", "''")] }, "live")).toEqual(["missing_field /nodes/0 f"]);
  });

  test("only live models have metadata and a mode", () => {
    const root = "metadata: {title: [x]}\nmode: telemetry\n";
    expect(summary({ root }, "direct")).toEqual(["unknown_field /metadata metadata", "unknown_field /mode mode"]);
    expect(summary({ root }, "live")).toEqual([]);
  });
});
