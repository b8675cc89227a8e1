// Snapshots from the thread that writes them are those that the same run gives in memory.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { imageOf, type SnapshotRequest } from "../../../src/runtime/run-image.ts";
import { ThreadSnapshots } from "../../../src/runtime/snapshot-thread/thread-snapshots.ts";
import { snapshotContent } from "../../../src/runtime/snapshots.ts";
import { assembleRun } from "../../../src/snapshot/assemble.ts";
import { verifyRunFolder } from "../../../src/snapshot/verify.ts";
import { foldScenario, pipelineScenario } from "../../support/live-scenario.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const BINS = 600;

test("snapshots of a run as it grows, is corrected, and goes on", async () => {
  const root = tempFolder();
  const stagingRoot = path.join(root, ".staging");
  const snapshots = new ThreadSnapshots({ root, stagingRoot });
  try {
    const run = foldScenario(pipelineScenario(7, BINS));
    const last = run.snapshotRequest();
    // What was handed out earlier of the same rows: shorter runs, as they were at the time.
    const first: SnapshotRequest = { ...last, bins: 300, rows: { ...last.rows, bins: 300 }, changedFrom: 0 };
    for (const request of [first, { ...last, changedFrom: 300 }, { ...last, changedFrom: 10 }]) {
      const reference = await snapshots.write(request);
      expect(reference.sealedBin).toBe(request.bins - 1);
      expect((await verifyRunFolder(reference.path)).problems).toEqual([]);
      const { files } = assembleRun({
        ...snapshotContent(imageOf(request, run.plan, null)),
        requestedSeed: null,
        provenance: null,
        inputHash: null,
        runId: { kind: "deterministic" },
        now: () => "",
      });
      const series = files.filter((file) => /^series\/.*csv$/.test(file.path));
      expect(series.length).toBeGreaterThan(3);
      for (const file of series) {
        expect(readFileSync(path.join(reference.path, file.path)).equals(Buffer.from(file.bytes)), file.path).toBe(
          true,
        );
      }
      await snapshots.remove(reference);
    }
    expect(readdirSync(root).filter((name) => name.startsWith("run_"))).toEqual([]);
    expect(readdirSync(stagingRoot)).toEqual([]);
  } finally {
    await snapshots.close();
  }
});

test("a snapshot that cannot be written is refused with its reason; the thread goes on", async () => {
  const root = tempFolder();
  const request = foldScenario(pipelineScenario(1, 8)).snapshotRequest();
  const file = path.join(root, "a-file");
  const blocked = path.join(file, "runs");
  writeFileSync(file, "");
  const nowhere = new ThreadSnapshots({ root: blocked, stagingRoot: path.join(blocked, ".staging") });
  const somewhere = new ThreadSnapshots({ root, stagingRoot: path.join(root, ".staging") });
  try {
    for (let time = 0; time < 2; time++) {
      await expect(nowhere.write(request)).rejects.toThrow(/^Run folder '.*a-file.* was not written/);
    }
    expect((await somewhere.write(request)).sealedBin).toBe(7);
  } finally {
    await Promise.all([nowhere.close(), somewhere.close()]);
  }
});
