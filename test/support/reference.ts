import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, test } from "vitest";

const projectRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

/** Folder of FlowTime's own output beside the project, or null when this machine does not have it. */
export function referenceRoot(): string | null {
  const root = path.resolve(projectRoot, "../shared/reference");
  return existsSync(path.join(root, "README.md")) ? root : null;
}

/** Tests over FlowTime's goldens. Without them: said aloud by hand, a failure in CI. */
export function describeWithReference(name: string, define: (root: string) => void): void {
  const root = referenceRoot();
  if (root !== null) {
    describe(name, () => define(root));
    return;
  }
  if (process.env.CI) {
    test(name, () => {
      throw new Error("../shared/reference is missing; in CI it must be beside the project");
    });
    return;
  }
  console.warn(`NOT TESTED: ${name} (../shared/reference is not on this machine)`);
  describe.skip(name, () => {
    test("needs ../shared/reference", () => {});
  });
}
