import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { evaluateWindow } from "../../src/engine/batch.ts";
import { decodeFrames } from "../../src/ingest/decode.ts";
import type { BindingRequest } from "../../src/protocol/run.ts";
import { fakeParts } from "../support/engine-parts.ts";

interface FoundCase {
  readonly found: string;
  readonly model: readonly string[];
  readonly bindings: readonly BindingRequest[];
  readonly batches: readonly (readonly string[])[];
}

const folder = path.resolve(import.meta.dirname, "../../fixtures/regressions");
const cases = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => [name, JSON.parse(readFileSync(path.join(folder, name), "utf8")) as FoundCase] as const);

describe.each(cases)("%s", (_name, { found, model, bindings, batches }) => {
  test(`no longer: ${found}`, async () => {
    const before = fakeParts();
    const request = { mode: "live", model: model.join("\n"), bindings, runId: "run_found" } as const;
    const loop = await before.registry.create(request);
    for (const lines of batches) {
      expect(await loop.submit(decodeFrames(lines.join("\n")))).toMatchObject({ rejected: 0, late: 0 });
    }
    await loop.settled();
    const { run } = loop;
    const { plan } = run;
    const told = new Map(
      batches.flat().flatMap((line) => {
        const { seriesId, binIndex, value } = JSON.parse(line) as { seriesId: string; binIndex: number; value: number };
        return seriesId === undefined ? [] : [[`${seriesId}/${binIndex}`, value] as const];
      }),
    );
    const bins = run.evaluatedBin + 1;
    const expected = evaluateWindow(plan, bins, (seriesId, bin) => told.get(`${seriesId}/${bin}`) ?? Number.NaN);
    for (const id of plan.columnOf.keys()) expect([...run.values(id)], id).toEqual([...expected.get(id)!]);
    await before.registry.close();

    const after = fakeParts({ logs: before.logs });
    await after.registry.recoverAll();
    const again = after.registry.get("run_found")!;
    await again.settled();
    expect(again.failure).toBeNull();
    expect(again.run.hash()).toBe(run.hash());
  });
});
