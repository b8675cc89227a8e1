import { existsSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { describeWithReference } from "../support/reference.ts";
import { type CaseKind, runConformance } from "./runner.ts";

const fixtures = path.resolve(import.meta.dirname, "../../fixtures/conformance");

async function failures(root: string): Promise<{ failed: string[]; passed: Record<CaseKind, number> }> {
  const passed = { direct: 0, prefix: 0, simulation: 0, bundles: 0, capture: 0, telemetry: 0 };
  const failed: string[] = [];
  for (const { kind, name, outcome, detail } of await runConformance(root)) {
    if (outcome === "passed") passed[kind]++;
    if (outcome === "failed") failed.push(`${kind}/${name}: ${detail}`);
  }
  return { failed, passed };
}

test("the compact set in fixtures equals what FlowTime wrote, to the byte", async () => {
  expect(existsSync(fixtures)).toBe(true);
  const { failed, passed } = await failures(fixtures);
  expect(failed).toEqual([]);
  expect(passed.direct + passed.prefix + passed.simulation).toBeGreaterThanOrEqual(30);
  expect(passed.capture).toBeGreaterThanOrEqual(5);
  expect(passed.telemetry).toBeGreaterThanOrEqual(4);
});

describeWithReference("everything that FlowTime wrote", (root) => {
  test("is written the same, to the byte", { timeout: 300_000 }, async () => {
    const { failed, passed } = await failures(path.join(root, "golden"));
    expect(failed).toEqual([]);
    expect(passed).toEqual({ direct: 147, prefix: 40, simulation: 147, bundles: 30, capture: 107, telemetry: 33 });
  });
});
