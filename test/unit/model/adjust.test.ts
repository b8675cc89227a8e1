import { describe, expect, test } from "vitest";
import { adjustModelText } from "../../../src/model/adjust.ts";
import { parseModel } from "../../../src/model/parse.ts";

const TEXT = `schemaVersion: 1
grid: { bins: 4, binSize: 1, binUnit: hours }
nodes:
  - id: capacity   # trucks
    kind: const
    values: [5, 6, 7, 8]
  - id: calls
    kind: const
    values:
      - 1
      - 2   # the second
      - 3
      - 4
  - id: served
    kind: expr
    expr: "MIN(calls, capacity)"
topology:
  nodes:
    - id: Desk
      kind: serviceWithBuffer
      semantics: { arrivals: calls, served: served, queueDepth: self, capacity: capacity }
    - { id: Back, kind: queue, semantics: { arrivals: served, served: served, queueDepth: self }, initialCondition: { queueDepth: 3 } }
  edges: []
`;

function adjust(set: Record<string, number>, fromBin = 0, bound: readonly string[] = [], text = TEXT) {
  const { model, diagnostics } = parseModel(text);
  if (model === null) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return adjustModelText(model, new Set(bound), fromBin, set);
}

function lines(before: string, result: ReturnType<typeof adjust>): string[] {
  if (!result.ok) throw new Error(result.problems.join("; "));
  const known = before.split("\n");
  return result.text.split("\n").filter((line) => !known.includes(line));
}

describe("what changes", () => {
  test("a list in brackets: values from the bin on, everything else as it was", () => {
    expect(lines(TEXT, adjust({ capacity: 9.5 }, 2))).toEqual(["    values: [5, 6, 9.5, 9.5]"]);
  });

  test("a list over lines, named by the role it plays, comments kept", () => {
    expect(lines(TEXT, adjust({ "desk.arrivals": 40 }, 1))).toEqual([
      "      - 40   # the second",
      "      - 40",
      "      - 40",
    ]);
  });

  test("an initial depth, written or not yet", () => {
    expect(lines(TEXT, adjust({ "Back.initialDepth": 12 }))[0]).toContain("initialCondition: { queueDepth: 12 } }");
    const result = adjust({ "Desk.initialDepth": 7 });
    expect(lines(TEXT, result)).toEqual(["    - initialCondition: { queueDepth: 7 }", "      id: Desk"]);
    expect(parseModel((result as { text: string }).text).model?.topology?.nodes[0]?.initialQueueDepth).toBe(7);
  });

  test("several at once", () => {
    expect(lines(TEXT, adjust({ capacity: 1, calls: 2.5 }, 3))).toEqual(["    values: [5, 6, 7, 1]", "      - 2.5"]);
  });
});

describe("what is refused, all of it at once", () => {
  test.each([
    [{ nothing: 1 }, 0, "'nothing' is nothing that can be adjusted. Adjustable are: capacity, calls."],
    [{ capacty: 1 }, 0, "'capacty' is nothing that can be adjusted. Did you mean 'capacity'?"],
    [{ served: 1 }, 0, "'served' is 'served', a node of kind expr; only const nodes can be adjusted: capacity, calls."],
    [{ "Desk.served": 1 }, 0, "'Desk.served' is 'served', a node of kind expr"],
    [{ "Desk.errors": 1 }, 0, "node 'Desk' has no 'errors'; it has: arrivals, served, queueDepth, capacity"],
    [{ "Desk.initialDepth": 1 }, 1, "'Desk.initialDepth' counts before bin 0 only, and the change begins at bin 1."],
    [{ "Desk.initialDepth": -1 }, 0, "must not be negative"],
    [{ capacity: 1, "Desk.capacity": 2 }, 0, "'Desk.capacity' gets 2, and by another name 1."],
  ])("%j from bin %d", (set, fromBin, message) => {
    const result = adjust(set as unknown as Record<string, number>, fromBin);
    expect(result).toEqual({ ok: false, problems: [expect.stringContaining(message)] });
  });

  test("what telemetry feeds", () => {
    expect(adjust({ capacity: 1, bad: 2 }, 0, ["capacity"])).toEqual({
      ok: false,
      problems: [
        expect.stringContaining("'capacity' is fed by telemetry"),
        expect.stringContaining("'bad' is nothing"),
      ],
    });
  });

  test("values that other nodes share", () => {
    const shared = TEXT.replace("values: [5, 6, 7, 8]", "values: &v [5, 6, 7, 8]").replace(
      /values:\n( +- \d.*\n){4}/,
      "values: *v\n",
    );
    for (const id of ["capacity", "calls"]) {
      expect(adjust({ [id]: 1 }, 0, [], shared)).toEqual({
        ok: false,
        problems: [`The values of '${id}' are shared through a YAML anchor; write them out to adjust them.`],
      });
    }
  });
});
