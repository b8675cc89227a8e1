import path from "node:path";
import { assembleRun, type RunFolder } from "../../src/snapshot/assemble.ts";
import { writeRunFolder } from "../../src/snapshot/writer.ts";

const SPAN = { line: 1, column: 1, startOffset: 0, endOffset: 0 };

export interface SmallRun {
  readonly nowMs?: number;
  /** Values by node id. */
  readonly series?: Readonly<Record<string, readonly number[]>>;
  readonly modelText?: string;
  readonly provenance?: string | null;
}

/** A run folder of hourly bins, in memory. */
export function smallRun({
  nowMs = 0,
  series = { a: [1, 2.5, 0] },
  modelText,
  provenance = null,
}: SmallRun = {}): RunFolder {
  const bins = Object.values(series)[0]!.length;
  const consts = Object.entries(series).map(
    ([id, values]) => `- {id: ${id}, kind: const, values: [${values.join(", ")}]}\n`,
  );
  return assembleRun({
    modelText:
      modelText ??
      `schemaVersion: 1\ngrid: {bins: ${bins}, binSize: 1, binUnit: hours, start: "2026-03-01T00:00:00Z"}\nnodes:\n${consts.join("")}`,
    model: {
      grid: { bins, binSize: 1, binUnit: "hours", start: null },
      outputs: [{ series: "*", as: null, span: SPAN }],
      classes: [],
    },
    bins,
    series: Object.entries(series).map(([id, values]) => ({ id, values: Float64Array.from(values) })),
    warnings: [],
    requestedSeed: null,
    provenance,
    inputHash: null,
    runId: { kind: "timestamped", nowMs, random: Uint8Array.of(1, 2, 3, 4) },
    now: () => new Date(nowMs).toISOString(),
  });
}

/** Writes it below `<scratch>/data`; the path of the run folder. */
export function writeSmallRun(scratch: string, run?: SmallRun): Promise<string> {
  return writeRunFolder(smallRun(run), {
    root: path.join(scratch, "data"),
    stagingRoot: path.join(scratch, "staging"),
  });
}
