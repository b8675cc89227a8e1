import { shortestText } from "../lib/dotnet-number.ts";
import { assembleRun } from "../snapshot/assemble.ts";
import { type Finding, guarded } from "../snapshot/findings.ts";
import { INDEX_FILE, PROVENANCE_FILE, SPEC_FILE, seriesPath } from "../snapshot/layout.ts";
import { readRunFolder, readSeries } from "../snapshot/reader.ts";
import { type RunInputs, readRunInputs } from "../snapshot/run-inputs.ts";
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

/**
 * How far the values of a class may differ where telemetry was captured: FlowTime scales captured classes to their total,
 * here they are computed from the model.
 */
const CLASS_TOLERANCE = 1e-9;

/** Evaluates a run folder again from its own inputs and compares every value of every series, and the hash chain. */
export async function verifyReplay(directory: string): Promise<ReplayVerification> {
  const problems: Finding[] = [];
  const report = (path: string, problem: string) => problems.push({ path, problem });
  const none = { kind: null, comparedSeries: 0, bins: 0, isChainCompared: false, problems };
  const inputs = await guarded(SPEC_FILE, report, () => readRunInputs(directory));
  if (inputs === null) return none;
  const replayed = replayRun(inputs);
  if (!replayed.ok) {
    const reasons = replayed.diagnostics.filter(({ severity }) => severity === "error");
    report(SPEC_FILE, `cannot be evaluated again: ${reasons.map(({ message }) => message).join("; ")}`);
    return { ...none, kind: inputs.kind };
  }
  const { index } = await readRunFolder(directory);
  const hasEdges = index.series.some(({ kind }) => kind === "edge");
  const computed = seriesOf(replayed.image, hasEdges);
  for (const { id, kind, class: classId } of index.series) {
    const file = seriesPath(id);
    const stored = await guarded(file, report, () => readSeries(directory, id));
    if (stored === null) continue;
    const values = computed.get(file);
    if (values === undefined) report(file, "is not a series of the model evaluated again");
    else {
      const isScaled = inputs.kind === "telemetry" && kind !== "edge" && classId !== "DEFAULT";
      const difference = differenceOf(stored, values, isScaled ? CLASS_TOLERANCE : 0);
      if (difference !== null) report(file, difference);
    }
  }
  const listed = new Set(index.series.map(({ id }) => seriesPath(id)));
  for (const file of computed.keys()) {
    if (!listed.has(file)) report(INDEX_FILE, `lacks '${file}', which the model evaluated again has`);
  }
  const isChainCompared = inputs.hash !== null;
  if (isChainCompared && inputs.hash !== replayed.image.hash) {
    report(PROVENANCE_FILE, `live.hash is ${inputs.hash}, evaluated again the chain ends in ${replayed.image.hash}`);
  }
  return { kind: inputs.kind, comparedSeries: index.series.length, bins: inputs.bins, isChainCompared, problems };
}

/** Values by file, as the run folder of an image would hold them. */
function seriesOf(image: Parameters<typeof snapshotContent>[0], hasEdges: boolean): ReadonlyMap<string, Float64Array> {
  const { edgeSeries, ...content } = snapshotContent(image);
  const folder = assembleRun({
    ...content,
    edgeSeries: hasEdges ? (edgeSeries ?? []) : [],
    requestedSeed: null,
    provenance: null,
    inputHash: null,
    runId: { kind: "deterministic" },
    now: () => "",
  });
  const files = folder.files.filter(({ path }) => path.startsWith("series/") && path.endsWith(".csv"));
  return new Map(files.map(({ path, bytes }) => [path, valuesOf(decodeText(bytes))]));
}

function valuesOf(text: string): Float64Array {
  const rows = text.trimEnd().split("\n").slice(1);
  return Float64Array.from(rows, (row) => Number(row.slice(row.indexOf(",") + 1)));
}

/** The first bin that differs, as the end of a sentence; NaN equals NaN, `-0` differs from `0`. */
function differenceOf(stored: Float64Array, computed: Float64Array, tolerance: number): string | null {
  const bins = Math.max(stored.length, computed.length);
  for (let bin = 0; bin < bins; bin++) {
    const [before, now] = [stored[bin], computed[bin]];
    if (Object.is(before, now)) continue;
    if (tolerance > 0 && before !== undefined && now !== undefined && Math.abs(before - now) <= tolerance) continue;
    return `bin ${bin}: stored ${textOf(before)}, evaluated again ${textOf(now)}`;
  }
  return null;
}

function textOf(value: number | undefined): string {
  return value === undefined ? "nothing" : shortestText(value);
}
