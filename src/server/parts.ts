import type { Gateway } from "../ingest/gateway.ts";
import type { Clock } from "../lib/clock.ts";
import { FlowError } from "../lib/errors.ts";
import type { RunListItem } from "../protocol/run.ts";
import type { RunLoop } from "../runtime/run-loop.ts";
import type { RunRegistry } from "../runtime/run-registry.ts";

/** What the routes work with. `compose.ts` makes it. */
export interface EngineParts {
  readonly registry: RunRegistry;
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly startedMs: number;
  /** Stored runs of the data folder. */
  readonly storedRuns: () => Promise<readonly RunListItem[]>;
  readonly onProblem: (where: string, error: unknown) => void;
}

/** For whatever changes a run. @throws FlowError `run_not_found`, `not_ready` while the engine stops */
export function findOpenRun(parts: EngineParts, runId: string): RunLoop {
  refuseWhileClosing(parts);
  return findRun(parts, runId);
}

/** @throws FlowError `not_ready` */
export function refuseWhileClosing({ registry }: EngineParts): void {
  if (registry.isClosing) throw new FlowError("not_ready", "The engine is stopping; try again when it is back.");
}

/** @throws FlowError `run_not_found`, `not_ready` while runs are brought back */
export function findRun(parts: EngineParts, runId: string): RunLoop {
  const loop = parts.registry.get(runId);
  if (loop === null && parts.registry.isRecovering) {
    throw new FlowError("not_ready", `The engine is bringing its runs back; '${runId}' may be among them. Try again.`);
  }
  if (loop === null) throw new FlowError("run_not_found", `Run '${runId}' not found.`);
  return loop;
}
