import { expect, test } from "vitest";
import { parseRunId } from "../../../src/protocol/ids.ts";
import { parseDefinition, type RunDefinition, serialiseDefinition } from "../../../src/runtime/run-definition.ts";

const DEFINITION: RunDefinition = {
  runId: parseRunId("run_x")!,
  epoch: "0123456789abcdef",
  mode: "live",
  createdUtc: "2026-01-05T00:00:00.000Z",
  modelText: 'grid:\r\n  # "流" \u2028\n\ttail',
  bindings: ["a", { nodeId: "Desk", metric: "served" }, { nodeId: "Desk", metric: "served", classId: "DEFAULT" }],
  checkpointEvery: 20,
};

test("a definition comes back as it was, in one line", () => {
  const text = serialiseDefinition(DEFINITION);
  expect(text).not.toContain("\n");
  expect(parseDefinition(text)).toEqual(DEFINITION);
  expect(parseDefinition(serialiseDefinition({ ...DEFINITION, checkpointEvery: null }))).toMatchObject({
    checkpointEvery: null,
  });
});

test.each(["null", "[]", '"x"', "{}", '{"format":2}', '{"format":"1"}'])("%s is of no format that is known", (text) => {
  expect(() => parseDefinition(text)).toThrow(expect.objectContaining({ code: "bad_definition" }));
});
