import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { readBundle } from "../../src/ingest/bundle.ts";
import { bundleFrames } from "../../src/ingest/bundle-frames.ts";
import { compileModel } from "../../src/model/compile.ts";
import type { Diagnostic } from "../../src/model/diagnostics.ts";
import { parseModel } from "../../src/model/parse.ts";
import { timestampedRunId } from "../../src/protocol/ids.ts";
import { LiveRun, type RunImage } from "../../src/runtime/live-run.ts";
import { type ArtifactMode, assembleModelRun, evaluateModel } from "../../src/runtime/run-model.ts";
import { normaliseSpec } from "../../src/snapshot/spec-text.ts";
import { captureDifference, captureNames } from "./capture-cases.ts";

export type CaseKind = "direct" | "prefix" | "simulation" | "bundles" | "capture" | "telemetry";

export interface CaseResult {
  readonly kind: CaseKind;
  readonly name: string;
  readonly outcome: "passed" | "failed" | "out of scope";
  /** First difference of a failure, or why the case is out of scope. */
  readonly detail: string | null;
}

const CLASS_TOLERANCE = 1e-9;

/**
 * Runs every case below `root` (laid out like FlowTime's goldens: `<kind>/<case>/model.yaml` with `run/<runId>/`, and
 * `bundles` inside or beside it) and compares with what FlowTime wrote.
 */
export async function runConformance(
  root: string,
  onCase: (result: CaseResult) => void = () => {},
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  const record = (result: CaseResult): void => {
    results.push(result);
    onCase(result);
  };
  for (const kind of ["direct", "prefix", "simulation"] as const) {
    for (const name of caseNames(path.join(root, kind))) record(checkModelCase(root, kind, name));
  }
  const bundles = [path.join(root, "bundles"), path.join(root, "../bundles")].find(existsSync);
  for (const name of caseNames(bundles))
    record(await checkBundle(path.join(bundles!, name), path.join(root, "simulation", name), name));
  for (const kind of ["capture", "telemetry"] as const) {
    for (const name of captureNames(root, kind)) record(await checkCapture(root, kind, name));
  }
  return results;
}

function caseNames(folder: string | undefined): string[] {
  if (folder === undefined || !existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => existsSync(path.join(folder, name, "model.yaml")))
    .sort();
}

function checkModelCase(root: string, kind: "direct" | "prefix" | "simulation", name: string): CaseResult {
  const folder = path.join(root, kind, name);
  const golden = goldenRun(folder);
  const modelText = modelThatRan(readFileSync(path.join(folder, "model.yaml"), "utf8"), golden);
  const mode: ArtifactMode = kind === "simulation" ? "simulation" : "direct";
  const evaluated = evaluateModel(modelText, mode);
  if (!evaluated.ok) return refused(kind, name, evaluated.diagnostics);
  const files = filesOf(evaluated.image, mode);
  const difference =
    differingSeries(golden, files, null) ??
    differingIndex(golden, files) ??
    differingWarnings(warningsOf(readText(path.join(golden, "run.json"))), files);
  return { kind, name, outcome: difference === null ? "passed" : "failed", detail: difference };
}

async function checkCapture(root: string, kind: "capture" | "telemetry", name: string): Promise<CaseResult> {
  const simulation = path.join(root, "simulation", name);
  const run = goldenRun(simulation);
  const modelText = modelThatRan(readFileSync(path.join(simulation, "model.yaml"), "utf8"), run);
  const difference = await captureDifference(path.join(root, kind, name, "capture"), run, modelText);
  return { kind, name, outcome: difference === null ? "passed" : "failed", detail: difference };
}

/** A model that the engine refuses: out of scope when all of it is of constructs that are not built. */
function refused(kind: CaseKind, name: string, findings: readonly Diagnostic[]): CaseResult {
  const errors = findings.filter(({ severity }) => severity === "error");
  const isUnsupported = errors.every(({ tier }) => tier === "unsupported");
  const detail = isUnsupported
    ? [...new Set(errors.map(({ code }) => code))].join(", ")
    : errors.map(({ message }) => message).join("; ");
  return { kind, name, outcome: isUnsupported ? "out of scope" : "failed", detail };
}

async function checkBundle(bundleFolder: string, simulationFolder: string, name: string): Promise<CaseResult> {
  const kind = "bundles";
  const golden = goldenRun(simulationFolder);
  const modelText = modelThatRan(readFileSync(path.join(bundleFolder, "model.yaml"), "utf8"), golden);
  const bundle = await readBundle(bundleFolder);
  const { model, diagnostics } = parseModel(modelText);
  const compiled = model === null ? null : compileModel(model, { bindings: bundle.bindings });
  if (!compiled?.plan) {
    return refused(kind, name, [...diagnostics, ...(compiled?.diagnostics ?? [])]);
  }
  const run = new LiveRun(
    {
      runId: timestampedRunId(0, new Uint8Array(4)),
      epoch: "0",
      mode: "live",
      createdUtc: "1970-01-01T00:00:00.000Z",
      modelText,
      bindings: bundle.bindings,
      checkpointEvery: null,
    },
    compiled.plan,
  );
  for (const frame of bundleFrames(bundle)) {
    // Captured classes say once more what the model computes.
    if (frame.type === "telemetry" && frame.classId !== undefined && frame.classId !== "DEFAULT") continue;
    run.begin();
    const verdict = run.admit(frame);
    run.commit();
    if (verdict.kind === "rejected" || verdict.kind === "late") {
      return { kind, name, outcome: "failed", detail: `frame ${JSON.stringify(frame)}: ${verdict.message}` };
    }
    while (run.evaluateNext() !== null) {}
  }
  const difference = differingSeries(golden, filesOf(run.image(), "simulation"), CLASS_TOLERANCE);
  return { kind, name, outcome: difference === null ? "passed" : "failed", detail: difference };
}

