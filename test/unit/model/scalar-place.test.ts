import { describe, expect, test } from "vitest";
import { compileModel } from "../../../src/model/compile.ts";
import { parseModel } from "../../../src/model/parse.ts";

/** Text marked by the findings about the expression of a node written in this way. */
function marked(expr: string): readonly string[] {
  const text = `schemaVersion: 1
grid: {bins: 1, binSize: 1, binUnit: hours}
nodes:
- {id: a, kind: const, values: [1]}
- id: e
  kind: expr
  expr: ${expr}
`;
  const { model, diagnostics } = parseModel(text);
  const found = model === null ? diagnostics : compileModel(model).diagnostics;
  return found.map(({ span }) => {
    const { line, column, startOffset, endOffset } = span!;
    const before = text.slice(0, startOffset);
    expect([line, column]).toEqual([before.split("\n").length, startOffset - before.lastIndexOf("\n")]);
    return text.slice(startOffset, endOffset);
  });
}

describe("the place of a fault, however the expression is written", () => {
  test.each([
    ["plain", "a + FOO(a)"],
    ["plain over lines", "a +\n    a\n      + FOO(a)"],
    ["single quotes", "'a + FOO(a)'"],
    ["double quotes", '"a + FOO(a)"'],
    ["double quotes over lines", '"a\n    +   FOO(a)"'],
    ["escapes of white space", '"a\\t+\\n\\x46OO(a)"'.replace("\\x46", "F")],
    ["escaped letters", '"\\x61 + \\u0061 + FOO(a)"'],
    ["an escaped line end", '"a + \\\n    FOO(a)"'],
    ["literal block", "|\n    a +\n      a\n    + FOO(a)"],
    ["folded block", ">-\n    a +\n\n    FOO(a)"],
    ["block with a comment and an indent", ">2-  # why\n    a + FOO(a)"],
    ["anchor", "&x 'a + FOO(a)'"],
    ["tag", "!!str a + FOO(a)"],
  ])("%s", (_name, expr) => {
    expect(marked(expr)).toEqual(["FOO"]);
  });

  test("a stretch over a fold holds the fold", () => {
    expect(marked("a + SHIFT(a, a\n    + a)")).toEqual(["a\n    + a"]);
  });

  test("an end that is missing is behind the last character", () => {
    expect(marked('"a +"')).toEqual([""]);
    expect(marked("|\n    a +\n")).toEqual([""]);
  });

  test("an unknown name is marked itself, not a longer one that begins alike", () => {
    expect(marked("'aa2 + aa'")).toEqual(["aa2", "aa"]);
  });
});
