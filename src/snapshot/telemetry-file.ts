import { stringify } from "csv-stringify/sync";
import { shortestText } from "../lib/dotnet-number.ts";
import { plainFile, type SnapshotFile } from "./text-file.ts";

/** A telemetry CSV as FlowTime's `file:` references read it (artifacts.md §11.5): no byte order mark, one row a bin. */
export function telemetryFile(path: string, values: Float64Array): SnapshotFile {
  const rows = Array.from(values, (value, bin) => [String(bin), shortestText(value)]);
  return plainFile(path, stringify([["bin_index", "value"], ...rows]));
}
