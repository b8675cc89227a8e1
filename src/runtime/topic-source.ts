import type { StateSource } from "../hub/state-source.ts";
import type { RunState } from "../protocol/run.ts";
import type { Progress, RunUpdate, SnapshotPage } from "../protocol/run-event.ts";
import { SCHEMA_VERSION } from "../protocol/version.ts";
import type { LiveRun } from "./live-run.ts";

/** Values of nodes and classes per snapshot page: pages stay far below a subscriber's byte budget. */
const PAGE_NODE_VALUES = 2_000;

/** How the hub asks a run for its state when a subscriber joins. */
export function topicSource(
  run: LiveRun,
  loop: () => {
    readonly state: RunState;
    readonly lagMs: number | null;
    readonly standing: { readonly openBins: number };
  },
): StateSource {
  const { runId, epoch, mode } = run.definition;
  return {
    hello: () => ({
      schemaVersion: SCHEMA_VERSION,
      runId,
      mode,
      epoch,
      seq: run.cursorSeq,
      sealedBin: run.evaluatedBin,
      state: loop().state,
      grid: run.grid,
      nodes: run.nodes,
    }),
    snapshot: () => {
      const seq = run.cursorSeq;
      const sealedBin = run.evaluatedBin;
      const hash = run.hash();
      const pages = pagesOf(run.recentUpdates(), run.updateSize);
      return {
        begin: { runId, epoch, seq, sealedBin, pages: pages.length, hash, ...run.revising },
        pages,
        end: { epoch, seq, sealedBin, hash, warnings: run.activeWarnings() },
      };
    },
    progress: (): Progress => ({
      seq: run.cursorSeq,
      sealedBin: run.evaluatedBin,
      lagMs: loop().lagMs,
      openBins: loop().standing.openBins,
    }),
  };
}

function pagesOf(updates: readonly RunUpdate[], updateSize: number): SnapshotPage[] {
  const binsPerPage = Math.max(1, Math.floor(PAGE_NODE_VALUES / Math.max(1, updateSize)));
  const pages: SnapshotPage[] = [];
  for (let start = 0; start < updates.length; start += binsPerPage) {
    pages.push({ page: pages.length, bins: updates.slice(start, start + binsPerPage) });
  }
  return pages;
}
