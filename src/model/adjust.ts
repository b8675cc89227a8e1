import { type Document, isAlias, isMap, isScalar, isSeq, parseDocument, visit, type YAMLMap, type YAMLSeq } from "yaml";
import { invariant } from "../lib/assert.ts";
import { roleOfMetric } from "./bind.ts";
import { isFileReference, seriesNodeId } from "./descriptor.ts";
import { nearest } from "./findings.ts";
import { type ConstNode, type Model, SERIES_ROLES, type TopologyNode } from "./model.ts";
import { applyEdits, type TextEdit } from "./text-edit.ts";
import { limitNodeId } from "./wip-limits.ts";

/** What one name of an adjustment changes. */
type Target =
  | { readonly kind: "const"; readonly node: ConstNode }
  | { readonly kind: "initialDepth"; readonly node: TopologyNode }
  /** A scalar limit, of the queue with that id. */
  | { readonly kind: "wipLimit"; readonly node: TopologyNode; readonly queueId: string; readonly limit: number };

export type Adjusted =
  | { readonly ok: true; readonly text: string }
  /** What is wrong, one sentence per name. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Names listed in a problem: enough to recognise a mistake. */
const MAX_NAMES = 8;
const INITIAL_DEPTH = "initialDepth";
const WIP_LIMIT = "wipLimit";

export interface AdjustOptions {
  /** Queues by the topology node that names them, of a run that enforces WIP limits; null of one that does not. Default null. */
  readonly limitedQueues?: ReadonlyMap<string, string> | null;
}

/**
 * The text of the model with new values from `fromBin` on: what one would have written had one known before. Const nodes
 * get the new value in every bin from `fromBin`, those before stay as they are; an initial depth counts before bin 0 only; a
 * scalar WIP limit, which cannot change over time, becomes a series of its own at the end of the nodes, under the name that
 * `wip-limits.ts` would give it. Everything else stays as it is, to the character. All names are applied, or none.
 *
 * @param model as parsed from the text, in force so far
 * @param bound series that telemetry feeds: their own definition is not read, so changing it would change nothing
 * @param set finite values by name: a const node's id, `Node.role` for the const node that a topology node names,
 *   `Node.initialDepth` and `Node.wipLimit` for the queue of a topology node
 */
export function adjustModelText(
  model: Model,
  bound: ReadonlySet<string>,
  fromBin: number,
  set: Readonly<Record<string, number>>,
  options: AdjustOptions = {},
): Adjusted {
  const problems: string[] = [];
  const values = new Map<ConstNode, number>();
  const depths = new Map<TopologyNode, number>();
  const limits = new Map<string, { readonly target: LimitTarget; readonly value: number }>();
  for (const [name, value] of Object.entries(set)) {
    const target = findTarget(model, name, options.limitedQueues ?? null);
    if (typeof target === "string") problems.push(target);
    else if (target.kind === "const") {
      if (bound.has(target.node.id)) {
        problems.push(`'${name}' is fed by telemetry; a change of its definition would have no effect.`);
      } else put(values, target.node, name, value, problems);
    } else if (target.kind === "wipLimit") {
      if (value < 0) problems.push(`'${name}' must not be negative, and ${value} is.`);
      else limits.set(target.queueId, { target, value });
    } else if (fromBin > 0) {
      problems.push(`'${name}' counts before bin 0 only, and the change begins at bin ${fromBin}.`);
    } else if (value < 0) problems.push(`'${name}' must not be negative, and ${value} is.`);
    else put(depths, target.node, name, value, problems);
  }
  if (problems.length > 0) return { ok: false, problems };
  const document = parseDocument(model.text, { schema: "failsafe", uniqueKeys: false, logLevel: "silent" });
  const edits: TextEdit[] = [];
  for (const [{ id }, value] of values) {
    const made = valueEdits(document, id, fromBin, value);
    if (typeof made === "string") problems.push(made);
    else edits.push(...made);
  }
  for (const { target, value } of limits.values()) {
    edits.push(...limitEdits(document, model, target, fromBin, value));
  }
  for (const [{ id }, depth] of depths) edits.push(depthEdit(document, model.text, id, depth));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, text: applyEdits(model.text, edits) };
}

