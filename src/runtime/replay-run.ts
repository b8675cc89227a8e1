import { compileModel } from "../model/compile.ts";
import type { Diagnostic } from "../model/diagnostics.ts";
import { parseModel } from "../model/parse.ts";
import { timestampedRunId } from "../protocol/ids.ts";
import { inputFrames, type RunInputs } from "../snapshot/run-inputs.ts";
import { LiveRun } from "./live-run.ts";
import type { RunImage } from "./run-image.ts";
import { evaluateModel } from "./run-model.ts";

export type ReplayResult =
  | { readonly ok: true; readonly image: RunImage }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Evaluates a stored run again from its own inputs: a model alone as it was evaluated first, telemetry as a live run. */
export function replayRun(inputs: RunInputs): ReplayResult {
  if (inputs.kind === "direct" || inputs.kind === "simulation") {
    return evaluateModel(inputs.modelText, inputs.kind, inputs.modes);
  }
  const { modelText, bindings, bins, modes } = inputs;
  const parsed = parseModel(modelText);
  if (parsed.model === null) return { ok: false, diagnostics: parsed.diagnostics };
  const { plan, diagnostics } = compileModel(parsed.model, { bindings, modes });
  if (plan === null) return { ok: false, diagnostics: [...parsed.diagnostics, ...diagnostics] };
  const runId = timestampedRunId(0, new Uint8Array(4));
  const run = new LiveRun(
    { runId, epoch: "0", mode: "live", createdUtc: "", modelText, bindings, checkpointEvery: null, modes },
    plan,
  );
  for (const frame of inputFrames(inputs)) {
    run.begin();
    run.admit(frame);
    run.commit();
    while (run.evaluatedBin + 1 < bins && run.evaluateNext() !== null) {}
  }
  const { revisions } = inputs;
  return { ok: true, image: { ...run.image(), revisions, hash: run.hashAsRevised(revisions) } };
}

/**
 * The inputs of a stored run as a live run takes them. A model alone has no telemetry: its declared series (const, pmf) take
 * that place, with their own values, so that bins come one after the other. What routers fill stays computed.
 */
export function liveInputs(inputs: RunInputs): RunInputs {
  if (inputs.bindings.length > 0 || inputs.kind === "live") return inputs;
  const { model } = parseModel(inputs.modelText);
  const replayed = model === null ? null : replayRun({ ...inputs, kind: "simulation" });
  if (model === null || !replayed?.ok) return inputs;
  const routed = new Set(
    model.nodes.flatMap((node) => (node.kind === "router" ? node.routes : [])).map(({ target }) => target),
  );
  const declared = new Set(
    model.nodes.filter(({ id, kind }) => (kind === "const" || kind === "pmf") && !routed.has(id)).map(({ id }) => id),
  );
  const feeds = replayed.image.series
    .filter(({ id }) => declared.has(id))
    .map(({ id, values }) => ({ target: id, values }));
  return { ...inputs, bindings: feeds.map(({ target }) => target), feeds };
}
