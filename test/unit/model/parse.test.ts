import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { MAX_FINDINGS } from "../../../src/model/findings.ts";
import { parseModel } from "../../../src/model/parse.ts";
import { MAX_YAML_PARTS } from "../../../src/model/read-yaml.ts";
import { describeWithReference } from "../../support/reference.ts";

interface ValidationCase {
  readonly case: string;
  readonly yaml: string;
  /** Without `isValid` where FlowTime's endpoint refused to look: an empty text. */
  readonly schema: { readonly isValid?: boolean; readonly errors?: readonly { readonly message: string }[] };
}

/** Findings that FlowTime's own checks word; the others are its JSON Schema and YAML libraries'. */
const OWN_SENTENCES = [
  /^Arrival targeting /,
  /^Class '.*' is not declared/,
  /: duplicate node id /,
  /: output series /,
  /: expression on /,
  /: const node /,
  /: pmf node /,
  /: Expression node .* uses SHIFT on itself/,
  /: series reference /,
  /: wipOverflow /,
  /is not a parseable ISO-8601 date-time\.$/,
];

describeWithReference("FlowTime's verdicts on models", (root) => {
  const cases = readFileSync(path.join(root, "golden/validate/cases.ndjson"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ValidationCase);

  test("all cases are there", () => {
    expect(cases).toHaveLength(140);
  });

  test.each(cases.map((entry) => [entry.case, entry] as const))("%s", (_name, entry) => {
    const { diagnostics } = parseModel(entry.yaml, { profile: "direct" });
    const refusals = diagnostics.filter(
      (finding) => finding.severity === "error" && (finding.tier === "yaml" || finding.tier === "schema"),
    );
    const messages = refusals.map((finding) => finding.message);
    expect(refusals.length === 0, messages.join("\n")).toBe(entry.schema.isValid ?? false);
    const own = (entry.schema.errors ?? [])
      .map((error) => error.message)
      .filter((text) => OWN_SENTENCES.some((own) => own.test(text)));
    expect(messages).toEqual(expect.arrayContaining(own));
  });
});

describeWithReference("models that FlowTime has run", (root) => {
  const folders = [
    ["golden/direct", "direct"],
    ["golden/prefix", "direct"],
    ["golden/simulation", "live"],
    ["golden/telemetry", "live"],
    ["bundles", "live"],
  ] as const;

  test.each(folders)("%s parse without an error", (folder, profile) => {
    const names = readdirSync(path.join(root, folder));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const text = readFileSync(path.join(root, folder, name, "model.yaml"), "utf8");
      const { model, diagnostics } = parseModel(text, { profile });
      expect({ name, diagnostics }).toEqual({ name, diagnostics: [] });
      expect(model).not.toBeNull();
    }
  });
});

const HEAD = "schemaVersion: 1\ngrid: {bins: 4, binSize: 1, binUnit: hours}\n";
const MODEL = `${HEAD}nodes:\n- {id: a, kind: const, values: [1, 2, 3, 4]}\n`;

function codes(text: string, profile: "direct" | "live" = "direct"): readonly string[] {
  return parseModel(text, { profile }).diagnostics.map((finding) => finding.code);
}

