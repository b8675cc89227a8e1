import type { RunListItem } from "../protocol/run.ts";
import { listRunFolders } from "../snapshot/run-list.ts";

/** The run folders of a data folder as `GET /v1/runs` lists them, newest first. */
export async function storedRunItems(dataDir: string): Promise<readonly RunListItem[]> {
  const stored = await listRunFolders(dataDir);
  return stored.map((run) => ({
    runId: run.runId,
    kind: "stored",
    mode: run.mode,
    state: "completed",
    bins: run.bins,
    sealedBin: run.bins - 1,
    createdUtc: run.createdUtc,
    warningCount: run.warningCount,
    path: run.directory,
  }));
}
