import { shortestText } from "../lib/dotnet-number.ts";
import type { Diagnostic } from "../model/diagnostics.ts";
import { parseModel } from "../model/parse.ts";
import { assembleRun, type RunFolder } from "../snapshot/assemble.ts";
import { bundleAgain } from "../snapshot/bundle-again.ts";
import { type Finding, guarded } from "../snapshot/findings.ts";
import { INDEX_FILE, PROVENANCE_FILE, SPEC_FILE, seriesPath } from "../snapshot/layout.ts";
import { readRunFolder, readSeries } from "../snapshot/reader.ts";
import { type RunInputs, readRunInputs } from "../snapshot/run-inputs.ts";
import { SnapshotError } from "../snapshot/snapshot-error.ts";
import { decodeText } from "../snapshot/text-file.ts";
import { replayRun } from "./replay-run.ts";
import { snapshotContent } from "./snapshots.ts";

export interface ReplayVerification {
  /** What the run was computed from; null when the folder does not tell. */
  readonly kind: RunInputs["kind"] | null;
  readonly comparedSeries: number;
  readonly bins: number;
  /** Whether the hash chain was compared: live runs only. */
  readonly isChainCompared: boolean;
  /** The first difference of every series that differs, in the order of series/index.json. */
  readonly problems: readonly Finding[];
}

/** Evaluates a run folder again from its own inputs and compares every value of every series, and the hash chain. */
export async function verifyReplay(directory: string): Promise<ReplayVerification> {
  const problems: Finding[] = [];
  const report = (path: string, problem: string) => problems.push({ path, problem });
  const none = { kind: null, comparedSeries: 0, bins: 0, isChainCompared: false, problems };
  const inputs = await guarded(SPEC_FILE, report, () => readRunInputs(directory));
  if (inputs === null) return none;
  const { index } = await readRunFolder(directory);
  const hasEdges = index.series.some(({ kind }) => kind === "edge");
  const again = await guarded(SPEC_FILE, report, () => evaluateAgain(directory, inputs, hasEdges));
  if (again === null) return { ...none, kind: inputs.kind };
  const computed = seriesOf(again.folder);
  for (const { id } of index.series) {
    const file = seriesPath(id);
    const stored = await guarded(file, report, () => readSeries(directory, id));
    if (stored === null) continue;
    const values = computed.get(file);
    if (values === undefined) report(file, "is not a series of the model evaluated again");
    else {
      const difference = differenceOf(stored, values);
      if (difference !== null) report(file, difference);
    }
  }
  const listed = new Set(index.series.map(({ id }) => seriesPath(id)));
  for (const file of computed.keys()) {
    if (!listed.has(file)) report(INDEX_FILE, `lacks '${file}', which the model evaluated again has`);
  }
  const isChainCompared = inputs.hash !== null;
  if (isChainCompared && inputs.hash !== again.hash) {
    report(PROVENANCE_FILE, `live.hash is ${inputs.hash}, evaluated again the chain ends in ${again.hash}`);
  }
  return { kind: inputs.kind, comparedSeries: index.series.length, bins: inputs.bins, isChainCompared, problems };
}

/**
 * The folder that the same inputs give: a capture bundled once more, anything else evaluated by the engine.
 * @throws SnapshotError `run_folder_unreadable` when the model cannot be evaluated
 */
async function evaluateAgain(
  directory: string,
  inputs: RunInputs,
  hasEdges: boolean,
): Promise<{ readonly folder: RunFolder; readonly hash: string | null }> {
  if (inputs.kind === "telemetry") {
    const { model, diagnostics } = parseModel(inputs.modelText);
    if (model === null) throw notEvaluated(diagnostics);
    return { folder: await bundleAgain(directory, inputs.modelText, model), hash: null };
  }
  const replayed = replayRun(inputs);
  if (!replayed.ok) throw notEvaluated(replayed.diagnostics);
  const { edgeSeries, ...content } = snapshotContent(replayed.image);
  const folder = assembleRun({
    ...content,
    edgeSeries: hasEdges ? (edgeSeries ?? []) : [],
    requestedSeed: null,
    provenance: null,
    inputHash: null,
    runId: { kind: "deterministic" },
    now: () => "",
  });
  return { folder, hash: replayed.image.hash };
}

function notEvaluated(diagnostics: readonly Diagnostic[]): SnapshotError {
  const reasons = diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message);
  return new SnapshotError("run_folder_unreadable", `cannot be evaluated again: ${reasons.join("; ")}`);
}

/** Values by file. */
function seriesOf(folder: RunFolder): ReadonlyMap<string, Float64Array> {
  const files = folder.files.filter(({ path }) => path.startsWith("series/") && path.endsWith(".csv"));
  return new Map(files.map(({ path, bytes }) => [path, valuesOf(decodeText(bytes))]));
}

function valuesOf(text: string): Float64Array {
  const rows = text.trimEnd().split("\n").slice(1);
  return Float64Array.from(rows, (row) => Number(row.slice(row.indexOf(",") + 1)));
}

/** The first bin that differs, as the end of a sentence; NaN equals NaN, `-0` differs from `0`. */
function differenceOf(stored: Float64Array, computed: Float64Array): string | null {
  const bins = Math.max(stored.length, computed.length);
  for (let bin = 0; bin < bins; bin++) {
    const [before, now] = [stored[bin], computed[bin]];
    if (Object.is(before, now)) continue;
    return `bin ${bin}: stored ${textOf(before)}, evaluated again ${textOf(now)}`;
  }
  return null;
}

function textOf(value: number | undefined): string {
  return value === undefined ? "nothing" : shortestText(value);
}
