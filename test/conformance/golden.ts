import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { ModelRunFacts } from "../../src/runtime/run-model.ts";
import { normaliseSpec } from "../../src/snapshot/spec-text.ts";
import { differingBytes } from "./differing.ts";

/** A run that FlowTime wrote. */
export interface GoldenRun {
  readonly folderName: string;
  /** Content by path inside the folder. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** The model that ran. */
  readonly modelText: string;
  /** Clock, ids, seed and provenance of that run: with them injected, nothing may differ. */
  readonly facts: ModelRunFacts;
  /** What FlowTime printed; null for runs that were not made on the command line. */
  readonly stdout: string | null;
}

/** Reads a golden case: a folder with `model.yaml` and one folder in `run`. */
export function readGolden(caseFolder: string, mode: ModelRunFacts["mode"]): GoldenRun {
  const folder = goldenRun(caseFolder);
  const files = readFolder(folder);
  const json = (name: string) => {
    const bytes = files.get(name);
    return bytes === undefined ? undefined : JSON.parse(textOf(bytes));
  };
  const [metadata, run, manifest] = [json("model/metadata.json"), json("run.json"), json("manifest.json")];
  const capturedAt = json("model/telemetry/telemetry-manifest.json")?.provenance.capturedAtUtc;
  const clock = [metadata.receivedAtUtc, run.createdUtc, manifest.createdUtc, capturedAt];
  const provenance = files.get("model/provenance.json");
  const stdoutFile = path.join(caseFolder, "stdout.txt");
  return {
    folderName: path.basename(folder),
    files,
    modelText: modelThatRan(readFileSync(path.join(caseFolder, "model.yaml"), "utf8"), folder),
    facts: {
      mode,
      seed: null,
      provenance: provenance === undefined ? null : textOf(provenance),
      runId: { kind: "deterministic" },
      now: () => clock.shift() as string,
    },
    stdout: existsSync(stdoutFile) ? textOf(readFileSync(stdoutFile)) : null,
  };
}

/** The one run folder of a golden case. */
export function goldenRun(caseFolder: string): string {
  const runs = path.join(caseFolder, "run");
  return path.join(runs, readdirSync(runs)[0]!);
}

/**
 * The model that FlowTime evaluated. Some 40 simulation goldens (and their bundles) hold a run of an earlier model beside
 * a later `model.yaml`; the run's own `spec.yaml` is then the model, its links to series files read as series again.
 */
export function modelThatRan(modelText: string, runFolder: string): string {
  const spec = textOf(readFileSync(path.join(runFolder, "spec.yaml")));
  const series = readdirSync(path.join(runFolder, "series")).filter((file) => file.endsWith("@DEFAULT.csv"));
  try {
    if (normaliseSpec(modelText, new Set(series.map((file) => file.split("@")[0]!))).text === spec) return modelText;
  } catch {
    // Semantics that name a series the run does not have: not the model that ran.
  }
  return spec.replace(/file:\.\.\/series\/([^@]+)@[^@]+@DEFAULT\.csv/g, "$1").replace(/\.\.\.\n$/, "");
}

export function readFolder(root: string): Map<string, Buffer> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const files = entries.map((entry) => path.join(entry.parentPath, entry.name)).sort();
  return new Map(files.map((file) => [path.relative(root, file).replaceAll(path.sep, "/"), readFileSync(file)]));
}

/** Text without a byte order mark. */
export function textOf(bytes: Buffer): string {
  return bytes.toString("utf8").replace(/^\uFEFF/, "");
}

/** The first difference between what FlowTime wrote and what we write, byte for byte, file by file; null when there is none. */
export function differingFile(
  expected: ReadonlyMap<string, Buffer>,
  actual: ReadonlyMap<string, Uint8Array>,
): string | null {
  for (const name of new Set([...expected.keys(), ...actual.keys()])) {
    const difference = differingBytes(expected.get(name), actual.get(name));
    if (difference !== null) return `${name}: ${difference}`;
  }
  return null;
}
