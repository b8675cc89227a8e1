import { describe, expect, test } from "vitest";
import { normaliseSpec } from "../../../src/snapshot/spec-text.ts";

const evaluated = new Set(["in", "out", "queue"]);

function withSemantics(semantics: string): string {
  return `topology:\n  nodes:\n  - id: Desk\n    semantics: ${semantics}\n`;
}

describe("text that stays as it is", () => {
  test.each([
    ["blank", " \n"],
    ["no YAML", "topology: [\n"],
    ["no mapping", "- topology\n"],
    ["no topology", "# comment\nnodes: []\n"],
    ["a key twice", "topology: {nodes: [{id: a}]}\na: 1\na: 2\n"],
    ["nothing to link", withSemantics("{arrivals: 'file:a.csv', served: 'file:b.csv'}  # kept")],
  ])("%s", (_, text) => {
    expect(normaliseSpec(text, evaluated)).toEqual({ text, referencedSeries: [] });
  });
});

describe("linking", () => {
  test("points roles at series files, keeps quotes and other keys, and names each series once, in order", () => {
    const text = withSemantics(`
      served: 'out'
      arrivals: " in "
      queueDepth: queue
      servedCount: out
      errors: out`);
    const spec = normaliseSpec(text, evaluated);
    expect(spec.text).toBe(`topology:
  nodes:
  - id: Desk
    semantics:
      served: 'file:../series/out@OUT@DEFAULT.csv'
      arrivals: "file:../series/in@IN@DEFAULT.csv"
      queueDepth: file:../series/queue@QUEUE@DEFAULT.csv
      servedCount: out
      errors: file:../series/out@OUT@DEFAULT.csv
...
`);
    expect(spec.referencedSeries).toEqual(["in", "out", "queue"]);
  });

  test("removes optional roles that are blank or no text, and links constraints", () => {
    const text =
      "topology:\n  nodes:\n  - id: Desk\n    semantics:\n      arrivals: in\n      served: out\n      errors:\n      capacity: [1]\n" +
      "  constraints:\n  - id: Db\n    semantics: {arrivals: in, served: out, latencyMinutes: queue}\n";
    expect(normaliseSpec(text, evaluated).text).toBe(
      "topology:\n  nodes:\n  - id: Desk\n    semantics:\n      arrivals: file:../series/in@IN@DEFAULT.csv\n      served: file:../series/out@OUT@DEFAULT.csv\n" +
        "  constraints:\n  - id: Db\n    semantics: {arrivals: 'file:../series/in@IN@DEFAULT.csv', served: 'file:../series/out@OUT@DEFAULT.csv', latencyMinutes: 'file:../series/queue@QUEUE@DEFAULT.csv'}\n...\n",
    );
  });

  test("a shared semantics block is linked once", () => {
    const text =
      "topology:\n  nodes:\n  - id: A\n    semantics: &s {arrivals: in, served: out}\n  - id: B\n    semantics: *s\n";
    expect(normaliseSpec(text, evaluated).text).toContain("semantics: *s");
  });
});

describe("refusals say what FlowTime says", () => {
  test.each([
    ["semantics_missing", "topology: {nodes: [{id: Desk}]}\n", "Topology node 'Desk' must include semantics."],
    ["semantics_missing", "topology: {constraints: [{id: Db}]}\n", "Topology constraint 'Db' must include semantics."],
    ["semantics_field_missing", withSemantics("{served: out}"), "Topology node 'Desk' must specify semantics.arrivals"],
    [
      "semantics_uri_unsupported",
      withSemantics("{arrivals: in, served: 'http://x/y'}"),
      "Topology node 'Desk' semantics.served must use file: URIs (value 'http://x/y').",
    ],
    [
      "series_unknown",
      withSemantics("{arrivals: in, served: out, queueDepth: self}"),
      "Topology node 'Desk' semantics references unknown series 'self'.",
    ],
  ])("%s", (code, text, message) => {
    expect(() => normaliseSpec(text, evaluated)).toThrowError(expect.objectContaining({ code, message }));
  });
});
