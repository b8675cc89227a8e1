import { FlowError } from "../lib/errors.ts";
import {
  type BindingRequest,
  type CreateRunRequest,
  GAP_POLICIES,
  type GapPolicy,
  LATE_POLICIES,
  type LatePolicy,
  RUN_MODES,
  type RunModes,
} from "../protocol/run.ts";

/** The longest time a timer of Node takes: some 24 days. */
export const MAX_DURATION_MS = 2 ** 31 - 1;

/** @throws FlowError `bad_request` naming the field and what it may be */
export function parseCreateRequest(body: unknown): CreateRunRequest {
  const refuse = (text: string): never => {
    throw new FlowError("bad_request", text);
  };
  if (typeof body !== "object" || body === null || Array.isArray(body))
    return refuse("The body must be a JSON object.");
  const { mode, model, bindings, runId, checkpointEvery, keep, latePolicy, historyBins, gapPolicy, modes, ...times } =
    body as Record<string, unknown>;
  if (mode !== "live" && mode !== "simulation") return refuse("mode must be 'live' or 'simulation'.");
  if (typeof model !== "string" || model.trim() === "") return refuse("model must be the model's YAML text.");
  if (runId !== undefined && typeof runId !== "string") return refuse("runId must be a text.");
  if (!isOptionalBins(checkpointEvery)) return refuse("checkpointEvery must be a whole number of bins, at least 1.");
  if (!isOptionalBins(keep)) return refuse("keep must be a whole number of snapshots, at least 1.");
  if (!isOptionalBins(historyBins)) return refuse("historyBins must be a whole number of bins, at least 1.");
  if (latePolicy !== undefined && !LATE_POLICIES.includes(latePolicy as LatePolicy)) {
    return refuse(`latePolicy must be one of ${LATE_POLICIES.join(", ")}.`);
  }
  if (gapPolicy !== undefined && !GAP_POLICIES.includes(gapPolicy as GapPolicy)) {
    return refuse(`gapPolicy must be one of ${GAP_POLICIES.join(", ")}.`);
  }
  if (modes !== undefined && !isModes(modes)) {
    return refuse(`modes must be an object of true or false by limit to enforce: ${RUN_MODES.join(", ")}.`);
  }
  const { sealAfterMs, idleAfterMs } = times;
  for (const [name, value] of Object.entries({ sealAfterMs, idleAfterMs })) {
    if (!isOptionalDuration(value)) {
      return refuse(`${name} must be a whole number of milliseconds, 1 to ${MAX_DURATION_MS}.`);
    }
  }
  if (bindings !== undefined && !(Array.isArray(bindings) && bindings.every(isBinding))) {
    return refuse("bindings must be a list of series ids or {nodeId, metric, classId?} objects.");
  }
  return {
    mode,
    model,
    ...(bindings === undefined ? {} : { bindings }),
    ...(runId === undefined ? {} : { runId: runId as string }),
    ...(checkpointEvery === undefined ? {} : { checkpointEvery: checkpointEvery as number }),
    ...(keep === undefined ? {} : { keep: keep as number }),
    ...(latePolicy === undefined ? {} : { latePolicy: latePolicy as LatePolicy }),
    ...(historyBins === undefined ? {} : { historyBins: historyBins as number }),
    ...(gapPolicy === undefined ? {} : { gapPolicy: gapPolicy as GapPolicy }),
    ...(sealAfterMs === undefined ? {} : { sealAfterMs: sealAfterMs as number }),
    ...(idleAfterMs === undefined ? {} : { idleAfterMs: idleAfterMs as number }),
    ...(modes === undefined ? {} : { modes }),
  };
}

function isModes(value: unknown): value is RunModes {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(
    ([name, on]) => RUN_MODES.some((mode) => mode === name) && typeof on === "boolean",
  );
}

function isOptionalBins(value: unknown): boolean {
  return value === undefined || (Number.isInteger(value) && (value as number) > 0);
}

function isOptionalDuration(value: unknown): boolean {
  return isOptionalBins(value) && (value === undefined || (value as number) <= MAX_DURATION_MS);
}

function isBinding(value: unknown): value is BindingRequest {
  if (typeof value === "string") return value.trim() !== "";
  if (typeof value !== "object" || value === null) return false;
  const { nodeId, metric, classId } = value as Record<string, unknown>;
  return (
    typeof nodeId === "string" && typeof metric === "string" && (classId === undefined || typeof classId === "string")
  );
}