describe("parseModel", () => {
  test("gives a model exactly when there is no error", () => {
    const { model, diagnostics } = parseModel(MODEL);
    expect(diagnostics).toEqual([]);
    expect(model).toMatchObject({
      text: MODEL,
      grid: { bins: 4, binSize: 1, binUnit: "hours", start: null },
      nodes: [{ kind: "const", id: "a", values: [1, 2, 3, 4], source: null }],
      topology: null,
      classes: [],
      arrivals: [],
      outputs: [],
      provenance: null,
    });
    expect(parseModel(MODEL.replace("values", "value")).model).toBeNull();
  });

  test("counts lines and columns of a text with CRLF as an editor does", () => {
    const { diagnostics } = parseModel(MODEL.replace("kind: const", "kind: konst").replaceAll("\n", "\r\n"));
    expect(diagnostics[0]).toMatchObject({ code: "unknown_value", span: { line: 4, column: 17 } });
    expect(parseModel(MODEL.replaceAll("\n", "\r\n")).model?.text).toBe(MODEL);
  });

  test("takes a byte-order mark in live models and refuses it where FlowTime does", () => {
    expect(parseModel(`\uFEFF${MODEL}`).model?.text).toBe(MODEL);
    expect(codes(`\uFEFF${MODEL}`, "direct")).toEqual(["byte_order_mark"]);
  });

  test("reads the parts that the compiler may not support yet", () => {
    const text = `${HEAD}
classes: [{id: Gold, displayName: Gold work}, {id: Std}]
traffic:
  arrivals:
  - {nodeId: a, classId: Gold, pattern: {kind: constant, ratePerBin: 10}}
nodes:
- {id: a, kind: const, values: [1, 2, 3, 4]}
- {id: b, kind: const, values: [1, 2, 3, 4]}
- id: r
  kind: router
  inputs: {queue: a}
  routes:
  - {target: b, classes: [Gold]}
  - {target: a, weight: 2}
- id: q
  kind: serviceWithBuffer
  inflow: a
  outflow: b
  loss: ~
  dispatchSchedule: {periodBins: 2, phaseOffset: -1, capacitySeries: a}
topology:
  nodes:
  - id: Desk
    kind: queue
    constraints: [pool]
    initialCondition: {queueDepth: 5}
    semantics:
      arrivals: " a "
      served: b
      queueDepth: self
      capacity: "file:cap.csv"
      parallelism: "2"
      retryKernel: [0.5, 0.25]
      slaMin: 5
      aliases: {arrivals: Orders}
  edges:
  - {from: "Desk:out", to: "Desk:in", type: effort, measure: load, lag: 2, multiplier: 0.5}
  constraints:
  - {id: pool, semantics: {arrivals: a, served: b}}
outputs: [{series: "*"}, {series: a, as: a.csv}]
provenance: {templateId: t, mode: simulation, parameters: {x: [1, {y: 2}]}}
`;
    const { model, diagnostics } = parseModel(text, { profile: "direct" });
    expect(diagnostics).toEqual([]);
    expect(model).toMatchObject({
      classes: [
        { id: "Gold", displayName: "Gold work", description: null },
        { id: "Std", displayName: null, description: null },
      ],
      arrivals: [{ nodeId: "a", classId: "Gold" }],
      outputs: [
        { series: "*", as: null },
        { series: "a", as: "a.csv" },
      ],
      provenance: { templateId: "t", templateVersion: null, mode: "simulation" },
    });
    expect(model?.nodes.slice(2)).toMatchObject([
      {
        kind: "router",
        queue: "a",
        routes: [
          { target: "b", classes: ["Gold"], weight: null },
          { target: "a", classes: [], weight: 2 },
        ],
      },
      { loss: null, dispatchSchedule: { periodBins: 2, phaseOffset: -1, capacitySeries: "a" } },
    ]);
    expect(model?.topology).toMatchObject({
      nodes: [
        {
          id: "Desk",
          kind: "queue",
          nodeRole: null,
          constraints: ["pool"],
          initialQueueDepth: 5,
          semantics: {
            series: { arrivals: "a", served: "b", queueDepth: "self", capacity: "file:cap.csv" },
            parallelism: 2,
            retryKernel: [0.5, 0.25],
            slaMin: 5,
            maxAttempts: null,
            aliases: { arrivals: "Orders" },
          },
        },
      ],
      edges: [
        {
          id: null,
          from: "Desk:out",
          to: "Desk:in",
          weight: null,
          type: "effort",
          measure: "load",
          lag: 2,
          multiplier: 0.5,
        },
      ],
      constraints: [{ id: "pool", series: { arrivals: "a", served: "b" } }],
    });
  });

  test("points at the value of an expression, whatever its quotes", () => {
    for (const written of ["a + 1", '"a + 1"', "'a + 1'"]) {
      const text = `${MODEL}- id: e\n  kind: expr\n  expr: ${written}\n`;
      const node = parseModel(text).model?.nodes[1];
      const { startOffset, endOffset } = node?.kind === "expr" ? node.exprSpan : { startOffset: 0, endOffset: 0 };
      expect(text.slice(startOffset, endOffset)).toBe(written);
    }
  });
});

