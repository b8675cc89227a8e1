import { compileModel } from "../../src/model/compile.ts";
import { parseModel } from "../../src/model/parse.ts";
import { type CellValue, encodeFrame, type Frame } from "../../src/protocol/frame.ts";
import { timestampedRunId } from "../../src/protocol/ids.ts";
import type { BindingRequest } from "../../src/protocol/run.ts";
import { LiveRun } from "../../src/runtime/live-run.ts";
import { random } from "./random.ts";

/** A model, what telemetry feeds of it, and what a producer sends. */
export interface Scenario {
  readonly modelText: string;
  readonly bindings: readonly BindingRequest[];
  readonly frames: readonly Frame[];
}

/** Bins that a producer reports together: within a block frames come in any order, some twice, some not at all. */
const BLOCK_BINS = 8;
const LOSS = 0.04;
const REPEATS = 0.1;

/** A pipeline with a queue, losses and a retry loop; arrivals, served and carriers come from telemetry. */
export function pipelineScenario(seed: number, bins: number): Scenario {
  const chance = random(seed);
  const frames: Frame[] = [];
  for (let first = 0; first < bins; first += BLOCK_BINS) {
    const last = Math.min(first + BLOCK_BINS, bins) - 1;
    const block: Frame[] = [];
    for (let binIndex = first; binIndex <= last; binIndex++) {
      const arrivals = cellValue(chance.next(), 60 + 40 * Math.sin(binIndex / 9));
      const served = chance.below(100);
      if (!chance.chance(LOSS)) {
        block.push({ type: "telemetry", binIndex, nodeId: "OrderService", metrics: { arrivals, served } });
      }
      if (!chance.chance(LOSS)) {
        block.push({ type: "telemetry", binIndex, seriesId: "carriers", value: cellValue(chance.next(), 5) });
      }
    }
    const sent = block
      .flatMap((frame) => (chance.chance(REPEATS) ? [frame, frame] : [frame]))
      .map((frame) => ({ frame, place: chance.next() }))
      .sort((a, b) => a.place - b.place)
      .map(({ frame }) => frame);
    frames.push(...sent, { type: "watermark", binIndex: last });
  }
  frames.push({ type: "end" });
  return { modelText: pipelineText(bins), bindings: PIPELINE_BINDINGS, frames };
}

/** Some `mean`, now and then a value that JSON or a careless comparison loses. */
function cellValue(draw: number, mean: number): CellValue {
  if (draw < 0.02) return -0;
  if (draw < 0.04) return null;
  if (draw < 0.05) return "Infinity";
  return Math.round(mean * (0.5 + draw) * 1000) / 1000;
}

export const PIPELINE_BINDINGS: readonly BindingRequest[] = [
  { nodeId: "OrderService", metric: "arrivals" },
  { nodeId: "OrderService", metric: "served" },
  "carriers",
];

export function pipelineText(bins: number): string {
  const values = (value: number): string => `[${Array(bins).fill(value).join(", ")}]`;
  return `schemaVersion: 1
grid:
  bins: ${bins}
  binSize: 5
  binUnit: minutes
  start: "2026-01-05T00:00:00Z"
nodes:
  - id: orders
    kind: const
    values: ${values(60)}
  - id: picked
    kind: const
    values: ${values(55)}
  - id: carriers
    kind: const
    values: ${values(5)}
  - id: failed
    kind: expr
    expr: "FLOOR(picked * 0.1)"
  - id: again
    kind: expr
    expr: "SHIFT(failed, 1) * 0.5 + CONV(failed, [0, 0.2, 0.1])"
  - id: demand
    kind: expr
    expr: "orders + again"
  - id: capacity
    kind: expr
    expr: "MAX(1, carriers) * 14"
  - id: backlog
    kind: serviceWithBuffer
    inflow: demand
    outflow: picked
    loss: failed
topology:
  nodes:
    - id: OrderService
      kind: serviceWithBuffer
      semantics:
        arrivals: orders
        served: picked
        errors: failed
        queueDepth: backlog
        capacity: capacity
        slaMin: 10
    - id: Carriers
      kind: service
      semantics:
        arrivals: demand
        served: carriers
  edges: []
`;
}

export function ndjson(frames: readonly Frame[]): string {
  return frames.map((frame) => `${encodeFrame(frame)}\n`).join("");
}

/** What the scenario comes to without engine, log, network or interruption. */
export function foldScenario({ modelText, bindings, frames }: Scenario): LiveRun {
  const { model } = parseModel(modelText);
  const plan = model === null ? null : compileModel(model, { bindings }).plan;
  if (plan === null) throw new Error("the scenario's model does not compile");
  const run = new LiveRun(
    {
      runId: timestampedRunId(0, new Uint8Array(4)),
      epoch: "0",
      mode: "live",
      createdUtc: "1970-01-01T00:00:00.000Z",
      modelText,
      bindings,
      checkpointEvery: null,
    },
    plan,
  );
  for (const frame of frames) {
    run.begin();
    const verdict = run.admit(frame);
    run.commit();
    if (verdict.kind !== "accepted" && verdict.kind !== "duplicate") {
      throw new Error(`the scenario sends what is refused: ${JSON.stringify(frame)} ${JSON.stringify(verdict)}`);
    }
    while (run.evaluateNext() !== null) {}
  }
  return run;
}
