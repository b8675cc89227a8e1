import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_HEIGHT } from "../../../src/model/expression.ts";
import { MAX_FINDINGS, MAX_SUGGESTIONS } from "../../../src/model/findings.ts";
import {
  MAX_PLAN_COLUMNS,
  MAX_PLAN_STEPS,
  MAX_STATE_CELLS,
  MAX_WINDOW_VALUES,
} from "../../../src/model/plan-limits.ts";
import { MAX_ALIASED_NODES, MAX_DEPTH, MAX_MODEL_CHARS, MAX_YAML_PARTS } from "../../../src/model/read-yaml.ts";
import { MAX_BINS } from "../../../src/model/schema.ts";

test("the table of limits of a model has the code's values", () => {
  const page = readFileSync(path.resolve(import.meta.dirname, "../../../docs/spec/model-limits.md"), "utf8");
  const rows = Array.from(page.matchAll(/^\| `(MAX_\w+)` \| ([\d,]+) \|/gm), ([, name, value]) => [
    name,
    Number(value!.replaceAll(",", "")),
  ]);
  expect(Object.fromEntries(rows)).toEqual({
    MAX_MODEL_CHARS,
    MAX_YAML_PARTS,
    MAX_DEPTH,
    MAX_ALIASED_NODES,
    MAX_EXPRESSION_DEPTH,
    MAX_EXPRESSION_HEIGHT,
    MAX_BINS,
    MAX_PLAN_COLUMNS,
    MAX_STATE_CELLS,
    MAX_WINDOW_VALUES,
    MAX_PLAN_STEPS,
    MAX_FINDINGS,
    MAX_SUGGESTIONS,
  });
});
