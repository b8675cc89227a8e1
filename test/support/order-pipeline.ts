import type { NodeInfo } from "../../src/protocol/run.ts";
import type { NodeDelta, WarningUpdate } from "../../src/protocol/run-event.ts";
import { FakeRun } from "./fake-engine.ts";

/** Numbers in [0, 1) from a seed; the same seed gives the same numbers. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export const PIPELINE_NODES: readonly NodeInfo[] = [
  { id: "intake", kind: "service", category: "service", slaMin: null },
  { id: "order-queue", kind: "queue", category: "queue", slaMin: 5 },
  { id: "billing", kind: "serviceWithBuffer", category: "queue", slaMin: 5 },
  { id: "ship", kind: "service", category: "service", slaMin: null },
  { id: "refund-dlq", kind: "dlq", category: "dlq", slaMin: null },
  { id: "notify", kind: "service", category: "service", slaMin: null },
];

/** A made-up order pipeline that moves: billing saturates in waves, notify stops reporting after bin 20. */
export class OrderPipeline {
  readonly run: FakeRun;
  readonly #random: () => number;
  #billing = 3;
  #queue = 5;

  constructor(runId = "run_20261123T090000Z_a1b2c3d4", seed = 7) {
    this.run = new FakeRun({ runId, nodes: PIPELINE_NODES });
    this.#random = seededRandom(seed);
  }

  advance(bins = 1): void {
    for (let count = 0; count < bins; count++) this.#bin();
  }

  #bin(): void {
    const bin = this.run.sealedBin + 1;
    const wave = 20 * Math.sin(bin / 18);
    const noise = () => (this.#random() - 0.5) * 8;
    const intake = Math.max(0, 100 + wave + noise());
    const fromQueue = Math.min(this.#queue + intake, 112 + noise());
    this.#queue = Math.max(0, this.#queue + intake - fromQueue);
    const capacity = 102;
    const billed = Math.min(this.#billing + fromQueue, capacity - Math.abs(noise()) / 2);
    this.#billing = Math.max(0, this.#billing + fromQueue - billed);
    const errors = Math.max(0, billed * 0.004 + noise() / 40);
    const nodes: NodeDelta[] = [
      service("intake", intake, intake, 0, 160),
      queue("order-queue", intake, fromQueue, this.#queue),
      {
        id: "billing",
        metrics: {
          arrivals: fromQueue,
          served: billed,
          errors,
          queueDepth: this.#billing,
          capacity,
          utilization: billed / capacity,
          latencyMinutes: billed > 0 ? this.#billing / billed : null,
        },
      },
      service("ship", billed, billed, 0, 210),
      queue("refund-dlq", 0, 0, 0),
      bin <= 20
        ? service("notify", billed, billed, 0, 300)
        : {
            id: "notify",
            metrics: { arrivals: null, served: null, errors: null, capacity: 300, utilization: null },
            gaps: ["arrivals", "served", "errors"],
          },
    ];
    this.run.seal(nodes, this.#warnings(bin));
  }

  #warnings(bin: number): WarningUpdate[] {
    const changes: WarningUpdate[] = [];
    const isActive = this.run.warnings.has("billing/queue");
    if (this.#billing > 100) {
      const warning = {
        key: "billing/queue",
        code: "served_exceeds_capacity",
        nodeId: "billing",
        message: "Served volume exceeded effective capacity",
        severity: "warning",
        bins: [bin],
        value: 1.02,
      } as const;
      if (!isActive) changes.push({ action: "raised", warning });
    } else if (isActive) {
      changes.push({ action: "cleared", key: "billing/queue" });
    }
    if (bin === 21) {
      changes.push({
        action: "raised",
        warning: {
          key: "notify/gap",
          code: "telemetry_gap",
          nodeId: "notify",
          message: "Telemetry of 3 roles was missing when the bin was sealed",
          severity: "info",
          bins: [21],
          value: null,
        },
      });
    }
    return changes;
  }
}

function service(id: string, arrivals: number, served: number, errors: number, capacity: number): NodeDelta {
  return { id, metrics: { arrivals, served, errors, capacity, utilization: served / capacity } };
}

function queue(id: string, arrivals: number, served: number, queueDepth: number): NodeDelta {
  const latencyMinutes = served > 0 ? queueDepth / served : null;
  return { id, metrics: { arrivals, served, queueDepth, latencyMinutes } };
}
