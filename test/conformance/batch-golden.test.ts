import { readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { assembleModelRun, evaluateWindow } from "../../src/runtime/run-model.ts";
import { describeWithReference } from "../support/reference.ts";
import { differingFile, readGolden } from "./golden.ts";

/** Cases that FlowTime wrote, by kind; all of them are compared. */
const CASES = { direct: 147, prefix: 40, simulation: 147 } as const;

describeWithReference("whole-window formulation: every file of every run that FlowTime wrote", (root) => {
  for (const [kind, count] of Object.entries(CASES)) {
    describe(kind, () => {
      const names = readdirSync(path.join(root, "golden", kind)).sort();
      const mode = kind === "simulation" ? "simulation" : "direct";

      test("all cases are there", () => {
        expect(names.length).toBe(count);
      });

      test.each(names)("%s", (name) => {
        const golden = readGolden(path.join(root, "golden", kind, name), mode);
        const evaluated = evaluateWindow(golden.modelText, mode);
        if (!evaluated.ok) throw new Error(evaluated.diagnostics.map(({ message }) => message).join("; "));
        const folder = assembleModelRun(evaluated.image, golden.facts);
        expect(differingFile(golden.files, new Map(folder.files.map((file) => [file.path, file.bytes])))).toBeNull();
      });
    });
  }
});