/**
 * The model that FlowTime evaluated. Some 40 simulation goldens (and their bundles) hold a run of an earlier model beside
 * a later `model.yaml`; the run's own `spec.yaml` is then the model, its links to series files read as series again.
 */
export function modelThatRan(modelText: string, golden: string): string {
  const spec = readText(path.join(golden, "spec.yaml"));
  const series = readdirSync(path.join(golden, "series")).filter((file) => file.endsWith("@DEFAULT.csv"));
  try {
    if (normaliseSpec(modelText, new Set(series.map((file) => file.split("@")[0]!))).text === spec) return modelText;
  } catch {
    // Semantics that name a series the run does not have: not the model that ran.
  }
  return spec.replace(/file:\.\.\/series\/([^@]+)@[^@]+@DEFAULT\.csv/g, "$1").replace(/\.\.\.\n$/, "");
}

function filesOf(image: RunImage, mode: ArtifactMode): ReadonlyMap<string, Buffer> {
  const folder = assembleModelRun(image, {
    mode,
    deterministicRunId: true,
    seed: null,
    clock: { now: () => 0, after: () => () => {} },
    random: (bytes) => new Uint8Array(bytes),
  });
  return new Map(folder.files.map((file) => [file.path, Buffer.from(file.bytes)]));
}

/** The one run folder of a golden case. */
export function goldenRun(caseFolder: string): string {
  const runs = path.join(caseFolder, "run");
  return path.join(runs, readdirSync(runs)[0]!);
}

/**
 * @param classTolerance how far class values may differ; null: not at all. Captures hold published class values, which
 * FlowTime has already scaled once.
 */
function differingSeries(
  golden: string,
  files: ReadonlyMap<string, Buffer>,
  classTolerance: number | null,
): string | null {
  const expected = readdirSync(path.join(golden, "series"))
    .filter((name) => name.endsWith(".csv"))
    .sort();
  for (const name of expected) {
    const bytes = files.get(`series/${name}`);
    if (bytes === undefined) return `series/${name}: not written`;
    const wanted = readFileSync(path.join(golden, "series", name));
    const isClass = !name.endsWith("@DEFAULT.csv");
    if (isClass && classTolerance !== null && isClose(wanted, bytes, classTolerance)) continue;
    const difference = differingLine(wanted, bytes);
    if (difference !== null) return `series/${name}: ${difference}`;
  }
  const ours = [...files.keys()].filter((file) => file.startsWith("series/") && file.endsWith(".csv"));
  const extra = ours.find((file) => !expected.includes(file.slice("series/".length)));
  return extra === undefined ? null : `${extra}: FlowTime does not write it`;
}

function isClose(expected: Buffer, actual: Buffer, tolerance: number): boolean {
  const values = (bytes: Buffer): number[] =>
    bytes
      .toString("utf8")
      .trim()
      .split("\n")
      .slice(1)
      .map((row) => Number(row.split(",")[1]));
  const [wanted, got] = [values(expected), values(actual)];
  return wanted.length === got.length && wanted.every((value, bin) => Math.abs(value - got[bin]!) <= tolerance);
}

function differingIndex(golden: string, files: ReadonlyMap<string, Buffer>): string | null {
  const difference = differingLine(
    readFileSync(path.join(golden, "series/index.json")),
    files.get("series/index.json")!,
  );
  return difference === null ? null : `series/index.json: ${difference}`;
}

function differingLine(expected: Buffer, actual: Buffer): string | null {
  if (expected.equals(actual)) return null;
  const wanted = expected.toString("utf8").split("\n");
  const got = actual.toString("utf8").split("\n");
  const line = wanted.findIndex((text, index) => text !== got[index]);
  if (line < 0)
    return `line ${wanted.length + 1}: FlowTime's file ends here, ours has ${JSON.stringify(got[wanted.length])}`;
  return `line ${line + 1}: FlowTime ${JSON.stringify(wanted[line])}, ours ${JSON.stringify(got[line] ?? null)}`;
}

interface RunWarning {
  readonly code: string;
}

function warningsOf(runJson: string): readonly RunWarning[] {
  return (JSON.parse(runJson) as { warnings: RunWarning[] }).warnings;
}

function differingWarnings(expected: readonly RunWarning[], files: ReadonlyMap<string, Buffer>): string | null {
  const actual = warningsOf(
    files
      .get("run.json")!
      .toString("utf8")
      .replace(/^\uFEFF/, ""),
  );
  const length = Math.max(expected.length, actual.length);
  for (let index = 0; index < length; index++) {
    const wanted = JSON.stringify(expected[index] ?? null);
    const got = JSON.stringify(actual[index] ?? null);
    if (wanted !== got) return `run.json warnings[${index}]: FlowTime ${wanted}, ours ${got}`;
  }
  return null;
}

function readText(file: string): string {
  return readFileSync(file, "utf8").replace(/^\uFEFF/, "");
}
