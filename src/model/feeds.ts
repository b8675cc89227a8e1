import { type BindingSpec, roleOfMetric } from "./bind.ts";
import { isFileReference, seriesNodeId } from "./descriptor.ts";
import { type Model, SERIES_ROLES } from "./model.ts";

/** A file that feeds something of a model. */
export interface Feed {
  readonly binding: BindingSpec;
  /** A `file:` reference as the model has it, or a file name. */
  readonly path: string;
}

/** What the model itself names as files: `source` of nodes, and `file:` references in semantics. */
export function fileFeeds(model: Model): readonly Feed[] {
  const feeds: Feed[] = [];
  for (const { id, source } of model.nodes) {
    if (source !== null && isFileReference(source)) feeds.push({ binding: id, path: source });
  }
  for (const { nodeId, role, reference } of references(model)) {
    if (isFileReference(reference)) feeds.push({ binding: { nodeId, metric: role }, path: reference });
  }
  return feeds;
}

/**
 * File names that feed a series when nothing else says so, as a capture names its files (artifacts.md §9.1): the alias
 * of an output, `<series>.csv`, or `<topology node>_<role in lower case>.csv` with blanks as `_`. One per name, and one
 * per series where several names fit: the first.
 * @param model the compiled model, so that generated queues have their names
 */
export function conventionalFeeds(model: Model): readonly Feed[] {
  const feeds = new Map<string, Feed>();
  const add = (path: string, binding: BindingSpec) => {
    if (!feeds.has(path)) feeds.set(path, { binding, path });
  };
  const ids = new Set(model.nodes.map((node) => node.id));
  for (const output of model.outputs) {
    const alias = output.as?.trim() ?? "";
    const seriesId = seriesNodeId(output.series);
    if (alias !== "" && ids.has(seriesId)) add(/\.csv$/i.test(alias) ? alias : `${alias}.csv`, seriesId);
  }
  for (const id of ids) add(`${id}.csv`, id);
  for (const { nodeId, role } of references(model)) {
    add(`${nodeId.replaceAll(" ", "_")}_${role.toLowerCase()}.csv`, { nodeId, metric: role });
  }
  return [...feeds.values()];
}

/**
 * Whether the model has what a binding names. Frames may name more than that, which is theirs to be refused for, one by
 * one; a run must not fail to start because of them.
 * @param model the compiled model
 */
export function hasBinding(model: Model, binding: BindingSpec): boolean {
  if (typeof binding === "string") return model.nodes.some((node) => node.id === seriesNodeId(binding));
  const wanted = binding.nodeId.trim().toLowerCase();
  const role = roleOfMetric(binding.metric);
  return references(model).some((known) => known.nodeId.toLowerCase() === wanted && known.role === role);
}

function references(model: Model) {
  return (model.topology?.nodes ?? []).flatMap((node) =>
    SERIES_ROLES.flatMap((role) => {
      const reference = node.semantics.series[role];
      return reference === undefined ? [] : [{ nodeId: node.id, role, reference }];
    }),
  );
}
