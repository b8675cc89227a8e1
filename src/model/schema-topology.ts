import type { DraftTopologyNode } from "./draft.ts";
import type { Fields, TextField } from "./fields.ts";
import { type Constraint, type Edge, SERIES_ROLES, type Semantics, type SeriesRole, type WipFields } from "./model.ts";
import { readDispatchSchedule } from "./schema-nodes.ts";
import { describe } from "./source-tree.ts";

/** Topology, its edges and constraints (engine.md §2.4). Beyond the known fields these mappings take any other. */

const EDGE_TYPES = ["throughput", "effort", "terminal", "dependency"] as const;
const EDGE_MEASURES = ["served", "attempts", "errors", "failures", "exhaustedFailures", "load"] as const;
const CONSTRAINT_ROLES = ["arrivals", "served", "errors", "latencyMinutes"] as const;

export function readTopology(root: Fields): {
  readonly nodes: readonly DraftTopologyNode[];
  readonly edges: readonly Edge[];
  readonly constraints: readonly Constraint[];
} | null {
  const fields = root.inner("topology", "the topology");
  if (fields === null) return null;
  fields.allow(["nodes", "edges", "constraints"]);
  return {
    nodes: fields.each("nodes", "a topology node").map(({ index, fields: node }) => readTopologyNode(node, index)),
    edges: fields.each("edges", "an edge").flatMap(({ fields: edge }) => readEdge(edge)),
    constraints: fields
      .each("constraints", "a constraint")
      .flatMap(({ fields: constraint }) => readConstraint(constraint)),
  };
}

function readTopologyNode(fields: Fields, index: number): DraftTopologyNode {
  fields.require("id", "kind", "semantics");
  const id = fields.nonEmptyText("id");
  const kind = fields.text("kind");
  const nodeRole = fields.text("nodeRole");
  const group = fields.text("group");
  const ui = fields.inner("ui", "the field 'ui'");
  ui?.number("x");
  ui?.number("y");
  const constraints = fields.texts("constraints") ?? [];
  const initial = fields.inner("initialCondition", "an initial condition");
  const initialDepth = initial?.number("queueDepth") ?? null;
  const dispatchSchedule = readDispatchSchedule(fields);
  const wipOverflow = scalarText(fields, "wipOverflow");
  const wip = readWip(fields);
  const { semantics, series } = readSemantics(fields);
  return {
    index,
    head: fields.head,
    id: id?.text ?? null,
    series,
    hasInitialCondition: initial !== null,
    wipOverflow,
    built:
      id === null || semantics === null
        ? null
        : {
            id: id.text,
            kind: kind?.loaded ?? null,
            nodeRole: nodeRole?.loaded ?? null,
            group: group?.loaded ?? null,
            semantics,
            constraints,
            initialQueueDepth: initial === null ? null : (initialDepth ?? 0),
            dispatchSchedule,
            wip,
            span: fields.findings.span(fields.head),
          },
  };
}

/** Fields the schema leaves open; what is wrong with them is said where limits are enforced. */
function readWip(fields: Fields): WipFields {
  const placed = (name: string) => {
    const node = fields.node(name);
    return node === null ? null : { node, span: fields.findings.span(node) };
  };
  const text = (name: string): WipFields["overflow"] => {
    const field = placed(name);
    if (field === null) return null;
    const { node, span } = field;
    return { text: node.kind === "scalar" && node.type === "text" ? node.text.trim() : "", span };
  };
  const limit = placed("wipLimit");
  const value = limit?.node.kind === "scalar" ? limit.node.value : Number.NaN;
  return {
    limit: limit && { value: Number.isFinite(value) ? value : null, span: limit.span },
    limitSeries: text("wipLimitSeries"),
    overflow: text("wipOverflow"),
  };
}

/** A field the schema leaves open: taken where it is text, without a finding where it is not. */
function scalarText(fields: Fields, name: string): TextField | null {
  const node = fields.node(name);
  return node?.kind === "scalar" && node.type === "text" ? { text: node.text, loaded: node.text, at: node } : null;
}