function put<K>(values: Map<K, number>, key: K, name: string, value: number, problems: string[]): void {
  const before = values.get(key);
  if (before !== undefined && !Object.is(before, value)) {
    problems.push(`'${name}' gets ${value}, and by another name ${before}.`);
  }
  values.set(key, value);
}

type LimitTarget = Extract<Target, { kind: "wipLimit" }>;

function findTarget(model: Model, name: string, limitedQueues: ReadonlyMap<string, string> | null): Target | string {
  const node = model.nodes.find(({ id }) => id === name);
  if (node !== undefined) {
    return node.kind === "const" ? { kind: "const", node } : notAdjustable(model, name, node.id);
  }
  const dot = name.lastIndexOf(".");
  const owner = dot < 0 ? undefined : topologyNode(model, name.slice(0, dot));
  if (owner === undefined) {
    const near = nearest(name, adjustableIds(model));
    const help = near === null ? `Adjustable are: ${listed(adjustableIds(model))}.` : `Did you mean '${near}'?`;
    return `'${name}' is nothing that can be adjusted. ${help}`;
  }
  const member = name.slice(dot + 1);
  if (member === INITIAL_DEPTH) {
    return owner.semantics.series.queueDepth === undefined
      ? `'${name}': node '${owner.id}' has no queue.`
      : { kind: "initialDepth", node: decidingNode(model, owner) };
  }
  if (member === WIP_LIMIT) return limitTarget(model, name, owner, limitedQueues);
  const role = roleOfMetric(member);
  const reference = role === null ? undefined : owner.semantics.series[role];
  if (reference === undefined) {
    const roles = SERIES_ROLES.filter((known) => owner.semantics.series[known] !== undefined);
    return `'${name}': node '${owner.id}' has no '${member}'; it has: ${listed([...roles, INITIAL_DEPTH, WIP_LIMIT])}.`;
  }
  if (isFileReference(reference)) return `'${name}' is fed by telemetry (${reference}).`;
  const series = model.nodes.find(({ id }) => id === seriesNodeId(reference));
  return series?.kind === "const" ? { kind: "const", node: series } : notAdjustable(model, name, reference);
}

/** Of several topology nodes that name one queue, the last one with a limit decides, as in `wip-limits.ts`. */
function limitTarget(
  model: Model,
  name: string,
  owner: TopologyNode,
  limitedQueues: ReadonlyMap<string, string> | null,
): Target | string {
  if (limitedQueues === null)
    return `'${name}': this run does not enforce WIP limits, so a change would have no effect.`;
  const queueId = limitedQueues.get(owner.id);
  const node = (model.topology?.nodes ?? []).findLast(
    ({ id, wip }) => limitedQueues.get(id) === queueId && (wip.limit ?? wip.limitSeries) !== null,
  );
  if (queueId === undefined || node === undefined)
    return `'${name}': the queue of node '${owner.id}' has no WIP limit.`;
  if (node.wip.limitSeries !== null) {
    const series = model.nodes.find(({ id }) => id === seriesNodeId(node.wip.limitSeries!.text));
    return series?.kind === "const"
      ? { kind: "const", node: series }
      : notAdjustable(model, name, node.wip.limitSeries.text);
  }
  return { kind: "wipLimit", node, queueId, limit: node.wip.limit!.value! };
}

/** Of several topology nodes that name one queue, the last one gives its initial depth (engine.md §3.2). */
function decidingNode(model: Model, node: TopologyNode): TopologyNode {
  const queue = node.semantics.series.queueDepth?.toLowerCase();
  if (!model.nodes.some(({ id }) => id.toLowerCase() === queue)) return node;
  return (model.topology?.nodes ?? []).findLast((other) => other.semantics.series.queueDepth?.toLowerCase() === queue)!;
}

function notAdjustable(model: Model, name: string, id: string): string {
  const kind = model.nodes.find((node) => node.id === id)?.kind;
  const what = kind === undefined ? `series '${id}', which the model computes` : `'${id}', a node of kind ${kind}`;
  return `'${name}' is ${what}; only const nodes can be adjusted: ${listed(adjustableIds(model))}.`;
}

function topologyNode(model: Model, id: string): TopologyNode | undefined {
  return model.topology?.nodes.find((node) => node.id.toLowerCase() === id.toLowerCase());
}

