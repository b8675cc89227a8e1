import type { EvaluatorState } from "../engine/row-ring.ts";
import { invariant } from "../lib/assert.ts";
import { assembleRun, type RunFolder, type SnapshotInput } from "./assemble.ts";
import { indentedJson, type JsonValue } from "./dotnet-json.ts";
import { parseJson } from "./json-text.ts";
import type { SnapshotWarning } from "./run-file.ts";
import { type PastEnd, segmentModelText, startOfBin } from "./segment-model.ts";
import { telemetryFile } from "./telemetry-file.ts";

/** Bins of one segment: the most that FlowTime's readers take. */
export const DEFAULT_SEGMENT_BINS = 10_000;

/** A stretch of bins: `from` is in it, `to` is not. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** What a segment started from: all that its bins need to know of the run before them. */
export interface SegmentState {
  /** Ids of the columns, in their order. */
  readonly columns: readonly string[];
  /** As the evaluator saves it after the bin before the segment. */
  readonly evaluator: EvaluatorState;
  /** Head of the hash chain at the bin before the segment. */
  readonly hash: string;
}

export interface SegmentInput extends Omit<SnapshotInput, "bins" | "extraFiles"> {
  /** The model text of the run, whose own bins may be fewer than the run's. */
  readonly modelText: string;
  readonly segment: Stretch;
  /** Bin of the first value of every series given. Default 0: series are given from the start of the run. */
  readonly firstBin?: number;
  readonly pastEnd: PastEnd;
  /** Null for the segment at the start of the run. */
  readonly state: SegmentState | null;
  /** Run id of the segment before; null for the first. */
  readonly previousRunId: string | null;
  /** Telemetry of `file:` references: paths inside the folder, values like those of series. Default none. */
  readonly telemetry?: readonly { readonly path: string; readonly values: Float64Array }[];
}

/** Consecutive stretches of at most `segmentBins` bins, together bins 0 to `bins`. The last may still grow. */
export function segmentsOf(bins: number, segmentBins: number = DEFAULT_SEGMENT_BINS): readonly Stretch[] {
  invariant(Number.isInteger(segmentBins) && segmentBins >= 1, "a segment has at least one bin");
  return Array.from({ length: Math.ceil(bins / segmentBins) }, (_, index) => ({
    from: index * segmentBins,
    to: Math.min(bins, (index + 1) * segmentBins),
  }));
}

/**
 * A run folder of one stretch of a run (live-runs.md §8): its series are the slice of the run's, its model has as many
 * bins and starts where the stretch starts, warnings are those of its bins, counted from its start. `segment` in
 * model/provenance.json says where in the run it lies and from which state it started. Throws what `assembleRun` throws.
 */
export function assembleSegment(input: SegmentInput): RunFolder {
  const { segment, firstBin = 0, pastEnd, model } = input;
  const { from, to } = segment;
  const slice = (values: Float64Array): Float64Array => {
    invariant(from >= firstBin && to - firstBin <= values.length, `series reach over bins ${from} to ${to}`);
    return values.slice(from - firstBin, to - firstBin);
  };
  const sliced = <Entry extends { readonly values: Float64Array }>(entry: Entry): Entry => ({
    ...entry,
    values: slice(entry.values),
  });
  return assembleRun({
    ...input,
    modelText: segmentModelText(input.modelText, { from, to, grid: model.grid, pastEnd }),
    model: {
      ...model,
      grid: { ...model.grid, bins: to - from, start: startOfBin(model.grid, from) ?? model.grid.start },
    },
    bins: to - from,
    series: input.series.map(sliced),
    classSeries: new Map(Array.from(input.classSeries ?? [], ([id, shares]) => [id, shares.map(sliced)])),
    edgeSeries: (input.edgeSeries ?? []).map(sliced),
    warnings: warningsOf(input.warnings, segment),
    telemetryWarnings: warningsOf(input.telemetryWarnings ?? [], segment),
    provenance: withSegment(input),
    extraFiles: (input.telemetry ?? []).map(({ path, values }) => telemetryFile(path, slice(values))),
  });
}

/** Warnings about no bin in particular are those of every segment. */
function warningsOf(warnings: readonly SnapshotWarning[], { from, to }: Stretch): readonly SnapshotWarning[] {
  return warnings.flatMap((warning) => {
    const bins = warning.bins.filter((bin) => bin >= from && bin < to).map((bin) => bin - from);
    return bins.length === 0 && warning.bins.length > 0 ? [] : [{ ...warning, bins }];
  });
}

function withSegment({ provenance, segment, previousRunId, pastEnd, state }: SegmentInput): string {
  const root = provenance === null ? undefined : parseJson(provenance);
  const members: ReadonlyMap<string, JsonValue> = root instanceof Map ? root : new Map();
  const about: JsonValue = {
    fromBin: segment.from,
    bins: segment.to - segment.from,
    previousRunId,
    pastEnd,
    state:
      state === null
        ? null
        : {
            hash: state.hash,
            columns: state.columns,
            // JSON has no words for what is not finite; text stands for it, as in frames.
            rows: rowsOf(state),
          },
  };
  return indentedJson(new Map([...members, ["segment", about]]));
}

function rowsOf({ columns, evaluator: { rows } }: SegmentState): readonly JsonValue[] {
  return Array.from({ length: rows.length / columns.length }, (_, row) =>
    Array.from(rows.subarray(row * columns.length, (row + 1) * columns.length), (value) =>
      Number.isFinite(value) ? value : String(value),
    ),
  );
}
