import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { cutModelText } from "../../../src/snapshot/cut-model.ts";
import { describeWithReference } from "../../support/reference.ts";

describeWithReference("cut models against those FlowTime ran", (root) => {
  test("every golden prefix is its direct model cut to that many bins", () => {
    const golden = path.join(root, "golden");
    const names = readdirSync(path.join(golden, "prefix"));
    let equalTexts = 0;
    for (const name of names) {
      const [, base = "", bins = ""] = /^(.*)\.k(\d+)$/.exec(name) ?? [];
      const whole = readFileSync(path.join(golden, "direct", base, "model.yaml"), "utf8");
      const prefix = readFileSync(path.join(golden, "prefix", name, "model.yaml"), "utf8");
      const cut = cutModelText(whole, Number(bins));
      expect(parse(cut), name).toEqual(parse(prefix));
      equalTexts += Number(cut === prefix);
    }
    console.info(`${equalTexts} of ${names.length} cut texts equal FlowTime's input to the byte`);
    expect(equalTexts).toBe(names.length);
  });
});

test("cuts flow and block lists, leaves everything else alone", () => {
  const text = `# a model
grid: { bins: 4, binSize: 5, binUnit: minutes } # four
nodes:
  - id: a
    kind: const
    values: [1, 2, # two
      3, 4 ]
  - id: b
    kind: const
    values:
      - 1
      - 2
      - 3
      - 4
  - { id: c, kind: const, values: [7, 8] }
  - { id: d, kind: pmf, pmf: { values: [1, 2, 3], probabilities: [0.2, 0.3, 0.5] } }
outputs: [{ series: "*" }]
`;
  expect(cutModelText(text, 2)).toBe(`# a model
grid: { bins: 2, binSize: 5, binUnit: minutes } # four
nodes:
  - id: a
    kind: const
    values: [1, 2 ]
  - id: b
    kind: const
    values:
      - 1
      - 2
  - { id: c, kind: const, values: [7, 8] }
  - { id: d, kind: pmf, pmf: { values: [1, 2, 3], probabilities: [0.2, 0.3, 0.5] } }
outputs: [{ series: "*" }]
`);
});

test("a list that two nodes share is cut once", () => {
  const text =
    "grid: {bins: 3}\nnodes:\n- {id: a, kind: const, values: &v [1, 2, 3]}\n- {id: b, kind: const, values: *v}\n";
  expect(parse(cutModelText(text, 1)).nodes.map((node: { values: number[] }) => node.values)).toEqual([[1], [1]]);
});

test("text without grid.bins is refused", () => {
  expect(() => cutModelText("nodes: []\n", 1)).toThrowError(expect.objectContaining({ code: "model_not_cuttable" }));
});
