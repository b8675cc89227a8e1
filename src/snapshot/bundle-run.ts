import { analyseWindow } from "../analysis/batch-analysis.ts";
import { evaluateTotals } from "../engine/batch.ts";
import { decomposeClasses, type NodeClasses, routerClasses } from "../engine/batch-classes.ts";
import { ClassShares, normalise } from "../engine/batch-contribution.ts";
import { type BatchModel, prepareBatch, type Totals } from "../engine/batch-model.ts";
import { evaluateRouted } from "../engine/batch-router.ts";
import { generateNodes } from "../model/generate.ts";
import type { Model } from "../model/model.ts";
import { feedbackGroups, inputsOf } from "../model/order.ts";
import { assembleRun, type RunFolder, type SnapshotInput } from "./assemble.ts";
import { type BundleWarning, bundledManifest, type CaptureManifest } from "./bundle-manifest.ts";
import type { CapturedValues } from "./bundle-series.ts";
import { bundleWarnings } from "./bundle-warnings.ts";
import type { SnapshotWarning } from "./run-file.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { normaliseSpec } from "./spec-text.ts";
import type { SnapshotFile } from "./text-file.ts";

/** A capture and the model it goes with. */
export interface BundleInput extends Pick<SnapshotInput, "provenance" | "inputHash" | "runId" | "now"> {
  /** With references to captured files already linked (`linkTelemetry`). */
  readonly modelText: string;
  readonly model: Model;
  readonly manifest: CaptureManifest;
  readonly captured: CapturedValues;
  /** The captured CSVs, at their place in the run folder. */
  readonly files: readonly SnapshotFile[];
}

export interface BundledRun {
  readonly folder: RunFolder;
  /** What the capture lacks. */
  readonly bundleWarnings: readonly BundleWarning[];
  /** Of run.json. */
  readonly warnings: readonly SnapshotWarning[];
}

/**
 * The run folder of a capture (artifacts.md §10.3 and §10.4): captured series stand as they are, the other nodes of the
 * model are evaluated on top of them as FlowTime's bundler does it, or, where that refuses the capture, as a run that
 * telemetry feeds. There are no series of edges.
 * Throws `SnapshotError` `grid_mismatch` when capture and model are of different lengths, and what `assembleRun` throws.
 */
export function bundleRun(input: BundleInput): BundledRun {
  const { model, manifest, captured } = input;
  const { bins } = model.grid;
  if (bins !== manifest.grid.bins) {
    throw new SnapshotError(
      "grid_mismatch",
      `The capture has ${manifest.grid.bins} bins and the model ${bins}. Bundle it with the model it was captured from.`,
      { facts: { captureBins: manifest.grid.bins, modelBins: bins } },
    );
  }
  const { model: compiled, generated } = generateNodes(model);
  const batch = prepareBatch(compiled);
  const measured = new Map(Array.from(captured.classes, ([id, shares]) => [id, new ClassShares(shares)] as const));
  const theirs = totalsOfFlowTime(batch, manifest, captured.totals, input.modelText);
  // FlowTime scales captured classes to their totals; where it has no answer they stand as they were measured.
  const given = theirs === null ? measured : scaledToTotals(measured, captured.totals);
  const totals = theirs ?? completeTotals(compiled, batch.order, captured.totals, given);
  const classes = decomposeClasses(batch, totals, { given });
  // Warnings are about what the model itself says of classes, as in FlowTime.
  const modelled = decomposeClasses(batch, totals);
  const ids = [...totals.keys()];
  const plan = {
    model: compiled,
    columns: ids.map((id) => ({ id, origin: "node" as const })),
    columnOf: new Map(ids.map((id, column) => [id, column])),
    generated,
  };
  const flows = { edges: [], classes: modelled, routers: routerClasses(batch, totals) };
  const found = analyseWindow(plan, (column) => totals.get(ids[column]!)!, bins, flows);
  const warnings = [...foreignSeries(model, compiled, ids), ...found.map(({ key: _, ...warning }) => warning)];
  const lacks = bundleWarnings(manifest, captured);
  const folder = assembleRun({
    modelText: input.modelText,
    model,
    bins,
    series: Array.from(totals, ([id, values]) => ({ id, values })),
    classSeries: new Map(
      Array.from(classes, ([id, shares]) => [id, Array.from(shares, ([classId, values]) => ({ classId, values }))]),
    ),
    warnings,
    requestedSeed: null,
    provenance: input.provenance,
    inputHash: input.inputHash,
    runId: input.runId,
    now: input.now,
    ...(manifest.classCoverage === null ? {} : { classCoverage: manifest.classCoverage }),
    extraFiles: [...input.files, bundledManifest(manifest, lacks)],
  });
  return { folder, bundleWarnings: lacks, warnings };
}

