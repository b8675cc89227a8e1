import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { analyseWindow } from "../../src/analysis/batch-analysis.ts";
import { routerClasses } from "../../src/engine/batch-classes.ts";
import { type EdgeValues, edgeSeries } from "../../src/engine/batch-edges.ts";
import { type BatchRun, runDirect, runSimulation } from "../../src/engine/batch-run.ts";
import type { Model } from "../../src/model/model.ts";
import { parseModel } from "../../src/model/parse.ts";
import { assembleRun } from "../../src/snapshot/assemble.ts";
import { goldenRun, modelThatRan } from "./runner.ts";

export type BatchKind = "direct" | "prefix" | "simulation";

/** A run that FlowTime wrote, and the same model evaluated here, all bins at once. */
export interface BatchCase {
  readonly kind: BatchKind;
  readonly name: string;
  readonly golden: string;
  readonly model: Model;
  readonly modelText: string;
  readonly run: BatchRun;
}

export function caseNames(root: string, kind: BatchKind): readonly string[] {
  return readdirSync(path.join(root, "golden", kind)).sort();
}

/** @param adapt what to evaluate in place of the parsed model. Default that model. */
export function loadCase(
  root: string,
  kind: BatchKind,
  name: string,
  adapt: (model: Model) => Model = (model) => model,
): BatchCase {
  const folder = path.join(root, "golden", kind, name);
  const golden = goldenRun(folder);
  const modelText = modelThatRan(readFileSync(path.join(folder, "model.yaml"), "utf8"), golden);
  const { model, diagnostics } = parseModel(modelText, { profile: kind === "simulation" ? "live" : "direct" });
  if (model === null) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  const { bins } = model.grid;
  const run = kind === "simulation" ? runSimulation(adapt(model), bins) : runDirect(adapt(model), bins);
  return { kind, name, golden, model, modelText, run };
}

/** Files by path, as the case's run folder holds them. */
export function filesOf({ kind, model, modelText, run }: BatchCase): ReadonlyMap<string, Buffer> {
  const bins = model.grid.bins;
  const edges: readonly EdgeValues[] = kind === "simulation" ? edgeSeries(run.batch, run.totals, run.classes) : [];
  const folder = assembleRun({
    modelText,
    model,
    bins,
    series: Array.from(run.totals, ([id, values]) => ({ id, values })),
    classSeries: new Map(
      Array.from(run.classes, ([id, classes]) => [
        id,
        Array.from(classes, ([classId, values]) => ({ classId, values })),
      ]),
    ),
    edgeSeries: edges,
    warnings: warningsOf(run, bins, edges).map(({ key: _, ...warning }) => warning),
    requestedSeed: null,
    provenance: null,
    inputHash: null,
    runId: { kind: "deterministic" },
    now: () => "1970-01-01T00:00:00.0000000Z",
    hasTelemetryManifest: kind === "simulation",
  });
  return new Map(folder.files.map((file) => [file.path, Buffer.from(file.bytes)]));
}

function warningsOf({ batch, totals, classes, generated }: BatchRun, bins: number, edges: readonly EdgeValues[]) {
  const ids = [...totals.keys()];
  const plan = {
    model: batch.model,
    columns: ids.map((id) => ({ id, origin: "node" as const })),
    columnOf: new Map(ids.map((id, column) => [id, column])),
    generated,
  };
  const routers = routerClasses(batch, totals);
  return analyseWindow(plan, (column) => totals.get(ids[column]!)!, bins, { edges, classes, routers });
}

/** The first difference of the warnings in run.json, or null. */
export function warningDifferenceOf(golden: string, files: ReadonlyMap<string, Buffer>): string | null {
  const read = (text: string): readonly unknown[] => JSON.parse(text.replace(/^\uFEFF/, "")).warnings;
  const expected = read(readText(path.join(golden, "run.json")));
  const actual = read(files.get("run.json")!.toString("utf8"));
  for (let index = 0; index < Math.max(expected.length, actual.length); index++) {
    const [wanted, got] = [expected[index], actual[index]].map((warning) => JSON.stringify(warning ?? null));
    if (wanted !== got) return `run.json warnings[${index}]: FlowTime ${wanted}, ours ${got}`;
  }
  return null;
}

/** The first difference of the series and their index, or null. */
export function differenceOf(golden: string, files: ReadonlyMap<string, Buffer>, withoutEdges = false): string | null {
  const isCompared = (name: string): boolean => name.endsWith(".csv") && !(withoutEdges && name.startsWith("edge_"));
  const expected = readdirSync(path.join(golden, "series")).filter(isCompared).sort();
  const ours = [...files.keys()].filter((file) => file.startsWith("series/")).map((file) => file.slice(7));
  const extra = ours.filter(isCompared).find((name) => !expected.includes(name));
  if (extra !== undefined) return `series/${extra}: FlowTime does not write it`;
  for (const name of withoutEdges ? expected : [...expected, "index.json"]) {
    const bytes = files.get(`series/${name}`);
    if (bytes === undefined) return `series/${name}: not written`;
    const difference = differingLine(readFileSync(path.join(golden, "series", name)), bytes);
    if (difference !== null) return `series/${name}: ${difference}`;
  }
  return null;
}

function differingLine(expected: Buffer, actual: Buffer): string | null {
  if (expected.equals(actual)) return null;
  const wanted = expected.toString("utf8").split("\n");
  const got = actual.toString("utf8").split("\n");
  const line = wanted.findIndex((text, index) => text !== got[index]);
  return `line ${line + 1}: FlowTime ${JSON.stringify(wanted[line])}, ours ${JSON.stringify(got[line] ?? null)}`;
}

export function readText(file: string): string {
  return readFileSync(file, "utf8").replace(/^\uFEFF/, "");
}
