import { appendFile, cp, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { assembleRun, type RunFolder } from "../../../src/snapshot/assemble.ts";
import { readRunFolder, readSeries } from "../../../src/snapshot/reader.ts";
import { listRunFolders } from "../../../src/snapshot/run-list.ts";
import { verifyRunFolder } from "../../../src/snapshot/verify.ts";
import { writeRunFolder } from "../../../src/snapshot/writer.ts";
import { describeWithReference } from "../../support/reference.ts";
import { goldenCases, loadGoldenRun } from "./golden-run.ts";

let scratch = "";
beforeEach(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), "flowtime-snapshot-"));
});
afterEach(async () => {
  await rm(scratch, { recursive: true, force: true });
});

/** @param changes parts of the model that differ from run to run */
function smallRun(nowMs: number, values: readonly number[] = [1, 2.5, 0]): RunFolder {
  const span = { line: 1, column: 1, startOffset: 0, endOffset: 0 };
  return assembleRun({
    modelText: `schemaVersion: 1\ngrid: {bins: ${values.length}, binSize: 1, binUnit: hours}\nnodes: []\n`,
    model: {
      grid: { bins: values.length, binSize: 1, binUnit: "hours", start: null },
      outputs: [{ series: "*", as: null, span }],
      classes: [],
    },
    bins: values.length,
    series: [{ id: "a", values: Float64Array.from(values) }],
    warnings: [
      { code: "served_negative", message: "m", nodeId: "N", bins: [0], value: -1, severity: "warning", edgeIds: ["e"] },
    ],
    requestedSeed: null,
    provenance: null,
    inputHash: null,
    runId: { kind: "timestamped", nowMs, random: Uint8Array.of(1, 2, 3, 4) },
    now: () => new Date(nowMs).toISOString(),
  });
}

function places() {
  return { root: path.join(scratch, "runs"), stagingRoot: path.join(scratch, "staging") };
}

describe("a run folder on disk", () => {
  test("is read back as written and verifies", async () => {
    const nowMs = Date.UTC(2026, 0, 1);
    const directory = await writeRunFolder(smallRun(nowMs, [1, Number.NaN, -0]), places());
    expect(directory).toBe(path.join(scratch, "runs/run_20260101T000000Z_01020304"));
    expect((await stat(path.join(directory, "aggregates"))).isDirectory()).toBe(true);
    expect(await readdir(places().stagingRoot)).toEqual([]);

    const stored = await readRunFolder(directory);
    expect(stored.run).toMatchObject({ runId: "run_20260101T000000Z_01020304", grid: { bins: 3, binUnit: "hours" } });
    expect(stored.run.warnings).toEqual([
      { code: "served_negative", message: "m", nodeId: "N", bins: [0], value: -1, severity: "warning", edgeIds: ["e"] },
    ]);
    expect(stored.index.series.map(({ id, points }) => [id, points])).toEqual([["a@A@DEFAULT", 3]]);
    expect(await readSeries(directory, "a@A@DEFAULT")).toEqual(Float64Array.of(1, Number.NaN, -0));
    expect(await verifyRunFolder(directory)).toEqual({ isSound: true, problems: [], checkedFiles: 3 });
  });

  test("twice under one name is refused, and replaced when told to", async () => {
    const nowMs = Date.UTC(2026, 0, 1);
    const directory = await writeRunFolder(smallRun(nowMs), places());
    await expect(writeRunFolder(smallRun(nowMs), places())).rejects.toMatchObject({ code: "run_folder_exists" });
    await writeFile(path.join(directory, "leftover.txt"), "old");
    await writeRunFolder(smallRun(nowMs, [7]), { ...places(), overwrite: true });
    expect(await readSeries(directory, "a@A@DEFAULT")).toEqual(Float64Array.of(7));
    expect(await readdir(directory)).not.toContain("leftover.txt");
  });

  test("under a root that is a file is refused with its path", async () => {
    await writeFile(path.join(scratch, "runs"), "");
    await expect(writeRunFolder(smallRun(0), places())).rejects.toMatchObject({
      code: expect.stringMatching(/^run_folder_/),
      message: expect.stringContaining(path.join(scratch, "runs")),
    });
  });

  test("what a dead writer left is swept, and a run it had moved aside comes back", async () => {
    const first = await writeRunFolder(smallRun(Date.UTC(2026, 0, 1)), places());
    const dead = path.join(places().stagingRoot, `staging-${process.pid}-1-crashed`);
    await mkdir(path.join(dead, "new"), { recursive: true });
    await mkdir(path.join(dead, "replaced"), { recursive: true });
    await cp(first, path.join(dead, "replaced", path.basename(first)), { recursive: true });
    await rm(first, { recursive: true });
    await writeRunFolder(smallRun(Date.UTC(2026, 0, 2)), places());
    expect((await verifyRunFolder(first)).isSound).toBe(true);
    expect(await readdir(places().stagingRoot)).toEqual([]);
  });

  test("is damaged visibly", async () => {
    const directory = await writeRunFolder(smallRun(0), places());
    await appendFile(path.join(directory, "series/a@A@DEFAULT.csv"), "3,9\n");
    await appendFile(path.join(directory, "model/model.yaml"), "# more\n");
    const { isSound, problems } = await verifyRunFolder(directory);
    expect(isSound).toBe(false);
    expect(new Set(problems.map((problem) => problem.path))).toEqual(
      new Set(["series/a@A@DEFAULT.csv", "model/model.yaml"]),
    );

    await rm(path.join(directory, "series/a@A@DEFAULT.csv"));
    await writeFile(path.join(directory, "run.json"), "{");
    expect((await verifyRunFolder(directory)).problems).toEqual([
      { path: "run.json", problem: `run.json in ${directory} is not JSON` },
    ]);
    await expect(readRunFolder(directory)).rejects.toMatchObject({ code: "run_folder_unreadable" });
    await expect(readSeries(directory, "a@A@DEFAULT")).rejects.toMatchObject({ code: "run_folder_unreadable" });
    await expect(readSeries(directory, "../run")).rejects.toMatchObject({ code: "id_unsafe" });
  });
});

