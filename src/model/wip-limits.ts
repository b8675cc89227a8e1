import { fold } from "../lib/fold.ts";
import { seriesNodeId } from "./descriptor.ts";
import type { Diagnostic, SourceSpan } from "./diagnostics.ts";
import type { Generated } from "./generate.ts";
import type { BufferNode, ConstNode, Model, ModelNode, OverflowNode, TopologyNode, WipFields } from "./model.ts";

const HIDDEN = { "graph.hidden": "true", "series.origin": "derived" } as const;

/** Id of the const node that stands for the scalar limit of a queue, unless a node of another meaning has it. */
export function limitNodeId(queueId: string): string {
  return `${queueId}_wip_limit`;
}

/**
 * Gives queues the WIP limits that topology nodes state (engine.md §6.4.3–4), in models whose limits are enforced: every
 * such queue has a node that gives its limit, and one that holds what it turns away. Of several topology nodes that name
 * a queue the last one with a limit decides, as with initial depths (§3.2); unlike FlowTime, which then ignores the limit,
 * also where the queue is a node of the model.
 *
 * Limit nodes stand behind the declared nodes, one a queue in the topology's order, generated or written at the end of
 * the model under the name that a generated one would have: so a change of a limit over time, which has to write one,
 * moves no column.
 *
 * @param declared how many of the nodes are written in the model
 */
export function limitQueues({ model, generated, diagnostics }: Generated, declared: number): Generated {
  const findings: Diagnostic[] = [...diagnostics];
  const report = (index: number, field: string, span: SourceSpan, code: string, message: string): void => {
    const pointer = `/topology/nodes/${index}/${field}`;
    findings.push({ severity: "error", tier: "compile", code, message, pointer, span });
  };
  const names: Names = {
    nodes: new Map(model.nodes.map((node) => [fold(node.id), node])),
    topology: new Map((model.topology?.nodes ?? []).map((node) => [fold(node.id), node])),
    taken: new Set(model.nodes.map(({ id }) => id)),
  };
  const owners = limitOwners(model, names, report);
  if (owners.size === 0) return { model, generated, diagnostics: findings };

  const limits = new Map<string, ConstNode | string>();
  const overflows: OverflowNode[] = [];
  const queues = new Map<string, BufferNode>();
  for (const [queueId, { index, node, queue }] of owners) {
    const limit = limitOf(node, queueId, model.grid.bins, names, (field, span, code, message) =>
      report(index, field, span, code, message),
    );
    if (limit === null) continue;
    limits.set(queueId, limit);
    const id = take(`${queueId}_overflow`, names);
    overflows.push({ kind: "overflow", id, span: node.span, metadata: HIDDEN, source: null, queue: queueId });
    const overflow = targetOf(node.wip.overflow, queueId, names, (message) =>
      report(index, "wipOverflow", node.wip.overflow!.span, "bad_overflow_target", message),
    );
    queues.set(queueId, { ...queue, wip: { limit: typeof limit === "string" ? limit : limit.id, overflow } });
  }

  const written = trailingLimitNodes(model.nodes.slice(0, declared), limits);
  const nodes = model.nodes.map((node) => queues.get(node.id) ?? node);
  const limitNodes = [...limits.values()].flatMap((limit): ModelNode[] => {
    if (typeof limit !== "string") return [limit];
    const own = written.get(limit);
    return own === undefined ? [] : [own];
  });
  const added = [...limits.values()].flatMap((limit) => (typeof limit === "string" ? [] : [limit.id]));
  return {
    model: {
      ...model,
      nodes: [...nodes.slice(0, declared - written.size), ...limitNodes, ...nodes.slice(declared), ...overflows],
    },
    generated: [...added, ...generated, ...overflows.map(({ id }) => id)],
    diagnostics: findings,
  };
}

/** What there is, by folded id. */
interface Names {
  readonly nodes: ReadonlyMap<string, ModelNode>;
  readonly topology: ReadonlyMap<string, TopologyNode>;
  /** Node ids as written, and those given so far. */
  readonly taken: Set<string>;
}

