import { existsSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { describeWithReference } from "../support/reference.ts";
import { type CaseKind, runConformance } from "./runner.ts";

const fixtures = path.resolve(import.meta.dirname, "../../fixtures/conformance");

interface Outcome {
  readonly failed: readonly string[];
  readonly passed: Readonly<Record<CaseKind, number>>;
  /** API answers compared. */
  readonly answers: number;
}

async function outcomeOf(root: string): Promise<Outcome> {
  const passed = { direct: 0, prefix: 0, simulation: 0, bundles: 0, capture: 0, telemetry: 0 };
  const failed: string[] = [];
  let compared = 0;
  for (const { kind, name, outcome, detail, answers } of await runConformance(root)) {
    compared += answers;
    if (outcome === "passed") passed[kind]++;
    if (outcome === "failed") failed.push(`${kind}/${name}: ${detail}`);
  }
  return { failed, passed, answers: compared };
}

test("the compact set in fixtures equals what FlowTime wrote, to the byte", async () => {
  expect(existsSync(fixtures)).toBe(true);
  const { failed, passed, answers } = await outcomeOf(fixtures);
  expect(failed).toEqual([]);
  expect(answers).toBeGreaterThanOrEqual(80);
  expect(passed.direct + passed.prefix + passed.simulation).toBeGreaterThanOrEqual(30);
  expect(passed.capture).toBeGreaterThanOrEqual(5);
  expect(passed.telemetry).toBeGreaterThanOrEqual(4);
});

describeWithReference("everything that FlowTime wrote", (root) => {
  test("is written the same, to the byte", { timeout: 300_000 }, async () => {
    const { failed, passed, answers } = await outcomeOf(path.join(root, "golden"));
    expect(failed).toEqual([]);
    expect(answers).toBe(834);
    expect(passed).toEqual({ direct: 147, prefix: 40, simulation: 147, bundles: 30, capture: 107, telemetry: 33 });
  });
});
