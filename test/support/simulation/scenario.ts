import fc from "fast-check";
import { inputName } from "../../../src/model/plan.ts";
import type { BindingRequest, CreateRunRequest, LatePolicy } from "../../../src/protocol/run.ts";
import { compileRun } from "../../../src/runtime/compile-run.ts";
import { PIPELINE_BINDINGS, pipelineText } from "../live-scenario.ts";
import type { Random } from "../random.ts";
import { randomModel } from "../random-model.ts";
import type { FrameSourceOptions } from "./frame-source.ts";

export interface SimulatedRun {
  readonly request: CreateRunRequest & { readonly runId: string };
  readonly frames: FrameSourceOptions;
}

export const RUN_ID = "run_simulated";

/** A model (the order pipeline, or a random one), what feeds it, and the policies of the run. */
export function simulatedRun(seed: number, chance: Random): SimulatedRun {
  const { text, bindings } = chance.chance(0.6) ? pipeline(chance) : anyModel(seed, chance);
  const plan = compileRun(text, bindings);
  const bound = plan.bound.map(inputName);
  const latePolicy = chance.pick<LatePolicy>(["reject", "reject", "revise", "revise", "log"]);
  const constants = plan.model.nodes
    .filter(({ id, kind }) => kind === "const" && !bound.includes(id))
    .map(({ id }) => id);
  return {
    request: {
      runId: RUN_ID,
      mode: "live",
      model: text,
      bindings,
      latePolicy,
      ...chance.pick([{}, { checkpointEvery: 1 }, { checkpointEvery: 5 }, { checkpointEvery: 13 }]),
      ...chance.pick([{}, {}, { historyBins: 12 }]),
    },
    frames: { bound, constants, bins: plan.source.grid.bins },
  };
}

function pipeline(chance: Random): { text: string; bindings: readonly BindingRequest[] } {
  return { text: pipelineText(30 + chance.below(90)), bindings: PIPELINE_BINDINGS };
}

function anyModel(seed: number, chance: Random): { text: string; bindings: readonly string[] } {
  const [model] = fc.sample(randomModel, { seed, numRuns: 1 });
  const { text, nodeIds } = model!;
  const bindings = Array.from({ length: 1 + chance.below(3) }, () => chance.pick(nodeIds));
  return { text, bindings: [...new Set(bindings)] };
}
