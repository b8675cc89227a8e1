import type { EngineClient } from "../client/client.ts";
import { ClientError } from "../client/client-error.ts";
import type { Clock } from "../lib/clock.ts";
import type { RunDescription } from "../protocol/run.ts";
import { CliError } from "./exit-code.ts";

/** How often a run that is finishing is asked about. */
const POLL_MS = 100;
/** A run that ended but neither completes nor seals another bin for this long is stuck. */
const STALL_MS = 60_000;

export interface RunResult {
  readonly run: RunDescription;
  /** The newest run folder; null when no bin was ever sealed. */
  readonly folder: string | null;
}

/**
 * What a run has come to once everything was sent: waits until an ended run has evaluated its last bin, and has the
 * folder of everything sealed written.
 * @throws CliError `run_failed`, `stalled`
 */
export async function awaitResult(
  client: EngineClient,
  runId: string,
  options: { readonly isEnded: boolean; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<RunResult> {
  if (options.isEnded) await awaitCompletion(client, runId, options);
  const folder = await checkpointFolder(client, runId);
  const run = await client.run(runId);
  if (run.state === "failed") throw failed(run);
  return { run, folder };
}

async function awaitCompletion(
  client: EngineClient,
  runId: string,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  let sealedBin = Number.NaN;
  let sinceMs = clock.now();
  while (!signal.aborted) {
    const run = await client.run(runId);
    if (run.state === "completed" || run.state === "aborted") return;
    if (run.state === "failed") throw failed(run);
    if (run.sealedBin !== sealedBin) {
      sealedBin = run.sealedBin;
      sinceMs = clock.now();
    }
    if (clock.now() - sinceMs >= STALL_MS) {
      throw new CliError("stalled", `${runId} has not moved from bin ${sealedBin} for ${STALL_MS / 1000} s.`);
    }
    await new Promise<void>((resolve) => clock.after(POLL_MS, resolve));
  }
}

async function checkpointFolder(client: EngineClient, runId: string): Promise<string | null> {
  try {
    return (await client.checkpoint(runId)).path;
  } catch (error) {
    if (error instanceof ClientError && error.code === "nothing_sealed") return null;
    throw error;
  }
}

function failed(run: RunDescription): CliError {
  return new CliError("run_failed", `${run.runId} failed: ${run.failure ?? "no reason given"}`);
}
