import { significantText } from "../lib/dotnet-number.ts";
import type { BundleWarning, CaptureManifest } from "./bundle-manifest.ts";
import type { CapturedValues } from "./bundle-series.ts";
import { DEFAULT_CLASS } from "./layout.ts";

/** By how much a total may differ from the sum of its classes, absolute and relative. */
const CONSERVATION_TOLERANCE = 1e-6;
/** Significant digits of the two numbers in the message. */
const SHOWN_DIGITS = 4;

/** What a capture lacks of the classes that it announces (artifacts.md §10.4). */
export function bundleWarnings(
  manifest: CaptureManifest,
  { totals, classes }: CapturedValues,
): readonly BundleWarning[] {
  const warnings: BundleWarning[] = [];
  const warn = (
    code: BundleWarning["code"],
    message: string,
    nodeId: string | null = null,
    bins: number[] | null = null,
  ) => warnings.push({ code, message, nodeId, bins });
  const declared = (manifest.classes ?? []).filter((id) => id.toUpperCase() !== DEFAULT_CLASS);
  if (manifest.supportsClassMetrics && declared.length === 0) {
    warn("class_manifest_missing", "supportsClassMetrics=true but no classes were declared.");
  }
  if (manifest.supportsClassMetrics && classes.size === 0) {
    warn("class_data_missing", "Manifest declares class metrics but no class CSVs were found.");
  }
  for (const [seriesId, total] of totals) {
    const shares = classes.get(seriesId);
    if (shares === undefined) {
      if (manifest.supportsClassMetrics) {
        warn("class_series_missing", `Node '${seriesId}' is missing per-class CSVs.`, seriesId);
      }
      continue;
    }
    const present = new Set([...shares.keys()].map((id) => id.toUpperCase()));
    for (const id of declared) {
      if (present.has(id.toUpperCase())) continue;
      warn("class_series_partial", `Node '${seriesId}' is missing class '${id}'.`, seriesId);
    }
    const sums = total.map((_, bin) => [...shares.values()].reduce((sum, values) => sum + values[bin]!, 0));
    const bin = total.findIndex((value, at) => {
      const tolerance = Math.max(CONSERVATION_TOLERANCE, Math.abs(value) * CONSERVATION_TOLERANCE);
      return Math.abs(value - sums[at]!) > tolerance;
    });
    if (bin < 0) continue;
    const [t, s] = [total[bin]!, sums[bin]!].map((value) => significantText(value, SHOWN_DIGITS));
    warn(
      "class_conservation_mismatch",
      `Node '${seriesId}' total differs from class sum (bin ${bin}, total=${t}, sum=${s}).`,
      seriesId,
      [bin],
    );
  }
  return warnings;
}
