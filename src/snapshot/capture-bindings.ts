import { trimDotnet } from "../lib/dotnet-number.ts";
import { DEFAULT_CLASS, requireSafeName } from "./layout.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { member, parseYamlStream, scalarText, type YamlNode } from "./yaml-tree.ts";

/** A role that a capture holds, in FlowTime's order and spelling (artifacts.md §9.1). */
const CAPTURED_ROLES = [
  ["arrivals", "Arrivals"],
  ["served", "Served"],
  ["errors", "Errors"],
  ["externalDemand", "ExternalDemand"],
  ["queueDepth", "QueueDepth"],
  ["capacity", "Capacity"],
] as const;

export type CaptureMetric = (typeof CAPTURED_ROLES)[number][1];

/** What a capture needs of the model text. */
export interface CaptureModel {
  readonly nodes: readonly { readonly id: string; readonly semantics: YamlNode | null }[];
  readonly outputs: readonly { readonly series: string; readonly as: string }[];
  /** Ids of the declared classes. */
  readonly classes: readonly string[];
  /** `grid.start` as authored. */
  readonly start: string | null;
}

/** A series of the run, as its index lists it. */
export interface CaptureSeries {
  readonly id: string;
  readonly class: string;
  readonly points: number;
}

/** A series that plays a role for a topology node, and the file it goes to. */
export interface CaptureBinding {
  readonly nodeId: string;
  readonly metric: CaptureMetric;
  readonly series: CaptureSeries;
  readonly classId: string;
  /** Inside the capture folder, with forward slashes. */
  readonly path: string;
}

/** Suffixes of output names that tell a role when there is no topology to tell it, asked in this order. */
const ROLE_BY_SUFFIX: readonly (readonly [string, CaptureMetric])[] = [
  ["_arrivals", "Arrivals"],
  ["_served", "Served"],
  ["_errors", "Errors"],
  ["_queue_depth", "QueueDepth"],
  ["_queue", "QueueDepth"],
  ["_external_demand", "ExternalDemand"],
  ["_capacity", "Capacity"],
];

/** Reads what a capture needs; text that is no YAML mapping has none of it. */
export function readCaptureModel(specText: string): CaptureModel {
  const root = parseYamlStream(specText)?.documents[0];
  return {
    nodes: itemsOf(member(member(root, "topology"), "nodes")).map((node) => ({
      id: scalarText(member(node, "id")) ?? "",
      semantics: member(node, "semantics"),
    })),
    outputs: itemsOf(member(root, "outputs")).map((output) => ({
      series: scalarText(member(output, "series")) ?? "",
      as: trimDotnet(scalarText(member(output, "as")) ?? ""),
    })),
    classes: itemsOf(member(root, "classes")).map((entry) => scalarText(member(entry, "id")) ?? ""),
    start: scalarText(member(member(root, "grid"), "start")),
  };
}

/**
 * Every series that plays a captured role, by node, role and index order; without any, what the names of the outputs tell.
 * Throws `SnapshotError` `id_unsafe` for an output name that leads out of the capture folder, which FlowTime would follow,
 * and `path_collision` when two series would go to one file, of which FlowTime keeps the later.
 */
export function captureBindings(model: CaptureModel, index: readonly CaptureSeries[]): readonly CaptureBinding[] {
  const bindings = bindingsOfTopology(model, index);
  return checked(bindings.length > 0 ? bindings : bindingsOfOutputs(model, index));
}

function bindingsOfTopology({ nodes, outputs }: CaptureModel, index: readonly CaptureSeries[]): CaptureBinding[] {
  const byNode = Map.groupBy(index, ({ id }) => leadingId(id).toUpperCase());
  const names = new Map(outputs.map(({ series, as }) => [series.toUpperCase(), as === "" ? series : as]));
  return nodes.flatMap(({ id: nodeId, semantics }) =>
    CAPTURED_ROLES.flatMap(([role, metric]) => {
      const reference = trimDotnet(scalarText(member(semantics, role)) ?? "");
      if (reference === "") return [];
      const seriesId = seriesOfReference(reference).toUpperCase();
      const name = names.get(seriesId) ?? `${nodeId.replaceAll(" ", "_")}_${metric.toLowerCase()}`;
      return (byNode.get(seriesId) ?? []).map((series) => binding(nodeId, metric, series, name));
    }),
  );
}

function bindingsOfOutputs({ outputs }: CaptureModel, index: readonly CaptureSeries[]): CaptureBinding[] {
  return outputs.flatMap(({ series: seriesId, as }) => {
    const series = index.find(({ id }) => leadingId(id).toUpperCase() === seriesId.toUpperCase());
    const name = as === "" ? seriesId : as;
    const stem = withoutCsv(lastSegment(name));
    const role = ROLE_BY_SUFFIX.find(([suffix]) => stem.toLowerCase().endsWith(suffix));
    if (series === undefined || role === undefined) return [];
    return [binding(stem.slice(0, -role[0].length).replace(/_+$/, ""), role[1], series, name)];
  });
}

function binding(nodeId: string, metric: CaptureMetric, series: CaptureSeries, name: string): CaptureBinding {
  const classId = series.class === "" ? DEFAULT_CLASS : series.class;
  const stem = withoutCsv(name);
  const suffix = classId.toUpperCase() === DEFAULT_CLASS ? "" : `_${classId}`;
  return { nodeId, metric, series, classId, path: `${stem}${suffix}.csv` };
}

function checked(bindings: readonly CaptureBinding[]): readonly CaptureBinding[] {
  const owner = new Map<string, CaptureBinding>();
  for (const found of bindings) {
    for (const component of found.path.split("/")) requireSafeName(component, `Output name '${found.path}'`);
    const other = owner.get(found.path.toUpperCase());
    if (other !== undefined && other.series.id !== found.series.id) {
      throw new SnapshotError(
        "path_collision",
        `The series '${other.series.id}' and '${found.series.id}' would both be captured to '${found.path}'. ` +
          "Give one of the outputs another name (outputs[].as).",
        { facts: { path: found.path } },
      );
    }
    owner.set(found.path.toUpperCase(), found);
  }
  return bindings;
}

/** `file:../series/queue@QUEUE@DEFAULT.csv` and plain `queue` are both the series `queue`. */
function seriesOfReference(reference: string): string {
  const location = reference.replace(/^file:/i, "").replace(/^\/+/, "");
  return leadingId(withoutCsv(lastSegment(location)));
}

export function leadingId(seriesId: string): string {
  const at = seriesId.indexOf("@");
  return at < 0 ? seriesId : seriesId.slice(0, at);
}

export function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function withoutCsv(name: string): string {
  return name.replace(/\.csv$/i, "");
}

function itemsOf(node: YamlNode | null): readonly YamlNode[] {
  return node?.type === "sequence" ? node.items : [];
}
