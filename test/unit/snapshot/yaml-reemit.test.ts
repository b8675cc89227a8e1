import { describe, expect, test } from "vitest";
import { reemitYaml } from "../../../src/snapshot/yaml-reemit.ts";
import { hasDuplicateKey, parseYamlStream } from "../../../src/snapshot/yaml-tree.ts";
import { describeTextTable } from "../../support/text-tables.ts";

function reemitted(text: string): string | null {
  const stream = parseYamlStream(text);
  return stream === null ? null : reemitYaml(stream);
}

describeTextTable(
  "re-emission against FlowTime's YAML library",
  "yaml-reemit.ndjson",
  { part: 180, whole: 3060 },
  (lines, count) => {
    test("documents come out the same, or are refused by both", () => {
      const different: string[] = [];
      for (const line of lines) {
        const { yaml, emitted } = JSON.parse(line) as { yaml: string; emitted: string | null };
        if (reemitted(yaml) !== emitted) different.push(yaml);
      }
      expect(different).toEqual([]);
      expect(lines.length).toBe(count);
    });
  },
);

describe("re-emission", () => {
  test.each([
    ["a:\n    - b: 1\n      c: 2\n    - - x\n      - y\n", "a:\n- b: 1\n  c: 2\n- - x\n  - y\n...\n"],
    ["a: [ 1,2 ]\nb: { x : y }\nc: []\n", "a: [1, 2]\nb: {x: y}\nc: []\n...\n"],
    ["a:\nb: [ , ]\n", null],
    ["a: # note\n  b: ~\n", "a:\n  b: ~\n...\n"],
    ["a: {k: }\nb:\n", 'a: {k: ""}\nb: \n...\n'],
    ["a: &x [1]\nb: *x\n", "a: &x [1]\nb: *x\n...\n"],
    ["a: 1\n---\nb: 2\n", "a: 1\n...\n---\nb: 2\n...\n"],
    ["a: |\n  x\n  y\nb: >-\n  x\n  y\n", "a: |\n  x\n  y\nb: >-\n  x y\n...\n"],
    ["? 'a\n\n  b'\n: 1\n", "? 'a\n\n  b'\n: 1\n...\n"],
    ["a: 'it''s'\nb: \"q\\\"\\u263A\\x01\"\n", "a: 'it''s'\nb: \"q\\\"\u263a\\x01\"\n...\n"],
    ["? [a, b]\n: c\n", "? [a, b]\n: c\n...\n"],
    ["- [{a: 1}, b: 2, x:]\n", "- [{a: 1}, {b: 2}, 'x:']\n...\n"],
    ["- {k: {a: 1, b: x:}}\n", "- {k: {a: 1, b: 'x:'}}\n...\n"],
    ["- ['a', :x]\n- [a, :x]\n- [:x, b]\n", "- ['a', x]\n- [a, ':x']\n- [':x', b]\n...\n"],
    ["- [x:, b]\n", '- [{x: ""}, b]\n...\n'],
    ["", ""],
    ["# only a comment\n", ""],
    ["%FOO bar\n---\na: 1\n", null],
    ["a: *nowhere\n", null],
  ])("of %j", (text, expected) => {
    expect(reemitted(text)).toBe(expected);
  });

  test("survives nesting that would exhaust the stack", () => {
    expect(reemitted("[".repeat(100_000))).toBeNull();
    expect(reemitted(`${"[".repeat(5_000)}${"]".repeat(5_000)}`)).toBeNull();
  });
});

test("a key named twice anywhere in the tree is found, a shared node is looked at once", () => {
  const duplicate = (text: string) => parseYamlStream(text)?.documents.some((document) => hasDuplicateKey(document));
  expect(duplicate("a:\n- b: 1\n  b: 2\n")).toBe(true);
  expect(duplicate("a: &x {b: 1}\nc: *x\n")).toBe(false);
});
