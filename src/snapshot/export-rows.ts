import { BIN_UNITS, binMilliseconds } from "../lib/bin-length.ts";
import { parseUtc } from "../lib/utc-time.ts";
import { MODEL_FILE } from "./layout.ts";
import { readRunIndex, readSeries, readText, type StoredGrid } from "./reader.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { member, parseYamlStream, scalarText } from "./yaml-tree.ts";

/** What `time_bin` of an exported row is. */
export type ExportTimes =
  /** Start of the bin by the model's grid; without a start in it, as `flowtime`. */
  | "grid"
  /** As FlowTime's own export: midnight UTC of the day of the export plus one minute a bin (artifacts.md §14). */
  | "flowtime";

/** One series of an export: a block of rows with the same component and measure. */
export interface ExportSeries {
  readonly componentId: string;
  readonly measure: string;
  readonly values: Float64Array;
}

export interface RunExport {
  /** Start of a bin, in milliseconds since the Unix epoch. */
  readonly timeOf: (bin: number) => number;
  /** In the order of series/index.json. A series that cannot be read is left out; `onSkipped` hears why. */
  readonly series: () => AsyncGenerator<ExportSeries>;
}

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

/**
 * Opens a run folder for an export. Classes of a series repeat its component and measure, as in FlowTime's own exports.
 * @param nowMs the time of the export
 * @throws SnapshotError `run_folder_unreadable`
 */
export async function openExport(
  directory: string,
  options: { readonly times: ExportTimes; readonly nowMs: number; readonly onSkipped: (reason: string) => void },
): Promise<RunExport> {
  const index = await readRunIndex(directory);
  const start = options.times === "grid" ? await gridStart(directory) : null;
  const timeOf =
    start === null
      ? (bin: number) => Math.floor(options.nowMs / DAY_MS) * DAY_MS + bin * MINUTE_MS
      : (bin: number) => start + bin * binMs(index.grid);
  async function* series(): AsyncGenerator<ExportSeries> {
    for (const { id } of index.series) {
      const [measure = "", componentId = ""] = id.split("@");
      let values: Float64Array;
      try {
        values = await readSeries(directory, id);
      } catch (error) {
        if (!(error instanceof SnapshotError)) throw error;
        options.onSkipped(`series '${id}' is left out: ${error.message}`);
        continue;
      }
      yield { componentId, measure, values };
    }
  }
  return { timeOf, series };
}

function binMs({ binSize, binUnit }: StoredGrid): number {
  const unit = BIN_UNITS.find((known) => known === binUnit.toLowerCase());
  if (unit === undefined) {
    throw new SnapshotError("run_folder_unreadable", `series/index.json has the unknown binUnit '${binUnit}'`);
  }
  return binMilliseconds({ binSize, binUnit: unit });
}

async function gridStart(directory: string): Promise<number | null> {
  const root = parseYamlStream(await readText(directory, MODEL_FILE))?.documents[0];
  const text = scalarText(member(member(root, "grid"), "start"));
  return text === null ? null : parseUtc(text);
}