interface Owner {
  /** Position among the topology nodes. */
  readonly index: number;
  readonly node: TopologyNode;
  readonly queue: BufferNode;
}

type Report = (index: number, field: string, span: SourceSpan, code: string, message: string) => void;

/** By queue, in the topology's order. */
function limitOwners(model: Model, names: Names, report: Report): ReadonlyMap<string, Owner> {
  const owners = new Map<string, Owner>();
  (model.topology?.nodes ?? []).forEach((node, index) => {
    const place = node.wip.limitSeries ?? node.wip.limit;
    if (place === null) return;
    const queue = queueOf(node, names);
    if (queue !== null) owners.set(queue.id, { index, node, queue });
    else {
      const field = node.wip.limitSeries === null ? "wipLimit" : "wipLimitSeries";
      const message = `Topology node '${node.id}' has a WIP limit but no queue that the model computes.`;
      report(index, field, place.span, "wip_limit_without_queue", message);
    }
  });
  return owners;
}

function queueOf(node: TopologyNode, names: Names): BufferNode | null {
  const queue = names.nodes.get(fold(node.semantics.series.queueDepth ?? ""));
  return queue?.kind === "serviceWithBuffer" ? queue : null;
}

/** What gives the limit: a node to be generated, or the id of one that is there. Null after a finding. */
function limitOf(
  { id, wip }: TopologyNode,
  queueId: string,
  bins: number,
  names: Names,
  report: (field: string, span: SourceSpan, code: string, message: string) => void,
): ConstNode | string | null {
  if (wip.limitSeries !== null) {
    const { text, span } = wip.limitSeries;
    const name = text === "" ? "" : seriesNodeId(text);
    if (names.taken.has(name)) return name;
    report(
      "wipLimitSeries",
      span,
      "unknown_reference",
      `WIP limit series '${text}' of '${id}' is no node of the model.`,
    );
    return null;
  }
  const { value, span } = wip.limit!;
  if (value === null || value < 0) {
    const message = `The WIP limit of '${id}' must be a number of at least 0${value === null ? "" : `, and ${value} is not`}.`;
    report("wipLimit", span, "bad_wip_limit", message);
    return null;
  }
  const values = new Array<number>(bins).fill(value);
  return { kind: "const", id: take(limitNodeId(queueId), names), span, metadata: HIDDEN, source: null, values };
}

/** The queue that overflow goes to; null when it vanishes. */
function targetOf(
  overflow: WipFields["overflow"],
  queueId: string,
  names: Names,
  report: (message: string) => void,
): string | null {
  const target = overflow?.text ?? "";
  if (overflow === null || target.toLowerCase() === "loss" || target === "") return null;
  const node = names.topology.get(fold(target));
  const queue = node === undefined ? null : queueOf(node, names);
  if (queue === null) {
    report(
      `WIP overflow target '${target}' on node '${queueId}' does not match any topology node with a queue depth series.`,
    );
    return null;
  }
  return queue.id;
}

/** Limit nodes at the end of the declared nodes that have the name of a generated one, by id. */
function trailingLimitNodes(
  declared: readonly ModelNode[],
  limits: ReadonlyMap<string, ConstNode | string>,
): ReadonlyMap<string, ModelNode> {
  const named = new Set(
    Array.from(limits).flatMap(([queueId, limit]) => (limit === limitNodeId(queueId) ? [limit] : [])),
  );
  const trailing = new Map<string, ModelNode>();
  for (const node of declared.toReversed()) {
    if (node.kind !== "const" || !named.has(node.id)) break;
    trailing.set(node.id, node);
  }
  return trailing;
}

/** `base`, or the first of `base_1`, `base_2`, … that no node has; taken from now on. */
function take(base: string, { taken }: Names): string {
  let id = base;
  for (let suffix = 1; taken.has(id); suffix++) id = `${base}_${suffix}`;
  taken.add(id);
  return id;
}
