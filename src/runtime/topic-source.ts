import type { StateSource } from "../hub/state-source.ts";
import type { RunState } from "../protocol/run.ts";
import type { Progress, SnapshotPage } from "../protocol/run-event.ts";
import { SCHEMA_VERSION } from "../protocol/version.ts";
import type { PublishedBin } from "./bin-values.ts";
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
      const recent = run.recentBins();
      const binsPerPage = Math.max(1, Math.floor(PAGE_NODE_VALUES / Math.max(1, run.updateSize)));
      const pages = Math.ceil(recent.length / binsPerPage);
      return {
        begin: { runId, epoch, seq, sealedBin, pages, hash, ...run.revising },
        pages: pagesOf(run, recent, binsPerPage),
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

/** Each page is made when it is sent: all of them at once would hold up everyone else. */
function* pagesOf(run: LiveRun, bins: readonly PublishedBin[], binsPerPage: number): Generator<SnapshotPage> {
  for (let page = 0; page * binsPerPage < bins.length; page++) {
    const start = page * binsPerPage;
    yield { page, bins: bins.slice(start, start + binsPerPage).map((bin) => run.updateOf(bin)) };
  }
}