function readSemantics(owner: Fields): {
  readonly semantics: Semantics | null;
  readonly series: ReadonlyMap<SeriesRole, TextField>;
} {
  const texts = new Map<SeriesRole, TextField>();
  const fields = owner.inner("semantics", "the semantics of a topology node");
  if (fields === null) return { semantics: null, series: texts };
  fields.require("arrivals", "served");
  const series: Partial<Record<SeriesRole, string>> = {};
  const seriesSpans: Partial<Record<SeriesRole, ReturnType<Fields["findings"]["span"]>>> = {};
  for (const role of SERIES_ROLES) {
    const field = fields.text(role);
    if (field === null) continue;
    texts.set(role, field);
    const reference = (field.loaded ?? "").trim();
    const isRequired = role === "arrivals" || role === "served";
    if (reference === "" ? isRequired : namesNothing(reference)) {
      fields.findings.report({
        tier: "compile",
        code: "blank_reference",
        message: "Semantic reference must be provided.",
        pointer: fields.at(role),
        at: field.at,
      });
    }
    if (reference === "") continue;
    series[role] = reference;
    seriesSpans[role] = fields.findings.span(field.at);
  }
  const semantics: Semantics = {
    series,
    seriesSpans,
    parallelism: readParallelism(fields),
    retryKernel: fields.numbers("retryKernel")?.values ?? null,
    slaMin: fields.number("slaMin"),
    maxAttempts: fields.number("maxAttempts"),
    backoffStrategy: fields.text("backoffStrategy")?.loaded ?? null,
    exhaustedPolicy: fields.text("exhaustedPolicy")?.loaded ?? null,
    aliases: fields.textMap("aliases"),
  };
  return { semantics, series: texts };
}

/** Whether a reference has a class or a scheme but no node, such as `@Gold`. */
function namesNothing(reference: string): boolean {
  return /^(?:series:)?\s*(?:@|$)/i.test(reference);
}

/** A number of at least 1, or the text of one (any finite number), or a reference. */
function readParallelism(fields: Fields): number | string | null {
  const node = fields.node("parallelism");
  if (node === null) return null;
  const isConstant = node.kind === "scalar" && (node.type === "integer" || node.type === "number");
  if (isConstant) return fields.number("parallelism", { min: 1 });
  if (node.kind !== "scalar" || node.type !== "text") {
    fields.findings.report({
      code: "wrong_type",
      message: `Field 'parallelism' must be a number or a series reference, found ${describe(node)}.`,
      pointer: fields.at("parallelism"),
      at: node,
    });
    return null;
  }
  const text = (fields.text("parallelism")?.loaded ?? "").trim();
  if (text === "") return null;
  if (!/^[+-]?(?:\d|\.\d|infinity$|nan$)/i.test(text)) return text;
  const value = Number(text);
  if (Number.isFinite(value)) return value;
  if (/^[+-]?(?:infinity|nan)$/i.test(text)) {
    fields.findings.report({
      tier: "compile",
      code: "not_finite",
      message: `Field 'parallelism' must be finite, found '${text}'.`,
      pointer: fields.at("parallelism"),
      at: node,
    });
    return null;
  }
  return text;
}

function readEdge(fields: Fields): readonly Edge[] {
  fields.require("from", "to");
  const id = fields.text("id");
  const from = fields.text("from");
  const to = fields.text("to");
  const edge = {
    weight: fields.number("weight"),
    type: fields.choice("type", EDGE_TYPES),
    measure: fields.choice("measure", EDGE_MEASURES),
    multiplier: fields.number("multiplier"),
    lag: fields.integer("lag"),
  };
  if (from === null || to === null) return [];
  const isNamed = id !== null && id.loaded !== null && id.loaded.trim() !== "";
  return [
    {
      id: isNamed ? id.text : null,
      from: from.text,
      to: to.text,
      ...edge,
      span: fields.findings.span(isNamed ? id.at : from.at),
    },
  ];
}

function readConstraint(fields: Fields): readonly Constraint[] {
  fields.require("id", "semantics");
  const id = fields.nonEmptyText("id");
  const semantics = fields.inner("semantics", "the semantics of a constraint");
  semantics?.require("arrivals", "served");
  const series: Partial<Record<(typeof CONSTRAINT_ROLES)[number], string>> = {};
  for (const role of CONSTRAINT_ROLES) {
    const reference = semantics?.text(role)?.loaded?.trim();
    if (reference) series[role] = reference;
  }
  return id === null ? [] : [{ id: id.text, series }];
}