function adjustableIds(model: Model): readonly string[] {
  return model.nodes.filter(({ kind }) => kind === "const").map(({ id }) => id);
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return "none";
  const more = names.length - MAX_NAMES;
  return names.slice(0, MAX_NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** Every value from `fromBin` on replaced where it stands. */
function valueEdits(document: Document.Parsed, id: string, fromBin: number, value: number): TextEdit[] | string {
  const written = mapNamed(document, ["nodes"], id).get("values", true) as unknown;
  const values = isAlias(written) ? written.resolve(document) : written;
  invariant(isSeq(values), `const node '${id}' has a list of values`);
  if (isAlias(written) || isShared(document, values)) {
    return `The values of '${id}' are shared through a YAML anchor; write them out to adjust them.`;
  }
  return values.items.slice(fromBin).map((item) => {
    invariant((isScalar(item) || isAlias(item)) && item.range != null, "a value is a scalar of the text");
    return { start: item.range[0], end: item.range[1], text: String(value) };
  });
}

/** Whether the list, or a value of it, is used elsewhere too. */
function isShared(document: Document.Parsed, values: YAMLSeq): boolean {
  const anchors = [values, ...values.items].flatMap((item) => (isScalar(item) || isSeq(item) ? [item.anchor] : []));
  const own = new Set(anchors.filter((anchor) => anchor !== undefined));
  if (own.size === 0) return false;
  let isUsed = false;
  visit(document, {
    Alias: (_, alias) => {
      if (!own.has(alias.source)) return undefined;
      isUsed = true;
      return visit.BREAK;
    },
  });
  return isUsed;
}

/** The limit as a const node behind the others, named in the place of the number. */
function limitEdits(
  document: Document.Parsed,
  { text, grid, nodes }: Model,
  { node, queueId, limit }: LimitTarget,
  fromBin: number,
  value: number,
): TextEdit[] {
  const pair = mapNamed(document, ["topology", "nodes"], node.id).items.find(
    ({ key }) => isScalar(key) && key.value === WIP_LIMIT,
  );
  const list = document.get("nodes");
  invariant(isScalar(pair?.key) && pair.key.range != null && node.wip.limit !== null, "a scalar limit is written");
  invariant(isSeq(list) && list.range != null && nodes.length > 0, "the model has nodes");
  const last = list.items.at(-1) as { readonly range: readonly [number, number, number] };
  const id = limitNodeId(queueId);
  const values = Array.from({ length: grid.bins }, (_, bin) => (bin < fromBin ? limit : value));
  const written = `{ id: ${id}, kind: const, values: [${values.join(", ")}] }`;
  const indent = " ".repeat(list.range[0] - (text.lastIndexOf("\n", list.range[0] - 1) + 1));
  const end = text.slice(0, last.range[1]).trimEnd().length;
  return [
    { start: pair.key.range[0], end: node.wip.limit.span.endOffset, text: `wipLimitSeries: ${id}` },
    { start: end, end, text: list.flow === true ? `, ${written}` : `\n${indent}- ${written}` },
  ];
}

function depthEdit(document: Document.Parsed, text: string, id: string, depth: number): TextEdit {
  const node = mapNamed(document, ["topology", "nodes"], id);
  const written = node.getIn(["initialCondition", "queueDepth"], true) as unknown;
  if (isScalar(written) && written.range != null) {
    return { start: written.range[0], end: written.range[1], text: String(depth) };
  }
  const first = node.items[0]?.key;
  invariant(isScalar(first) && first.range != null, `topology node '${id}' has fields`);
  const [start] = first.range;
  const indent = " ".repeat(start - (text.lastIndexOf("\n", start - 1) + 1));
  const end = node.flow === true ? ", " : `\n${indent}`;
  return { start, end: start, text: `initialCondition: { queueDepth: ${depth} }${end}` };
}

/** The map with that `id` in a list of the document. */
function mapNamed(document: Document.Parsed, path: readonly string[], id: string): YAMLMap {
  const list = document.getIn(path);
  invariant(isSeq(list), `the model has ${path.join(".")}`);
  for (const item of list.items) {
    const map = isAlias(item) ? item.resolve(document) : item;
    if (isMap(map) && String(map.get("id")).trim() === id) return map;
  }
  throw new Error(`${path.join(".")} has no '${id}'`);
}
