/** The seed FlowTime names when none is given. */
const DEFAULT_SEED = 123;
/** Warnings that are shown; run.json has all. */
const MAX_SHOWN_WARNINGS = 5;
/** Bins that are shown of one warning. */
const MAX_SHOWN_BINS = 5;

export interface FinishedRun {
  readonly runId: string;
  /** As the user named it; the run folder stands in it. */
  readonly outDir: string;
  /** Null when none was given. */
  readonly seed: number | null;
  readonly grid: { readonly bins: number; readonly binSize: number; readonly binUnit: string };
  /** Node ids in evaluation order. */
  readonly order: readonly string[];
  readonly warnings: readonly {
    readonly nodeId: string | null;
    readonly message: string;
    readonly bins: readonly number[];
  }[];
}

/** What FlowTime's `run` prints about a run that it wrote, to the letter. */
export function runSummary(run: FinishedRun, isVerbose: boolean): string {
  const { grid, seed, warnings, outDir } = run;
  const lines: string[] = [];
  if (isVerbose) {
    lines.push(
      "FlowTime run summary:",
      `  Grid: bins=${grid.bins}, binSize=${grid.binSize}, binUnit=${grid.binUnit}`,
      `  Topological order: ${run.order.join(" -> ")}`,
      `  RNG seed: ${seed ?? DEFAULT_SEED} (${seed === null ? "generated" : "provided"})`,
    );
  }
  if (warnings.length > 0) {
    lines.push(`⚠ Run emitted ${warnings.length} warning(s):`);
    for (const { nodeId, message, bins } of warnings.slice(0, MAX_SHOWN_WARNINGS)) {
      const shown = bins.slice(0, MAX_SHOWN_BINS).join(", ");
      const where = bins.length === 0 ? "" : ` bins [${shown}${bins.length > MAX_SHOWN_BINS ? ", …" : ""}]`;
      lines.push(`  - [${nodeId ?? "engine"}] ${message}${where}`);
    }
    if (warnings.length > MAX_SHOWN_WARNINGS) lines.push("    (additional warnings omitted)");
  }
  lines.push(`Wrote artifacts to ${outDir}${/[/\\]$/.test(outDir) ? "" : "/"}${run.runId}`);
  return `${lines.join("\n")}\n`;
}
