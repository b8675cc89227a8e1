import { isFileReference, seriesNodeId } from "../../model/descriptor.ts";
import type { Model } from "../../model/model.ts";
import type { Severity } from "../warning.ts";

/** Values of a class or of an edge, one for each bin. */
export interface ClassValues {
  readonly classId: string;
  readonly values: Float64Array;
}
export interface EdgeValues {
  readonly edgeId: string;
  readonly metric: string;
  /** Null for the total. */
  readonly classId: string | null;
  readonly values: Float64Array;
}

/** A warning that the run itself gave (run.json). */
export interface RunWarning {
  readonly code: string;
  readonly message: string;
  readonly nodeId: string | null;
  readonly severity: Severity;
  readonly edgeIds?: readonly string[] | null;
}

/** What is known of a run besides its model and its values; answers repeat it. */
export interface RunFacts {
  readonly runId: string;
  readonly templateId: string;
  readonly templateTitle: string | null;
  readonly templateNarrative: string | null;
  readonly templateVersion: string | null;
  readonly mode: string;
  readonly provenanceHash: string | null;
  readonly schemaHash: string;
  readonly storage: {
    readonly modelPath: string;
    readonly metadataPath: string | null;
    readonly provenancePath: string | null;
  };
  readonly inputHash?: string;
  /** References to telemetry that the run's metadata lists. */
  readonly telemetrySources: readonly string[];
  /** Keys of its `nodeSources`: references that count as telemetry too. */
  readonly nodeSources: readonly string[];
  /** `missing`, `partial` or `full`, as run.json says. */
  readonly classCoverage: string;
}

/**
 * Everything a query reads: the model as it is stored with the run (references to series may be `file:` ones), and values
 * of the bins so far. Nothing of it is changed.
 */
export interface QueryRun {
  readonly facts: RunFacts;
  readonly model: Model;
  /** Bins that have values; the whole grid for a run that has ended. */
  readonly bins: number;
  /** Values by series id, or by the text of a `file:` reference to something that is no series of the run. */
  series(id: string): Float64Array | null;
  /** Shares of classes in a series, in the order of writing; none when no class shares it. */
  classSeries(id: string): readonly ClassValues[];
  /** Series of edges, in the order of writing. */
  readonly edgeSeries: readonly EdgeValues[];
  readonly warnings: readonly RunWarning[];
  /** Ids of computation nodes whose definition telemetry takes the place of. Default none. */
  readonly boundNodes?: ReadonlySet<string>;
}

/** First and number of bins that are asked for. */
export interface BinRange {
  readonly start: number;
  readonly count: number;
}

/** A series file of a run folder: `…/ID@COMPONENT@CLASS.csv`. */
const SERIES_FILE = /([^/\\@]+)@[^/\\@]+@[^/\\@]+\.csv$/i;

/** What `QueryRun.series` is asked for a reference: the series id it names, else its own text. */
export function seriesKey(reference: string): string {
  const text = reference.trim();
  if (!isFileReference(text)) return seriesNodeId(text);
  return SERIES_FILE.exec(text)?.[1] ?? text;
}
