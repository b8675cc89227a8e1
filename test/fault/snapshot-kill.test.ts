// SIGKILL at every step of a snapshot, fresh and in the place of another: a reader sees a whole folder or none, and the next
// start cleans up.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { sweepStaging } from "../../src/snapshot/writer.ts";
import { tempFolder } from "../support/temp-folder.ts";

const FOLDER = "run_20261124T000000Z_00000000";
const writer = path.join(import.meta.dirname, "../support/snapshot-writer-process.ts");

function write(root: string, step?: string): { readonly signal: string | null; readonly steps: readonly string[] } {
  const args = step === undefined ? [writer, root, FOLDER] : [writer, root, FOLDER, step];
  const { signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (signal === null && stderr !== "") throw new Error(stderr);
  return { signal, steps: stdout.split("\n").filter((line) => line !== "") };
}

/** What a reader finds: the files of the folder, or null when there is none. */
function filesOf(root: string): readonly string[] | null {
  const folder = path.join(root, FOLDER);
  if (!existsSync(folder)) return null;
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => `${path.relative(folder, file)}: ${readFileSync(file, "utf8")}`)
    .toSorted();
}

const WHOLE = ["manifest.json", "model/model.yaml", "run.json", "series/a.csv", "spec.yaml"].map(
  (name) => `${name}: the content of ${name}`,
);

test.each(["a fresh folder", "the place of an older one"])("killed at every step of writing %s", async (place) => {
  const isReplacing = place !== "a fresh folder";
  const first = tempFolder();
  if (isReplacing) write(first);
  const { steps } = write(first);
  // Named crash points: each kind of step is among them, half-written files too.
  for (const name of ["create", "write", "sync", "rename", "remove"]) expect(steps.join("\n")).toContain(`${name} `);
  expect(steps.length).toBeGreaterThan(15);
  for (const step of steps) {
    const root = tempFolder();
    if (isReplacing) {
      write(root);
      writeFileSync(path.join(root, FOLDER, "older"), "");
    }
    const older = filesOf(root);
    expect(write(root, step).signal, step).toBe("SIGKILL");
    const seen = filesOf(root);
    if (seen !== null) expect([WHOLE, older], step).toContainEqual(seen);
    else if (isReplacing) expect(step).toMatch(/^rename /);
    await sweepStaging({ root, stagingRoot: path.join(root, "live", ".staging") });
    const staging = path.join(root, "live", ".staging");
    expect(existsSync(staging) ? readdirSync(staging) : [], step).toEqual([]);
    const after = filesOf(root);
    if (isReplacing || after !== null) expect([WHOLE, older], step).toContainEqual(after);
  }
});