/** Captured series, then every other node, routers and all, as the engine evaluates a model that telemetry feeds. */
function completeTotals(model: Model, order: readonly string[], captured: Totals, given: NodeClasses): Totals {
  const bound = new Set(captured.keys());
  const batch = prepareBatch(model, { order, bound });
  const cell = (id: string, bin: number): number => captured.get(id)![bin]!;
  const { totals } = evaluateRouted(batch, model.grid.bins, cell, given);
  return new Map([...captured, ...[...totals].filter(([id]) => !bound.has(id))]);
}

function scaledToTotals(classes: NodeClasses, totals: Totals): NodeClasses {
  return new Map(
    Array.from(classes, ([id, shares]) => {
      const scaled = shares.copy();
      normalise(scaled, totals.get(id)!);
      return [id, scaled] as const;
    }),
  );
}

/**
 * Captured series, then what FlowTime evaluates on top of them: once, without what routers send. Null where its bundler
 * fails: on a capture that lists a file twice, as its own do for a series in two roles, and when the topology names a series
 * of a feedback group that it skips.
 */
function totalsOfFlowTime(
  batch: BatchModel,
  { files }: CaptureManifest,
  captured: Totals,
  modelText: string,
): Totals | null {
  if (new Set(files.map(({ path }) => path.toUpperCase())).size < files.length) return null;
  const evaluated = evaluateTotals(batch, batch.model.grid.bins, { overrides: captured });
  const skipped = skippedMembers(batch, captured);
  const named = normaliseSpec(modelText, new Set([...captured.keys(), ...evaluated.keys()])).referencedSeries;
  if (named.some((id) => skipped.has(id) && !captured.has(id))) return null;
  return new Map([...captured, ...[...evaluated].filter(([id]) => !captured.has(id) && !skipped.has(id))]);
}

/**
 * FlowTime evaluates a feedback group as a whole when it comes to its first member, and skips it as a whole when that
 * member was captured: what is not captured of the group is then not in the run.
 */
function skippedMembers(batch: BatchModel, captured: Totals): ReadonlySet<string> {
  const { nodes, order, trees } = batch;
  const lagged = (id: string) => inputsOf(nodes.get(id)!, trees.get(id) ?? null).lagged;
  const ends = feedbackGroups(order, (id) => nodes.get(id)?.kind, lagged);
  const skipped = new Set<string>();
  for (let at = 0; at < order.length; at++) {
    const end = ends.get(order[at]!);
    if (end === undefined) continue;
    if (captured.has(order[at]!)) for (const id of order.slice(at, end + 1)) skipped.add(id);
    at = end;
  }
  return skipped;
}

/** Captured series that are no node of the model; said only of models with topology, as all warnings. */
function foreignSeries(model: Model, compiled: Model, ids: readonly string[]): readonly SnapshotWarning[] {
  const known = new Set(compiled.nodes.map(({ id }) => id));
  const foreign = ids.filter((id) => !known.has(id));
  if (foreign.length === 0 || (model.topology?.nodes.length ?? 0) === 0) return [];
  return [
    {
      code: "post_eval_injection",
      message: `Evaluated series contains nodes not present in the model DAG: ${foreign.join(", ")}.`,
      nodeId: "engine",
      bins: [],
      value: null,
      severity: "warning",
    },
  ];
}
