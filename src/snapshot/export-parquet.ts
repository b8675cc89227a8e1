import { ByteWriter, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";
import type { RunExport } from "./export-rows.ts";

/** Rows of a row group: readers skip by group, and this many rows are held as objects at once. */
const ROWS_PER_GROUP = 100_000;

interface Columns {
  readonly time: Date[];
  readonly component: string[];
  readonly measure: string[];
  readonly value: number[];
}

/**
 * aggregates/export.parquet: time_bin (timestamp), component_id, measure (text), value (double); NaN and infinities are kept.
 * FlowTime writes one row group of any size; here a group ends with the series that fills it.
 */
export async function parquetExport(run: RunExport): Promise<Uint8Array> {
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({ writer, schema: schemaFromColumnData({ columnData: columnsOf(empty()) }) });
  let rows = empty();
  for await (const { componentId, measure, values } of run.series()) {
    for (let bin = 0; bin < values.length; bin++) {
      rows.time.push(new Date(run.timeOf(bin)));
      rows.component.push(componentId);
      rows.measure.push(measure);
      rows.value.push(values[bin]!);
    }
    if (rows.time.length < ROWS_PER_GROUP) continue;
    await parquet.write({ columnData: columnsOf(rows), rowGroupSize: rows.time.length });
    rows = empty();
  }
  if (rows.time.length > 0) await parquet.write({ columnData: columnsOf(rows), rowGroupSize: rows.time.length });
  await parquet.finish();
  return writer.getBytes();
}

function empty(): Columns {
  return { time: [], component: [], measure: [], value: [] };
}

function columnsOf({ time, component, measure, value }: Columns) {
  return [
    { name: "time_bin", data: time, type: "TIMESTAMP" as const, nullable: false },
    { name: "component_id", data: component, type: "STRING" as const, nullable: false },
    { name: "measure", data: measure, type: "STRING" as const, nullable: false },
    { name: "value", data: value, type: "DOUBLE" as const, nullable: false },
  ];
}
