// Writes a small run folder and ends its own process by SIGKILL at a named step: `node … ROOT FOLDER [STEP]`. Without a step
// it writes all of it and prints the names of the steps, one a line. A file is half written when the process ends in it.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { diskFiles, type SnapshotFiles } from "../../src/snapshot/snapshot-files.ts";
import { writeRunFolder } from "../../src/snapshot/writer.ts";

const FILES = ["spec.yaml", "model/model.yaml", "series/a.csv", "run.json", "manifest.json"];

const [root, folderName, step] = process.argv.slice(2) as [string, string, string | undefined];
const steps: string[] = [];

function at(kind: string, name: string, before: () => void = () => {}): void {
  // Staging folders have random names: a step is named by what is behind them.
  const place = path.relative(root, name).replace(/staging-[^/]*/, "STAGING");
  const known = steps.filter((other) => other.replace(/#\d+$/, "") === `${kind} ${place}`).length;
  steps.push(known === 0 ? `${kind} ${place}` : `${kind} ${place}#${known}`);
  if (steps.at(-1) !== step) return;
  before();
  process.kill(process.pid, "SIGKILL");
}

const files: SnapshotFiles = {
  ...diskFiles,
  async createFolder(name) {
    at("create", name);
    await diskFiles.createFolder(name);
  },
  async writeFile(name, bytes) {
    at("write", name, () => writeFileSync(name, bytes.subarray(0, bytes.length / 2)));
    await diskFiles.writeFile(name, bytes);
  },
  async sync(name) {
    at("sync", name);
    await diskFiles.sync(name);
  },
  async rename(from, to) {
    at("rename", to);
    await diskFiles.rename(from, to);
  },
  async remove(name) {
    at("remove", name);
    await diskFiles.remove(name);
  },
};

await writeRunFolder(
  {
    runId: folderName,
    folderName,
    files: FILES.map((name) => ({ path: name, bytes: Buffer.from(`the content of ${name}`) })),
    emptyFolders: ["aggregates"],
    scenarioHash: "",
    modelHash: "",
  },
  { root, stagingRoot: path.join(root, "live", ".staging"), overwrite: true, files },
);
if (step === undefined) console.log(steps.join("\n"));
