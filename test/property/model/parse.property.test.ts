import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileModel } from "../../../src/model/compile.ts";
import { type Diagnostic, normaliseModelText } from "../../../src/model/diagnostics.ts";
import { parseModel } from "../../../src/model/parse.ts";
import { renderDiagnostic } from "../../../src/model/render-diagnostics.ts";
import { runs } from "../../support/seed.ts";

const BASE = `schemaVersion: 1
grid: {bins: 20, binSize: 5, binUnit: minutes, start: "2026-01-05T00:00:00Z"}
classes: [{id: Gold}]
traffic: {arrivals: [{nodeId: a, classId: Gold, pattern: {kind: constant}}]}
nodes:
- id: a
  kind: const
  values: &v [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
- {id: b, kind: const, values: *v}
- {id: p, kind: pmf, pmf: {values: [1, 2], probabilities: [0.5, 0.5]}}
- id: e
  kind: expr
  expr: "MIN(a, b) + SHIFT(p, 1)"
- {id: q, kind: serviceWithBuffer, inflow: a, outflow: e, dispatchSchedule: {periodBins: 2}}
- {id: r, kind: router, inputs: {queue: q}, routes: [{target: a, weight: 1}]}
topology:
  nodes:
  - id: T
    kind: queue
    semantics: {arrivals: a, served: e, queueDepth: q, parallelism: 2, aliases: {served: x}}
  edges: [{from: T, to: T, type: effort}]
  constraints: [{id: c, semantics: {arrivals: a, served: b}}]
outputs: [{series: "*"}]
`;

const FRAGMENTS = [
  ..."[]{}:,-?&*!|>'\"%@`#~ \n\t\r\0\u001B\uFEFF\uD800",
  ": ",
  "- ",
  "\n---\n",
  "\n...\n",
  "\r\n",
  "&v ",
  "*v",
  "<<: *v",
  "!!str ",
  "%YAML 1.1\n",
  "null",
  "NaN",
  "1e999",
  "__proto__",
  "日本",
  "😀",
  "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]",
  "((((",
];

/** The base with pieces cut out, doubled and put in: near enough to a model that every stage is reached. */
const damagedModel = fc
  .array(
    fc.record({
      at: fc.nat(BASE.length),
      cut: fc.oneof(fc.constant(0), fc.nat(20)),
      put: fc.oneof(
        fc.constantFrom(...FRAGMENTS),
        fc.string({ unit: "grapheme", maxLength: 6 }),
        fc.tuple(fc.nat(BASE.length), fc.nat(60)).map(([from, length]) => BASE.slice(from, from + length)),
      ),
    }),
    { maxLength: 6 },
  )
  .map((edits) => edits.reduce((text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut), BASE));

const anyText = fc.oneof(
  { weight: 4, arbitrary: damagedModel },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
  { weight: 1, arbitrary: fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 60 }).map((parts) => parts.join("")) },
);

/** What is wrong with the place or the rendering of a finding; one expectation a finding would be most of the run time. */
function brokenPromises(text: string, read: string, finding: Diagnostic): readonly string[] {
  const { span } = finding;
  const broken: string[] = [];
  if (span !== null) {
    const { line, column, startOffset, endOffset } = span;
    const isInside = startOffset >= 0 && endOffset >= startOffset && endOffset <= read.length;
    const before = read.slice(0, startOffset);
    if (!isInside) broken.push(`outside of the text: ${startOffset} to ${endOffset}`);
    if (line !== before.split("\n").length) broken.push(`line ${line}`);
    if (column !== startOffset - before.lastIndexOf("\n")) broken.push(`column ${column}`);
  }
  if (renderDiagnostic(finding, text).split("\n").length > 4) broken.push("rendered on more than four lines");
  return broken;
}

function checkPromises(text: string): void {
  const read = normaliseModelText(text);
  for (const profile of ["direct", "live"] as const) {
    const { model, diagnostics } = parseModel(text, { profile });
    expect(model === null).toBe(diagnostics.some((finding) => finding.severity === "error"));
    expect(diagnostics.flatMap((finding) => brokenPromises(text, read, finding))).toEqual([]);
  }
}

test("any text gives a model or findings with places inside the text, and never throws", () => {
  fc.assert(fc.property(anyText, checkPromises), runs(250));
});

const root = path.resolve(import.meta.dirname, "../../../fixtures");
const fixtures = globSync(["models/*.yaml", "bundles/*/model.yaml"], { cwd: root })
  .sort()
  .map((name) => readFileSync(path.join(root, name), "utf8"));

/** A model of the fixtures with some pieces cut out, moved or put in. */
const damagedFixture = fc
  .tuple(
    fc.constantFrom(...fixtures),
    fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        cut: fc.nat(12),
        put: fc.constantFrom("", ...FRAGMENTS, "SHIFT(", "self", "file:x.csv", "-1", "0", "1e9", "queue"),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([text, edits]) =>
    edits.reduce((t, { at, cut, put }) => {
      const start = Math.floor(at * t.length);
      return t.slice(0, start) + put + t.slice(start + cut);
    }, text),
  );

test("a damaged fixture is compiled, or refused with places inside the text", () => {
  expect(fixtures.length).toBeGreaterThan(4);
  fc.assert(
    fc.property(damagedFixture, (text) => {
      checkPromises(text);
      const { model } = parseModel(text);
      if (model === null) return;
      const read = normaliseModelText(text);
      const { plan, diagnostics } = compileModel(model);
      expect(plan === null).toBe(diagnostics.some(({ severity }) => severity === "error"));
      expect(diagnostics.flatMap((finding) => brokenPromises(text, read, finding))).toEqual([]);
    }),
    runs(200),
  );
});

test("what direct takes, live takes too, and with the same meaning", () => {
  expect(parseModel(BASE, { profile: "direct" }).diagnostics).toEqual([]);
  fc.assert(
    fc.property(damagedModel, (text) => {
      const direct = parseModel(text, { profile: "direct" });
      if (direct.model !== null) expect(parseModel(text, { profile: "live" })).toEqual(direct);
    }),
    runs(100),
  );
});
