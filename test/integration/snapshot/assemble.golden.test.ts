import path from "node:path";
import { expect, test } from "vitest";
import { assembleRun } from "../../../src/snapshot/assemble.ts";
import { describeWithReference } from "../../support/reference.ts";
import { goldenCases, loadGoldenRun } from "./golden-run.ts";

/** First difference between two files, as `path:line`; null when they are equal. */
function firstDifference(name: string, ours: Uint8Array | undefined, theirs: Uint8Array | undefined): string | null {
  if (ours === undefined) return `${name}: not written`;
  if (theirs === undefined) return `${name}: FlowTime has no such file`;
  if (Buffer.compare(ours, theirs) === 0) return null;
  const [mine = [], golden = []] = [ours, theirs].map((bytes) => Buffer.from(bytes).toString("utf8").split("\n"));
  const line = golden.findIndex((text, index) => text !== mine[index]);
  return `${name}:${line + 1}: ${JSON.stringify(mine[line])} instead of ${JSON.stringify(golden[line])}`;
}

describeWithReference("run folders that FlowTime wrote", (root) => {
  test.each(["direct", "prefix", "simulation"] as const)("%s: every file is rebuilt to the byte", (kind) => {
    const differences: string[] = [];
    let fileCount = 0;
    const cases = goldenCases(root, kind);
    for (const caseDirectory of cases) {
      const golden = loadGoldenRun(caseDirectory);
      const folder = assembleRun(golden.input);
      const ours = new Map(folder.files.map(({ path: name, bytes }) => [name, bytes]));
      if (folder.folderName !== path.basename(golden.directory)) {
        differences.push(`${golden.name}: run id ${folder.folderName} instead of ${path.basename(golden.directory)}`);
      }
      for (const name of new Set([...ours.keys(), ...golden.files.keys()])) {
        const difference = firstDifference(name, ours.get(name), golden.files.get(name));
        fileCount += 1;
        if (difference !== null) differences.push(`${golden.name}: ${difference}`);
      }
    }
    console.info(`${kind}: ${cases.length} run folders, ${fileCount} files`);
    expect(differences).toEqual([]);
    expect(cases.length).toBeGreaterThan(0);
  });
});
