import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runModel } from "../../../src/runtime/run-model.ts";
import { modelText } from "../../support/model-builder.ts";

let outDir = "";
beforeAll(async () => {
  outDir = await mkdtemp(path.join(tmpdir(), "flowtime-run-model-"));
});
afterAll(() => rm(outDir, { recursive: true, force: true }));

test("a queue that is its own depth series is written under the id of the generated queue", async () => {
  const result = await runModel({
    modelText: modelText({
      nodes: ["a=[5,6,7,8]", "b=4s"],
      topology:
        "  nodes:\n    - id: Front Desk\n      kind: queue\n      semantics: { arrivals: a, served: b, queueDepth: self }\n  edges: []",
    }),
    mode: "simulation",
    outDir,
    deterministicRunId: true,
    seed: null,
    clock: { now: () => 0, after: () => () => {} },
    random: (bytes) => new Uint8Array(bytes),
  });
  if (!result.ok) throw new Error(result.diagnostics.map(({ message }) => message).join("; "));
  const spec = await readFile(path.join(result.runDir, "spec.yaml"), "utf8");
  expect(spec).toContain("queueDepth: 'file:../series/front_desk_queue@FRONT_DESK_QUEUE@DEFAULT.csv'");
  const depths = await readFile(
    path.join(result.runDir, "series/front_desk_queue@FRONT_DESK_QUEUE@DEFAULT.csv"),
    "utf8",
  );
  expect(depths).toBe("\uFEFFbin_index,value\n0,1\n1,3\n2,6\n3,10\n");
});