describe("YAML", () => {
  test("every syntax error is reported with its place", () => {
    const { diagnostics } = parseModel("a: 'x' y\nb: [1, 2\nc: @d\n");
    expect(diagnostics.length).toBeGreaterThanOrEqual(2);
    for (const finding of diagnostics) expect(finding).toMatchObject({ tier: "yaml", code: "yaml_syntax" });
    expect(diagnostics[0]?.span).toMatchObject({ line: 1, column: 8 });
  });

  test.each([
    ["a key twice, anywhere", `${MODEL}provenance: {parameters: {x: 1, "x": 2}}\n`, "duplicate_key"],
    ["an alias without an anchor", `${MODEL}outputs: *nothing\n`, "unknown_alias"],
    ["a node that contains itself", `${MODEL}outputs: &o [*o]\n`, "unknown_alias"],
    ["a mapping as a key", `${MODEL}? {a: 1}\n: 2\n`, "key_not_text"],
    ["an empty text", "", "empty_document"],
    ["a comment alone", "# nothing\n", "empty_document"],
    ["a list", "- 1\n", "root_not_mapping"],
    ["a word", "hello", "root_not_mapping"],
  ])("%s", (_name, text, code) => {
    expect(codes(text)).toEqual([code]);
  });

  test("a second document is what FlowTime's schema check overlooks and its loader refuses", () => {
    expect(parseModel(`${MODEL}---\na: 1\n`).diagnostics).toMatchObject([{ tier: "compile", code: "second_document" }]);
    expect(codes(`${MODEL}---\na: [\n`)).toContain("yaml_syntax");
  });

  test("anchors and aliases stand for their values; merge keys do not merge", () => {
    const text = `${HEAD}nodes:\n- {id: a, kind: const, values: &v [1, 2, 3, 4]}\n- {id: b, kind: const, values: *v}\n`;
    expect(parseModel(text).model?.nodes).toMatchObject([{ values: [1, 2, 3, 4] }, { values: [1, 2, 3, 4] }]);
    expect(codes(`${MODEL}<<: {rng: {}}\n`)).toEqual(["unknown_field"]);
  });
});

