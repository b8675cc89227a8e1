import type { ModelClass, TimeGrid } from "../model/model.ts";
import type { ClassCoverage } from "./class-coverage.ts";
import { indentedJson, type JsonValue } from "./dotnet-json.ts";
import { DEFAULT_CLASS, INDEX_FILE, SERIES_UNIT, seriesPath } from "./layout.ts";
import type { SeriesEntry } from "./series-file.ts";
import { markedFile, type SnapshotFile } from "./text-file.ts";

export interface IndexInput {
  readonly grid: TimeGrid;
  readonly series: readonly SeriesEntry[];
  readonly classes: readonly ModelClass[];
  readonly classCoverage: ClassCoverage | string;
}

/** FlowTime announces this table and never writes it; readers expect the announcement. */
const FORMATS: JsonValue = {
  aggregatesTable: {
    path: "aggregates/node_time_bin.parquet",
    dimensions: ["time_bin", "component_id", "class"],
    measures: ["arrivals", "served", "errors"],
  },
};

/** series/index.json (artifacts.md §5.2). */
export function indexFile({ grid, series, classes, classCoverage }: IndexInput): SnapshotFile {
  const index: JsonValue = {
    schemaVersion: 1,
    grid: { bins: grid.bins, binSize: grid.binSize, binUnit: grid.binUnit, timezone: "UTC" },
    series: series.map(({ name, kind, points, hash }) => ({
      id: name.id,
      kind,
      path: seriesPath(name.id),
      unit: SERIES_UNIT,
      componentId: name.componentId,
      class: name.classId,
      classKind: name.classId === DEFAULT_CLASS ? "fallback" : "specific",
      points,
      hash,
    })),
    formats: FORMATS,
    classes: classList(classes),
    classCoverage,
  };
  return markedFile(INDEX_FILE, indentedJson(index));
}

/** Declared classes as run.json, index.json and manifest.json list them. */
export function classList(classes: readonly ModelClass[]): JsonValue {
  return classes.map(({ id, displayName, description }) => ({ id, displayName, description }));
}
