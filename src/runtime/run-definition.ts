import { FlowError } from "../lib/errors.ts";
import type { BindingSpec } from "../model/bind.ts";
import type { GapPolicy } from "../model/plan.ts";
import type { RunId } from "../protocol/ids.ts";
import type { LatePolicy, RunMode, RunModes } from "../protocol/run.ts";

/** What a run is, fixed when it is created: the first thing in its log. With the log it determines the run's state. */
export interface RunDefinition {
  readonly runId: RunId;
  /** Random id of this timeline: 16 hex digits. */
  readonly epoch: string;
  readonly mode: RunMode;
  readonly createdUtc: string;
  readonly modelText: string;
  readonly bindings: readonly BindingSpec[];
  /** Snapshot each time this many bins have been sealed; null: only at the end. */
  readonly checkpointEvery: number | null;
  /** Newest snapshots of the run that stay. Default: all. */
  readonly keep?: number | null;
  /** Default `reject`. */
  readonly latePolicy?: LatePolicy;
  /** Newest bins that stay in memory and can be corrected. Default: all. */
  readonly historyBins?: number | null;
  /** What stands in for telemetry that is missing when its bin is sealed. Default `nan`. */
  readonly gapPolicy?: GapPolicy;
  /** A bin is sealed so long after its first cell, whatever it lacks. Default: never. */
  readonly sealAfterMs?: number | null;
  /** The run no longer waits for an input that has been silent for so long. Default: it does. */
  readonly idleAfterMs?: number | null;
  /** Limits of the model that are enforced. Default none. */
  readonly modes?: RunModes;
}

const FORMAT = 1;

/** What the compiler is told besides model and bindings. */
export function compileOptionsOf({ gapPolicy, modes }: RunDefinition): Pick<RunDefinition, "gapPolicy" | "modes"> {
  return { ...(gapPolicy === undefined ? {} : { gapPolicy }), ...(modes === undefined ? {} : { modes }) };
}

export function serialiseDefinition(definition: RunDefinition): string {
  return JSON.stringify({ format: FORMAT, ...definition });
}

/** @throws FlowError `bad_definition` when the text is not a definition of a known format */
export function parseDefinition(text: string): RunDefinition {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !("format" in value) || value.format !== FORMAT) {
    throw new FlowError("bad_definition", `The run's log was written in a format this version does not know.`);
  }
  const { format: _, ...definition } = value as { format: number } & RunDefinition;
  return definition;
}
