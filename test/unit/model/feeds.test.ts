import { expect, test } from "vitest";
import { compileModel } from "../../../src/model/compile.ts";
import { conventionalFeeds, fileFeeds, seriesOfBinding } from "../../../src/model/feeds.ts";
import type { Model } from "../../../src/model/model.ts";
import { parseModel } from "../../../src/model/parse.ts";

const TEXT = `schemaVersion: 1
grid:
  bins: 2
  binSize: 1
  binUnit: hours
nodes:
  - id: calls
    kind: const
    values: [1, 2]
  - id: answered
    kind: const
    source: file:answered_by_phone.csv
    values: [1, 2]
outputs:
  - series: calls
    as: incoming.csv
topology:
  nodes:
    - id: Front Desk
      kind: serviceWithBuffer
      semantics:
        arrivals: calls
        served: answered
        errors: file://telemetry/lost.csv
  edges: []
`;

function compiled(): Model {
  const { model, diagnostics } = parseModel(TEXT);
  if (model === null) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  const { plan, diagnostics: findings } = compileModel(model);
  if (plan === null) throw new Error(findings.map(({ message }) => message).join("; "));
  return plan.model;
}

test("files that the model names, by node and by role", () => {
  expect(fileFeeds(compiled())).toEqual([
    { binding: "answered", path: "file:answered_by_phone.csv" },
    { binding: { nodeId: "Front Desk", metric: "errors" }, path: "file://telemetry/lost.csv" },
  ]);
});

test("file names by convention: alias, series, node and role", () => {
  const feeds = new Map(conventionalFeeds(compiled()).map(({ path, binding }) => [path, binding]));
  expect(feeds.get("incoming.csv")).toBe("calls");
  expect(feeds.get("calls.csv")).toBe("calls");
  expect(feeds.get("front_desk_queue.csv")).toBe("front_desk_queue");
  expect(feeds.get("Front_Desk_served.csv")).toEqual({ nodeId: "Front Desk", metric: "served" });
});

test("the series that a binding names, and none where the model has none", () => {
  const model = compiled();
  expect(seriesOfBinding(model, "calls")).toBe("calls");
  expect(seriesOfBinding(model, "nothing")).toBeNull();
  expect(seriesOfBinding(model, { nodeId: "front desk", metric: "ARRIVALS" })).toBe("calls");
  expect(seriesOfBinding(model, { nodeId: "Front Desk", metric: "errors" })).toBe("file://telemetry/lost.csv");
  expect(seriesOfBinding(model, { nodeId: "Front Desk", metric: "capacity" })).toBeNull();
  expect(seriesOfBinding(model, { nodeId: "Elsewhere", metric: "arrivals" })).toBeNull();
});
