import path from "node:path";
import { Hub } from "../hub/hub.ts";
import { Gateway } from "../ingest/gateway.ts";
import type { Clock } from "../lib/clock.ts";
import { WorkerLogStore } from "../log/worker/worker-log-store.ts";
import { RowFile } from "../runtime/row-file.ts";
import { RunRegistry } from "../runtime/run-registry.ts";
import { ThreadSnapshots } from "../runtime/snapshot-thread/thread-snapshots.ts";
import type { EngineParts } from "./parts.ts";
import { storedRunItems } from "./stored-runs.ts";

/** Where the engine keeps what, inside its data folder. Run folders stand directly in it, as FlowTime's readers expect. */
export const LIVE_FOLDER = "live";

/** Picks the adapters and wires the engine. The only place that does. */
export function composeEngine(options: {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly onProblem: (where: string, error: unknown) => void;
}): EngineParts {
  const { dataDir, clock, onProblem } = options;
  const liveDir = path.join(dataDir, LIVE_FOLDER);
  const registry = new RunRegistry({
    logs: new WorkerLogStore(liveDir),
    isDurable: true,
    hub: new Hub({ clock, onProblem: (error) => onProblem("stream", error) }),
    snapshots: new ThreadSnapshots({ root: dataDir, stagingRoot: path.join(liveDir, ".staging") }),
    clock,
    openStore: (runId, width) => new RowFile(path.join(liveDir, ".rows"), runId, width),
    onProblem: (runId, error) => onProblem(runId, error),
  });
  return {
    registry,
    gateway: new Gateway({ clock }),
    clock,
    startedMs: clock.now(),
    storedRuns: () => storedRunItems(dataDir),
    onProblem,
  };
}