describe("the list of run folders", () => {
  test("is empty without a root", async () => {
    expect(await listRunFolders(path.join(scratch, "nowhere"))).toEqual([]);
  });

  test("has every readable folder whatever its name, newest first, and nothing half-made", async () => {
    const { root } = places();
    const older = await writeRunFolder(smallRun(Date.UTC(2026, 0, 1)), places());
    const newer = await writeRunFolder(smallRun(Date.UTC(2026, 0, 2)), places());
    await cp(older, path.join(root, "renamed"), { recursive: true });
    await writeFile(path.join(root, "renamed/run.json"), '{"grid":{"bins":3},"createdUtc":"soon"}');
    await mkdir(path.join(root, "empty"));
    await cp(older, path.join(root, "broken"), { recursive: true });
    await writeFile(path.join(root, "broken/run.json"), "{");
    await cp(older, path.join(root, "no-model"), { recursive: true });
    await rm(path.join(root, "no-model/model/model.yaml"));
    await writeFile(path.join(root, "file.txt"), "");
    await symlink(path.join(root, "nowhere"), path.join(root, "dangling"));

    const list = await listRunFolders(root);
    expect(list.map(({ runId }) => runId)).toEqual([path.basename(newer), path.basename(older), "renamed"]);
    expect(list[0]).toEqual({
      runId: path.basename(newer),
      directory: newer,
      mode: "simulation",
      templateId: "adhoc-model",
      templateTitle: "adhoc-model",
      createdUtc: "2026-01-02T00:00:00.000Z",
      bins: 3,
      inputHash: null,
      telemetryWarningCount: 0,
      warningCount: 1,
    });
  });
});

describeWithReference("folders that FlowTime wrote", (root) => {
  test("verify and are listed", async () => {
    const unsound: string[] = [];
    let count = 0;
    for (const kind of ["direct", "prefix", "simulation"] as const) {
      for (const caseDirectory of goldenCases(root, kind)) {
        const { directory } = loadGoldenRun(caseDirectory);
        const { isSound, problems } = await verifyRunFolder(directory);
        if (!isSound) unsound.push(`${directory}: ${JSON.stringify(problems[0])}`);
        const list = await listRunFolders(path.dirname(directory));
        expect(list).toHaveLength(1);
        count += 1;
      }
    }
    expect(unsound).toEqual([]);
    expect(count).toBeGreaterThan(300);
  });
});
