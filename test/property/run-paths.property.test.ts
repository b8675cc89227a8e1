// `flowtime run` and `flowtime run --batch`: two evaluations that share nothing, the same bytes.
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ArtifactMode, assembleModelRun, evaluateModel, evaluateWindow } from "../../src/runtime/run-model.ts";
import { SnapshotError } from "../../src/snapshot/snapshot-error.ts";
import { randomModel } from "../support/random-model.ts";
import { cases, runs } from "../support/seed.ts";

/** Texts of the run folder, or what was said against the model or the folder. */
function written(text: string, mode: ArtifactMode, evaluate: typeof evaluateModel | typeof evaluateWindow): unknown {
  const evaluated = evaluate(text, mode);
  if (!evaluated.ok) return evaluated.diagnostics.map(({ code, message }) => ({ code, message }));
  try {
    const folder = assembleModelRun(evaluated.image, {
      mode,
      seed: 7,
      provenance: null,
      runId: { kind: "deterministic" },
      now: () => "1970-01-01T00:00:00.0000000Z",
    });
    return folder.files.map((file) => [file.path, Buffer.from(file.bytes).toString("utf8")]);
  } catch (error) {
    // Semantics that no writer can link, FlowTime's neither.
    if (error instanceof SnapshotError) return error.message;
    throw error;
  }
}

test.each(["direct", "simulation"] as const)("random models, %s: the run folders are the same to the byte", (mode) => {
  let folders = 0;
  fc.assert(
    fc.property(randomModel, ({ text }) => {
      const live = written(text, mode, evaluateModel);
      if (Array.isArray(live) && Array.isArray(live[0])) folders++;
      expect(live, text).toEqual(written(text, mode, evaluateWindow));
    }),
    runs(60),
  );
  expect(folders).toBeGreaterThan(cases(30));
});
