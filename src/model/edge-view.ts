import { fold } from "../lib/fold.ts";
import type { Edge, SeriesRole } from "./model.ts";

/** An edge of the topology with everything looked up that its series depend on (engine.md §7.6). */
export interface EdgeView {
  readonly id: string;
  readonly edge: Edge;
  /** Folded ids of topology nodes. */
  readonly source: string;
  readonly target: string;
  readonly kind: "throughput" | "effort" | "terminal" | "other";
  readonly measure: string;
  /** Leaves its source by no port, or by `out`. */
  readonly isMainPort: boolean;
}

const KINDS: Readonly<Record<string, EdgeView["kind"]>> = {
  "": "throughput",
  throughput: "throughput",
  topology: "throughput",
  effort: "effort",
  dependency: "effort",
  terminal: "terminal",
};

/** Role of the source that a terminal edge of that measure carries. */
export const FAILURE_ROLES: Readonly<Record<string, SeriesRole>> = {
  errors: "errors",
  failures: "failures",
  exhaustedfailures: "exhaustedFailures",
};

export function viewEdge(edge: Edge): EdgeView {
  const [source, port] = endpoint(edge.from);
  const type = edge.type?.trim().toLowerCase() ?? "";
  const measure = edge.measure?.trim().toLowerCase() ?? "";
  const isMainPort = port === "" || port === "out";
  return {
    id: edge.id ?? `${edge.from}->${edge.to}`,
    edge,
    source: fold(source),
    target: fold(endpoint(edge.to)[0]),
    kind: KINDS[type] ?? "other",
    measure: measure !== "" ? measure : isMainPort ? "served" : port,
    isMainPort,
  };
}

export function isThroughputCandidate({ kind, measure, isMainPort }: EdgeView): boolean {
  return kind === "throughput" && measure === "served" && isMainPort;
}

/** Factor of attempts and failures volumes: multiplier, else weight, else 1. */
export function volumeFactor({ multiplier, weight }: Edge): number {
  const chosen = multiplier ?? weight ?? 1;
  return Number.isFinite(chosen) ? chosen : 1;
}

/** Node id and port (lower case, empty when there is none) of an edge's end. */
export function endpoint(text: string): readonly [node: string, port: string] {
  const colon = text.indexOf(":");
  if (colon < 0) return [text.trim(), ""];
  return [
    text.slice(0, colon).trim(),
    text
      .slice(colon + 1)
      .trim()
      .toLowerCase(),
  ];
}

/** Groups in the order in which their first member comes. */
export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly T[])[] {
  return [...Map.groupBy(items, keyOf).values()];
}
