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
 * The series that a binding names: by its id, or by the reference of a role. Null when the model has neither. Frames and
 * manifests may name more than the model has, which is theirs to be refused for; a run must not fail to start for it.
 * @param model the compiled model
 */
export function seriesOfBinding(model: Model, binding: BindingSpec): string | null {
  if (typeof binding === "string") {
    const id = seriesNodeId(binding);
    return model.nodes.some((node) => node.id === id) ? id : null;
  }
  const wanted = binding.nodeId.trim().toLowerCase();
  const role = roleOfMetric(binding.metric);
  const found = references(model).find((known) => known.nodeId.toLowerCase() === wanted && known.role === role);
  if (found === undefined) return null;
  return isFileReference(found.reference) ? found.reference : seriesNodeId(found.reference);
}

function references(model: Model) {
  return (model.topology?.nodes ?? []).flatMap((node) =>
    SERIES_ROLES.flatMap((role) => {
      const reference = node.semantics.series[role];
      return reference === undefined ? [] : [{ nodeId: node.id, role, reference }];
    }),
  );
}
