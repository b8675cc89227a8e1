import type { BindingSpec } from "../model/bind.ts";
import type { Adjustment } from "../protocol/run.ts";
import { indentedJson } from "./dotnet-json.ts";
import { nodeSeriesName, seriesPath } from "./layout.ts";
import type { SeriesEncoder } from "./series-file.ts";
import { plainFile, type SnapshotFile } from "./text-file.ts";

/**
 * What the folder of a live run holds beyond FlowTime's files, so that it can be replayed to the same hash chain: the model
 * as the run was created with it, its bindings and what was changed in it, the telemetry, and how often bins were corrected.
 */
export const LIVE_FILE = "model/live/run.json";

/** A live run as it was created, and what became of it beside its telemetry. */
export interface LiveDefinition {
  readonly modelText: string;
  readonly bindings: readonly BindingSpec[];
  /** Changes of the model, in the order in which they were taken. */
  readonly adjustments: readonly Adjustment[];
  /** Bins that were corrected, ascending. */
  readonly revisions: readonly RevisedBins[];
}

/** Consecutive bins with one revision above 0; the hash chain covers it. */
export interface RevisedBins {
  readonly fromBin: number;
  readonly toBin: number;
  readonly rev: number;
}

/** A series that telemetry feeds, with the values it was fed, by bin. */
export interface LiveInput {
  readonly seriesId: string;
  readonly values: Float64Array;
}

/**
 * @param inputs all series that telemetry feeds, in column order
 * @param written ids of the series that the folder holds anyway (`id@ID@CLASS`)
 */
export function* liveFiles(
  definition: LiveDefinition,
  inputs: readonly LiveInput[],
  written: ReadonlySet<string>,
  encoder: SeriesEncoder,
): Generator<SnapshotFile> {
  const listed: { readonly seriesId: string; readonly path: string }[] = [];
  for (const { seriesId, values } of inputs) {
    const { id } = nodeSeriesName(seriesId);
    if (written.has(id)) {
      listed.push({ seriesId, path: seriesPath(id) });
      continue;
    }
    const path = `model/live/${seriesId}.csv`;
    yield { path, bytes: encoder.encode(path, values).bytes };
    listed.push({ seriesId, path });
  }
  const text = indentedJson({
    schemaVersion: 1,
    model: definition.modelText,
    bindings: definition.bindings.map((binding) => (typeof binding === "string" ? binding : { ...binding })),
    inputs: listed,
    ...(definition.adjustments.length === 0
      ? {}
      : { adjustments: definition.adjustments.map(({ fromBin, set }) => ({ fromBin, set: { ...set } })) }),
    ...(definition.revisions.length === 0 ? {} : { revisions: definition.revisions.map((bins) => ({ ...bins })) }),
  });
  yield plainFile(LIVE_FILE, text);
}
