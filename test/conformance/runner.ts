import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { runSummary } from "../../src/cli/output/run-summary.ts";
import { readBundle } from "../../src/ingest/bundle.ts";
import { bundleFrames } from "../../src/ingest/bundle-frames.ts";
import { compileModel } from "../../src/model/compile.ts";
import type { Diagnostic } from "../../src/model/diagnostics.ts";
import { parseModel } from "../../src/model/parse.ts";
import type { Plan } from "../../src/model/plan.ts";
import { timestampedRunId } from "../../src/protocol/ids.ts";
import { LiveRun } from "../../src/runtime/live-run.ts";
import type { RunValues } from "../../src/runtime/run-image.ts";
import { type ArtifactMode, assembleModelRun, evaluateModel, evaluationOrder } from "../../src/runtime/run-model.ts";
import { compareAnswers } from "./api-answers.ts";
import { bundleDifference, bundledSeriesDifference } from "./bundle-cases.ts";
import { captureDifference, captureNames } from "./capture-cases.ts";
import { differingBytes } from "./differing.ts";
import { differingFile, goldenRun, modelThatRan, readGolden } from "./golden.ts";

export type CaseKind = "direct" | "prefix" | "simulation" | "bundles" | "capture" | "telemetry";

export interface CaseResult {
  readonly kind: CaseKind;
  readonly name: string;
  readonly outcome: "passed" | "failed" | "out of scope";
  /** First difference of a failure, or why the case is out of scope. */
  readonly detail: string | null;
  /** API answers about the run that were compared; only simulations have some. */
  readonly answers: number;
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
  const mode: ArtifactMode = kind === "simulation" ? "simulation" : "direct";
  const golden = readGolden(path.join(root, kind, name), mode);
  const evaluated = evaluateModel(golden.modelText, mode);
  if (!evaluated.ok) return refused(kind, name, evaluated.diagnostics);
  const folder = assembleModelRun(evaluated.image, golden.facts);
  const files = new Map(folder.files.map((file) => [file.path, file.bytes]));
  const { compared, differences } =
    kind === "simulation"
      ? compareAnswers(path.join(root, kind, name, "api"), folder.folderName, evaluated.image, files)
      : { compared: 0, differences: [] };
  const difference =
    differingFile(golden.files, files) ??
    (folder.folderName === golden.folderName
      ? null
      : `run id: FlowTime ${golden.folderName}, ours ${folder.folderName}`) ??
    differingOutput(golden.stdout, evaluated, folder.runId, mode) ??
    differences[0] ??
    null;
  return { kind, name, outcome: difference === null ? "passed" : "failed", detail: difference, answers: compared };
}

async function checkCapture(root: string, kind: "capture" | "telemetry", name: string): Promise<CaseResult> {
  const simulation = path.join(root, "simulation", name);
  const run = goldenRun(simulation);
  const modelText = modelThatRan(readFileSync(path.join(simulation, "model.yaml"), "utf8"), run);
  const folder = path.join(root, kind, name);
  const difference =
    (await captureDifference(path.join(folder, "capture"), run, modelText)) ??
    (kind === "telemetry"
      ? await bundleDifference(folder, goldenRun(folder))
      : await bundledSeriesDifference(path.join(folder, "capture"), run, modelText));
  return { kind, name, outcome: difference === null ? "passed" : "failed", detail: difference, answers: 0 };
}

/** What `flowtime run --verbose` prints, in the folder that FlowTime was given. */
function differingOutput(
  expected: string | null,
  { plan, image }: { readonly plan: Plan; readonly image: RunValues },
  runId: string,
  mode: ArtifactMode,
): string | null {
  if (expected === null) return null;
  const outDir = /Wrote artifacts to (.*)\/[^/]*\n$/.exec(expected)?.[1] ?? "";
  const order = evaluationOrder(plan, mode);
  const printed = runSummary(
    { runId, outDir, seed: null, grid: plan.source.grid, order, warnings: image.warnings },
    true,
  );
  const difference = differingBytes(Buffer.from(expected), Buffer.from(printed));
  return difference === null ? null : `stdout: ${difference}`;
}

/** A model that the engine refuses: out of scope when all of it is of constructs that are not built. */
function refused(kind: CaseKind, name: string, findings: readonly Diagnostic[]): CaseResult {
  const errors = findings.filter(({ severity }) => severity === "error");
  const isUnsupported = errors.every(({ tier }) => tier === "unsupported");
  const detail = isUnsupported
    ? [...new Set(errors.map(({ code }) => code))].join(", ")
    : errors.map(({ message }) => message).join("; ");
  return { kind, name, outcome: isUnsupported ? "out of scope" : "failed", detail, answers: 0 };
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
      return {
        kind,
        name,
        outcome: "failed",
        detail: `frame ${JSON.stringify(frame)}: ${verdict.message}`,
        answers: 0,
      };
    }
    while (run.evaluateNext() !== null) {}
  }
  const folder = assembleModelRun(run.image(), {
    mode: "simulation",
    seed: null,
    provenance: null,
    runId: { kind: "deterministic" },
    now: () => "1970-01-01T00:00:00.0000000Z",
  });
  const files = new Map(folder.files.map((file) => [file.path, Buffer.from(file.bytes)]));
  const difference = differingSeries(golden, files);
  return { kind, name, outcome: difference === null ? "passed" : "failed", detail: difference, answers: 0 };
}

/** Class values may differ a little: captures hold published ones, which FlowTime has already scaled once. */
function differingSeries(golden: string, files: ReadonlyMap<string, Buffer>): string | null {
  const expected = readdirSync(path.join(golden, "series"))
    .filter((name) => name.endsWith(".csv"))
    .sort();
  for (const name of expected) {
    const bytes = files.get(`series/${name}`);
    if (bytes === undefined) return `series/${name}: not written`;
    const wanted = readFileSync(path.join(golden, "series", name));
    if (!name.endsWith("@DEFAULT.csv") && isClose(wanted, bytes, CLASS_TOLERANCE)) continue;
    const difference = differingBytes(wanted, bytes);
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
