import { isFileReference, normalisedKind } from "./descriptor.ts";
import type { Diagnostic, SourceSpan } from "./diagnostics.ts";
import type { BufferNode, ExprNode, Model, ModelNode, TopologyNode } from "./model.ts";
import { applyRetryKernelPolicy } from "./retry-kernel.ts";

/** A model with the nodes that FlowTime's compilation adds (engine.md §3), and what it could not add. */
export interface Generated {
  readonly model: Model;
  readonly generated: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

const QUEUE_KINDS = new Set(["servicewithbuffer", "queue", "dlq"]);

/**
 * Adds a hidden queue node for every queue-like topology node without a depth series (§3.1) and a hidden convolution
 * for every retry echo that names no node (§3.3). `queueDepth` references are rewritten to the ids in use. When anything
 * was added the topology loses its constraints (§3.4), as in FlowTime; when nothing was, the model comes back untouched.
 */
export function generateNodes(model: Model): Generated {
  const topology = model.topology;
  if (topology === null || topology.nodes.length === 0) return { model, generated: [], diagnostics: [] };

  const ids = new Set(model.nodes.map((node) => node.id));
  const suffixes = new Map<string, number>();
  const added: ModelNode[] = [];
  const diagnostics: Diagnostic[] = [];
  const add = (node: ModelNode): void => {
    ids.add(node.id);
    added.push(node);
  };

  const topologyNodes = topology.nodes.map((node, index) => {
    let current = node;
    if (needsQueue(node, ids)) {
      const queue = queueFor(node, ids, suffixes);
      if (typeof queue === "string") {
        diagnostics.push({
          severity: "error",
          tier: "compile",
          code: "queue_without_outflow",
          message: queue,
          pointer: `/topology/nodes/${index}/semantics`,
          span: node.span,
        });
      } else {
        add(queue);
        current = withQueueDepth(node, queue.id);
      }
    }
    const echo = retryEchoFor(node, ids);
    if (echo !== null) add(echo);
    return current;
  });

  if (added.length === 0) return { model, generated: [], diagnostics };
  return {
    model: {
      ...model,
      nodes: [...model.nodes, ...added],
      topology: { nodes: topologyNodes, edges: topology.edges, constraints: [] },
    },
    generated: added.map((node) => node.id),
    diagnostics,
  };
}

function needsQueue(node: TopologyNode, ids: ReadonlySet<string>): boolean {
  if (!QUEUE_KINDS.has(normalisedKind(node))) return false;
  const depth = node.semantics.series.queueDepth;
  if (depth === undefined) return true;
  if (isFileReference(depth)) return false;
  return depth.toLowerCase() === "self" || !ids.has(depth);
}

function queueFor(node: TopologyNode, ids: ReadonlySet<string>, suffixes: Map<string, number>): BufferNode | string {
  const { arrivals, served, capacity, errors, queueDepth } = node.semantics.series;
  const outflow = served ?? capacity;
  if (arrivals === undefined || outflow === undefined) {
    return `Topology node '${node.id}' must define semantics.served (or capacity) to synthesize queue depth.`;
  }
  return {
    kind: "serviceWithBuffer",
    id: queueId(node.id, queueDepth, ids, suffixes),
    span: node.span,
    metadata: { "graph.hidden": "true", "series.origin": "derived" },
    source: null,
    inflow: arrivals,
    outflow,
    loss: errors ?? null,
    dispatchSchedule: node.dispatchSchedule,
  };
}

/** @param suffixes next number to try, by name; what is below is taken for good */
function queueId(
  topologyId: string,
  requested: string | undefined,
  ids: ReadonlySet<string>,
  suffixes: Map<string, number>,
): string {
  if (requested !== undefined && requested.toLowerCase() !== "self") {
    const at = requested.indexOf("@");
    return at < 0 ? requested : requested.slice(0, at);
  }
  const base = `${snakeCase(topologyId)}_queue`;
  if (!ids.has(base)) return base;
  let suffix = suffixes.get(base) ?? 1;
  while (ids.has(`${base}_${suffix}`)) suffix++;
  suffixes.set(base, suffix + 1);
  return `${base}_${suffix}`;
}

/** FlowTime's snake case: `OrderHub` → `order_hub`, `DLQ` → `d_l_q`, `queue-1` → `queue_1`. */
export function snakeCase(text: string): string {
  let result = "";
  for (const char of text) {
    if (/\s/u.test(char)) continue;
    if (/\p{Lu}/u.test(char)) {
      if (result !== "" && !result.endsWith("_")) result += "_";
      result += char.toLowerCase();
    } else {
      result += /[\p{L}\p{Nd}]/u.test(char) ? char : "_";
    }
  }
  return result.replace(/^_+|_+$/g, "");
}

function withQueueDepth(node: TopologyNode, queueDepth: string): TopologyNode {
  return { ...node, semantics: { ...node.semantics, series: { ...node.semantics.series, queueDepth } } };
}

function retryEchoFor(node: TopologyNode, ids: ReadonlySet<string>): ExprNode | null {
  const { retryEcho, failures, errors } = node.semantics.series;
  const echoed = failures ?? errors;
  if (retryEcho === undefined || echoed === undefined) return null;
  if (isFileReference(retryEcho) || ids.has(retryEcho)) return null;
  const { kernel } = applyRetryKernelPolicy(node.semantics.retryKernel);
  const span: SourceSpan = node.span;
  return {
    kind: "expr",
    id: retryEcho,
    span,
    metadata: { "graph.hidden": "true", "series.origin": "derived" },
    source: null,
    expr: `CONV(${echoed}, [${kernel.join(", ")}])`,
    exprSpan: span,
    tree: {
      kind: "call",
      name: "CONV",
      args: [
        { kind: "reference", name: echoed, position: 0 },
        { kind: "array", values: kernel, position: 0 },
      ],
      position: 0,
    },
  };
}