describe("hostile texts", () => {
  test("an alias bomb is refused before it is expanded", () => {
    const levels = Array.from({ length: 60 }, (_, level) => `a${level + 1}: &a${level + 1} [*a${level}, *a${level}]`);
    expect(codes(`a0: &a0 [1, 2]\n${levels.join("\n")}\n`)).toContain("alias_expansion");
  });

  test.each([
    ["200 brackets", `a: ${"[".repeat(200)}${"]".repeat(200)}`],
    ["100,000 brackets", `a: ${"[".repeat(100_000)}`],
    ["100,000 dashes", "- ".repeat(100_000)],
    ["200 mappings", Array.from({ length: 200 }, (_, level) => `${" ".repeat(level)}a:`).join("\n")],
  ])("%s are nested too deep", (_name, text) => {
    expect(codes(text)).toContain("too_deep");
  });

  test("names of object properties are names like others", () => {
    const text = `${HEAD}nodes:
- {id: __proto__, kind: const, values: [1, 2, 3, 4], metadata: {__proto__: x, constructor: y}}
- {id: constructor, kind: expr, expr: __proto__ + toString}
`;
    const { diagnostics } = parseModel(text);
    expect(diagnostics.map((finding) => finding.message)).toEqual([
      "/nodes/1: expression on 'constructor' references unknown node id 'toString'.",
    ]);
    const metadata = parseModel(text.replace(" + toString", "")).model?.nodes[0]?.metadata ?? {};
    expect(Object.entries(metadata)).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });

  test("a million numbers are read, with one finding about their number", () => {
    expect(codes(`${HEAD}nodes:\n- {id: a, kind: const, values: [${"1, ".repeat(999_999)}1]}\n`)).toEqual([
      "const_length",
    ]);
  });

  test("more parts than the parser should be given are refused unread", () => {
    expect(codes(`a: [${"x, ".repeat(MAX_YAML_PARTS)}]`)).toEqual(["too_large"]);
  });

  test("findings end at a bound, and say so", () => {
    const found = codes(`${HEAD}nodes:\n- {id: a, kind: const, values: [${"x, ".repeat(5000)}1]}\n`);
    expect(found).toHaveLength(MAX_FINDINGS + 1);
    expect(found.at(-1)).toBe("too_many_findings");
  });

  test("an expression that nests in every way at once is refused, not followed", () => {
    const deep = `${"(".repeat(400)}a${`${" + a".repeat(1500)})`.repeat(400)}`;
    expect(() => parseModel(`${MODEL}- {id: e, kind: expr, expr: "${deep}"}\n`)).not.toThrow();
  });
});

describe("long number lists", () => {
  const numbers = Array.from({ length: 40 }, (_, index) => `${index}.5`);
  const node = (list: string): string =>
    `schemaVersion: 1\ngrid: {bins: 40, binSize: 1, binUnit: hours}\nnodes:\n- id: a\n  kind: const\n  values: ${list}\n`;
  const expected = numbers.map(Number);

  test.each([
    ["on one line", node(`[${numbers.join(", ")}]`)],
    ["over several lines", node(`[\n    ${numbers.join(",\n    ")}\n  ]`)],
    ["with a comment inside", node(`[ # ramp\n    ${numbers.join(", # next\n    ")}]`)],
    ["beside one in a comment", `${node(`[${numbers.join(",")}]`)}# was: [${numbers.join(",")}]\n`],
    ["beside one in a text", node(`[${numbers.join(",")}]\n  metadata: {old: "[${numbers.join(",")}]"}`)],
    ["with an anchor", node(`&v [${numbers.join(",")}]`)],
    ["as block", node(`\n  - ${numbers.join("\n  - ")}`)],
  ])("%s", (_name, text) => {
    const { model, diagnostics } = parseModel(text);
    expect(diagnostics).toEqual([]);
    expect(model?.nodes[0]).toMatchObject({ values: expected });
  });

  test("a text that looks like one keeps its characters", () => {
    const text = node(`[${numbers.join(",")}]\n  metadata: {old: "[${numbers.join(",")}]"}`);
    expect(parseModel(text).model?.nodes[0]?.metadata).toEqual({ old: `[${numbers.join(",")}]` });
  });

  test("single items are pointed at", () => {
    const items = [...numbers.slice(0, 38).map(() => "0"), "0.5", "-0.5", "1.0"];
    const text = `${HEAD}nodes:\n- {id: p, kind: pmf, pmf: {values: [${items.map((_, index) => index).join(",")}], probabilities: [${items.join(", ")}]}}\n`;
    const { diagnostics } = parseModel(text);
    expect(diagnostics.map(({ code, pointer }) => [code, pointer])).toEqual([
      ["out_of_range", "/nodes/0/pmf/probabilities/39"],
    ]);
    const span = diagnostics[0]?.span;
    expect(text.slice(span?.startOffset, span?.endOffset)).toBe("-0.5");
  });

  test("a wrong item among thousands is found", () => {
    const text = node(`[${numbers.with(30, "x").join(",")}]`);
    expect(parseModel(text).diagnostics).toMatchObject([{ code: "wrong_type", pointer: "/nodes/0/values/30" }]);
  });
});
