import { expect, test } from "vitest";
import { compileModel } from "../../../src/model/compile.ts";
import { parseModel } from "../../../src/model/parse.ts";

/** Models that ask for a great deal. They are compiled, or refused for the stated reason; the timeout catches a hang. */

const HANGS_AFTER_MS = 120_000;

const head = (bins = 1): string => `schemaVersion: 1\ngrid: {bins: ${bins}, binSize: 1, binUnit: hours}\nnodes:\n`;
const each = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join("");
const consts = (count: number): string => head() + each(count, (i) => `- {id: n${i}, kind: const, values: [1]}\n`);
const expr = (id: string, text: string): string => `- {id: ${id}, kind: expr, expr: "${text}"}\n`;
const classes = (count: number): string =>
  `traffic:\n  arrivals:\n${each(count, (i) => `  - {nodeId: n${i}, classId: c${i}, pattern: {kind: constant}}\n`)}`;

const COMPILED = "compiled";

const models: readonly (readonly [what: string, outcome: string, text: () => string])[] = [
  ["100,000 nodes", "too_large", () => consts(100_000)],
  ["10,000 nodes", COMPILED, () => consts(10_000)],
  ["5,000 readers of one node", COMPILED, () => consts(1) + each(5000, (i) => expr(`e${i}`, "n0"))],
  [
    "a chain of 5,000 nodes",
    COMPILED,
    () => consts(1) + each(5000, (i) => expr(`e${i}`, i === 0 ? "n0" : `e${i - 1}`)),
  ],
  [
    "a chain of 5,000 SHIFTs, last first",
    COMPILED,
    () => head() + each(5000, (i) => expr(`e${i}`, `SHIFT(e${i + 1}, 1)`)) + expr("e5000", "1"),
  ],
  ["a cycle of 5,000 nodes", "cycle", () => head() + each(5000, (i) => expr(`e${i}`, `e${(i + 1) % 5000}`))],
  ["5 MB of parentheses", "expression_syntax", () => consts(1) + expr("e", `${"(".repeat(5e6)}n0`)],
  ["10 MB of additions", "expression_syntax", () => consts(1) + expr("e", `n0${"+n0".repeat(3e6)}`)],
  ["a name of 10 MB", "unknown_reference", () => consts(1) + expr("e", "x".repeat(1e7))],
  ["a comment of 10 MB", COMPILED, () => `# ${"x".repeat(1e7)}\n${consts(1)}`],
  ["31 MB", "too_large", () => " ".repeat(31e6)],
  ["5 million numbers", "const_length", () => `${head()}- {id: a, kind: const, values: [${"1,".repeat(5e6)}1]}\n`],
  ["a million brackets", "too_large", () => "[".repeat(1e6)],
  ["100 brackets", "yaml_syntax", () => "[".repeat(100)],
  [
    "nine aliases of ten aliases each",
    "alias_expansion",
    () =>
      `a: &a [1,1,1,1,1,1,1,1,1,1]\n${each(9, (i) => {
        const [name, before] = ["bcdefghij"[i]!, "abcdefghi"[i]!];
        return `${name}: &${name} [${Array(10).fill(`*${before}`).join(",")}]\n`;
      })}`,
  ],
  [
    "2,000 topology nodes whose generated queues would be called the same",
    COMPILED,
    () =>
      `${consts(1)}topology:\n  nodes:\n${each(2000, (i) => {
        const id = `T${String.fromCharCode(0x3000 + i)}`;
        return `  - {id: "${id}", kind: queue, semantics: {arrivals: n0, served: n0}}\n`;
      })}`,
  ],
  [
    "5,000 edges",
    COMPILED,
    () =>
      `${consts(1)}topology:\n  nodes:\n${each(
        100,
        (i) => `  - {id: T${i}, kind: service, semantics: {arrivals: n0, served: n0}}\n`,
      )}  edges:\n${each(5000, (i) => `  - {from: T${i % 100}, to: T${(i * 7) % 100}}\n`)}`,
  ],
  [
    "classes doubled 500 times",
    COMPILED,
    () => consts(2) + expr("e0", "n0 + n1") + each(500, (i) => expr(`e${i + 1}`, `e${i} + e${i}`)) + classes(2),
  ],
  [
    "winning sides doubled 500 times",
    COMPILED,
    () => consts(2) + expr("e0", "MAX(n0, n1)") + each(500, (i) => expr(`e${i + 1}`, `MAX(e${i}, e${i})`)) + classes(2),
  ],
  [
    "a sum of 1,000 classes",
    "too_large",
    () => consts(1000) + expr("e", Array.from({ length: 1000 }, (_, i) => `n${i}`).join("+")) + classes(1000),
  ],
  [
    "9,000 lags of 9,999 bins",
    "too_large",
    () => head(10_000) + expr("n0", "1") + each(9000, (i) => expr(`e${i}`, "SHIFT(n0, 9999)")),
  ],
  [
    "classes that travel back through 1,200 SHIFTs",
    "too_large",
    () =>
      consts(2) +
      each(1200, (i) => expr(`e${i}`, `SHIFT(e${i + 1}, 1) + n${i % 2}`)) +
      expr("e1200", "n1") +
      classes(2),
  ],
];

test.each(models)(
  "%s: %s",
  (_, outcome, text) => {
    const { model, diagnostics } = parseModel(text());
    const findings = model === null ? diagnostics : compileModel(model).diagnostics;
    const errors = findings.filter(({ severity }) => severity === "error").map(({ code }) => code);
    expect(errors.length === 0 ? [COMPILED] : errors).toContain(outcome);
  },
  HANGS_AFTER_MS,
);
