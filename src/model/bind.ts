import { fold } from "../lib/fold.ts";
import { asClassId, DEFAULT_CLASS, isFileReference, seriesClassId, seriesNodeId } from "./descriptor.ts";
import type { Diagnostic } from "./diagnostics.ts";
import { type Model, SERIES_ROLES, type SeriesRole } from "./model.ts";

/**
 * What a creator asks to be fed by telemetry: a series by id (`id@CLASS` for one class of it), or the role it plays for a
 * topology node.
 */
export type BindingSpec = string | { readonly nodeId: string; readonly metric: string; readonly classId?: string };

export interface SeriesFeed {
  readonly seriesId: string;
  readonly feeds: readonly { readonly nodeId: string; readonly role: SeriesRole }[];
}

/** Which series of a compiled model telemetry feeds (design §3), and which exist only for that. */
export interface Bindings {
  /** Ids of series that telemetry stands in for, computation nodes and telemetry-only series alike. */
  readonly bound: ReadonlySet<string>;
  /** Classes that telemetry gives, by series id, in the order asked for. */
  readonly classes: ReadonlyMap<string, readonly string[]>;
  /** Those of `bound` of which only classes come: the total is their sum (artifacts.md §10.3). */
  readonly summed: ReadonlySet<string>;
  /** Series that no computation node computes: one per distinct `file:` reference. Reference text → series id. */
  readonly fileSeries: ReadonlyMap<string, string>;
  /** Roles by series id, for every series that any topology node names. */
  readonly feeds: ReadonlyMap<string, SeriesFeed["feeds"]>;
  readonly diagnostics: readonly Diagnostic[];
}

/** As the schema has it for `classes`. Class ids become file names. */
const CLASS_ID = /^[A-Za-z0-9_-]+$/;

export function classOfBinding(binding: BindingSpec): string {
  return typeof binding === "string" ? seriesClassId(binding) : asClassId(binding.classId);
}

/** The role a metric name of a frame or manifest means, whatever its case; null when there is none. */
export function roleOfMetric(metric: string): SeriesRole | null {
  const wanted = metric.trim().toLowerCase();
  return SERIES_ROLES.find((role) => role.toLowerCase() === wanted) ?? null;
}

/**
 * @param model the compiled model: queue references already name the generated nodes
 * @param requested bindings beyond those the model states itself (`source`, `file:`)
 */
export function resolveBindings(model: Model, requested: readonly BindingSpec[]): Bindings {
  const diagnostics: Diagnostic[] = [];
  const nodeIds = new Set(model.nodes.map((node) => node.id));
  const topologyNodes = model.topology?.nodes ?? [];
  const bound = new Set(model.nodes.filter((node) => node.source !== null).map((node) => node.id));
  const fileSeries = new Map<string, string>();
  const feeds = new Map<string, { nodeId: string; role: SeriesRole }[]>();
  const classes = new Map<string, string[]>();

  for (const node of topologyNodes) {
    for (const role of SERIES_ROLES) {
      const reference = node.semantics.series[role];
      if (reference === undefined) continue;
      let seriesId = seriesNodeId(reference);
      if (isFileReference(reference)) {
        seriesId = fileSeries.get(reference) ?? freeId(`${node.id}_${role}`, nodeIds);
        fileSeries.set(reference, seriesId);
        nodeIds.add(seriesId);
        bound.add(seriesId);
      }
      const roles = feeds.get(seriesId) ?? [];
      roles.push({ nodeId: node.id, role });
      feeds.set(seriesId, roles);
    }
  }

  const refuse = (code: string, message: string): void => {
    diagnostics.push({ severity: "error", tier: "compile", code, message, pointer: "/bindings", span: null });
  };
  for (const binding of requested) {
    const classId = classOfBinding(binding);
    // A model that assigns classes computes them; what was captured of them says the same once more.
    if (classId !== DEFAULT_CLASS && model.arrivals.length > 0) continue;
    const seriesId = typeof binding === "string" ? seriesNodeId(binding) : seriesOfRole(binding.nodeId, binding.metric);
    if (seriesId === null) continue;
    if (!nodeIds.has(seriesId)) refuse("unknown_binding", `Binding '${seriesId}' names no series of the model.`);
    else if (classId === DEFAULT_CLASS) bound.add(seriesId);
    else if (!CLASS_ID.test(classId)) {
      refuse(
        "bad_class",
        `Binding for class '${classId}' of '${seriesId}': a class id has letters, digits, '_' and '-'.`,
      );
    } else {
      const known = classes.get(seriesId) ?? [];
      if (!known.some((other) => fold(other) === fold(classId))) known.push(classId);
      classes.set(seriesId, known);
    }
  }
  const summed = new Set([...classes.keys()].filter((id) => !bound.has(id)));
  for (const id of summed) bound.add(id);

  function seriesOfRole(nodeId: string, metric: string): string | null {
    const node = topologyNodes.find((candidate) => candidate.id.toLowerCase() === nodeId.trim().toLowerCase());
    if (node === undefined) {
      refuse("unknown_binding", `Binding names topology node '${nodeId}', which the model does not have.`);
      return null;
    }
    const role = roleOfMetric(metric);
    const reference = role === null ? undefined : node.semantics.series[role];
    if (reference === undefined) {
      const known = SERIES_ROLES.filter((candidate) => node.semantics.series[candidate] !== undefined).join(", ");
      refuse("unknown_binding", `Binding names '${metric}' of '${node.id}', whose semantics have only: ${known}.`);
      return null;
    }
    return fileSeries.get(reference) ?? seriesNodeId(reference);
  }

  return { bound, classes, summed, fileSeries, feeds, diagnostics };
}

function freeId(wanted: string, taken: ReadonlySet<string>): string {
  const base = wanted.replace(/[^A-Za-z0-9_]/g, "_");
  let id = base;
  for (let suffix = 1; taken.has(id); suffix++) id = `${base}_${suffix}`;
  return id;
}
