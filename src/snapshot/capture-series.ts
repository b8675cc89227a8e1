import { seventeenDigitText } from "../lib/dotnet-number.ts";
import type { CaptureWarning } from "../protocol/capture.ts";
import { type CaptureBinding, lastSegment } from "./capture-bindings.ts";
import { seriesPath } from "./layout.ts";
import { plainFile, type SnapshotFile } from "./text-file.ts";

/** What a capture makes of bins without a usable value (artifacts.md §9.2). */
export interface GapOptions {
  /** NaN and infinities become 0. Default false: they stay, and are told. */
  readonly fillNan?: boolean;
  /** Bins without any value: kept and untold (`ignore`, the default), kept and told (`warn`), told and 0 (`zero`). */
  readonly gaps?: "ignore" | "warn" | "zero";
}

/** Values of one series by bin; null where the run has none. */
export type CaptureRows = ArrayLike<number | null>;

/** One CSV of a capture, with what was noticed on the way. */
export interface CapturedSeries {
  readonly file: SnapshotFile;
  readonly warnings: readonly CaptureWarning[];
}

/** The CSV of one series (artifacts.md §9.3): no byte order mark, seventeen digits, one row a bin. */
export function captureSeries(binding: CaptureBinding, rows: CaptureRows, options: GapOptions): CapturedSeries {
  const { nodeId, metric, series, classId, path } = binding;
  const warnings: CaptureWarning[] = [];
  if (series.points > 0 && rows.length !== series.points) {
    const name = lastSegment(seriesPath(series.id));
    warnings.push({
      code: "length_mismatch",
      message: `Series '${name}' contained ${rows.length} points but expected ${series.points}.`,
    });
  }
  const warn = (code: CaptureWarning["code"], what: string, bin: number): void => {
    warnings.push({ code, message: `${what} at bin ${bin} for ${nodeId}:${metric}.`, nodeId, bins: [bin] });
  };
  const lines = ["bin_index,classId,value\n"];
  for (let bin = 0; bin < rows.length; bin += 1) {
    let value = rows[bin] ?? null;
    if (value === null) {
      if (options.gaps === "warn" || options.gaps === "zero") warn("data_gap", "Missing value", bin);
      if (options.gaps === "zero") value = 0;
    } else if (!Number.isFinite(value)) {
      if (options.fillNan === true) {
        warn("nan_fill", "Filled NaN/∞", bin);
        value = 0;
      } else {
        warn("nan_detected", "Detected NaN/∞", bin);
      }
    }
    lines.push(`${bin},${classId},${value === null ? "" : seventeenDigitText(value)}\n`);
  }
  return { file: plainFile(path, lines.join("")), warnings };
}
