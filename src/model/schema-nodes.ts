import type { DraftNode, ModelProfile } from "./draft.ts";
import type { Fields, TextField } from "./fields.ts";
import type { Findings } from "./findings.ts";
import type { DispatchSchedule, InputPlaces, ModelNode, Route } from "./model.ts";

/** Computation nodes (engine.md §2.3): which fields each kind has, and what they must be. */

const KINDS = ["const", "expr", "pmf", "serviceWithBuffer", "router"] as const;

const COMMON_FIELDS = ["id", "kind", "metadata", "dispatchSchedule"];
const OWN_FIELDS: Readonly<
  Record<(typeof KINDS)[number], { readonly required: readonly string[]; readonly optional: readonly string[] }>
> = {
  const: { required: ["values"], optional: [] },
  expr: { required: ["expr"], optional: [] },
  pmf: { required: ["pmf"], optional: [] },
  serviceWithBuffer: { required: ["inflow", "outflow"], optional: ["loss"] },
  router: { required: ["inputs", "routes"], optional: [] },
};
const ALL_FIELDS = [...COMMON_FIELDS, "values", "expr", "pmf", "inflow", "outflow", "loss", "inputs", "routes"];

const NODE_ID = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export function readNode(fields: Fields, index: number, profile: ModelProfile): DraftNode {
  const id = fields.text("id");
  const kind = fields.choice("kind", KINDS);
  const source = profile === "live" ? fields.text("source") : null;
  const isFed = isGiven(source);
  checkFields(fields, kind, profile, isFed);
  if (id !== null && !NODE_ID.test(id.text)) {
    fields.findings.report({
      code: "bad_id",
      message: `Node id '${id.text}' must be a letter or '_' followed by letters (a-z, A-Z), digits and '_'.`,
      pointer: fields.at("id"),
      at: id.at,
    });
  }

  const metadata = fields.textMap("metadata");
  const dispatchSchedule = readDispatchSchedule(fields);
  const values = fields.numbers("values", { minItems: isFed ? 0 : 1 });
  const expr = fields.nonEmptyText("expr");
  const pmf = fields.inner("pmf", "the field 'pmf'");
  pmf?.allow(["values", "probabilities"]);
  pmf?.require("values", "probabilities");
  const pmfValues = pmf?.numbers("values", { minItems: 1 }) ?? null;
  const probabilities = pmf?.numbers("probabilities", { minItems: 1, min: 0, max: 1 }) ?? null;
  const flows = { inflow: fields.text("inflow"), outflow: fields.text("outflow"), loss: fields.text("loss") };
  const inputs = fields.inner("inputs", "the field 'inputs'");
  inputs?.allow(["queue"]);
  if (kind === "router") inputs?.require("queue");
  const queue = inputs?.nonEmptyText("queue") ?? null;
  const routes = readRoutes(fields);

  const base = {
    id: id?.text ?? "",
    span: fields.findings.span(fields.head),
    metadata,
    source: isGiven(source) ? source.text : null,
  };
  const build = (): ModelNode | null => {
    if (id === null) return null;
    switch (kind) {
      case "const":
        return { ...base, kind, values: values?.values ?? [] };
      case "expr": {
        if (!loadable(fields, expr, `Node ${id.text}: expr nodes require expr property`)) return null;
        return { ...base, kind, expr: expr.loaded, exprSpan: fields.findings.span(expr.at) };
      }
      case "pmf": {
        if (pmfValues === null || probabilities === null) return null;
        return { ...base, kind, values: pmfValues.values, probabilities: probabilities.values };
      }
      case "serviceWithBuffer": {
        const { inflow, outflow, loss } = flows;
        const problem = `Node ${id.text}: serviceWithBuffer nodes require 'inflow' and 'outflow' fields`;
        if (!loadable(fields, inflow, problem) || !loadable(fields, outflow, problem)) return null;
        const schedule = fields.node("dispatchSchedule");
        const capacity = schedule?.kind === "mapping" ? schedule.entries.get("capacitySeries")?.value : undefined;
        const capacityField = capacity?.kind === "scalar" ? { loaded: capacity.text, at: capacity } : null;
        return {
          ...base,
          kind,
          inputPlaces: inputPlaces(fields.findings, {
            inflow,
            outflow,
            loss,
            "dispatchSchedule/capacitySeries": capacityField,
          }),
          inflow: inflow.loaded,
          outflow: outflow.loaded,
          loss: isGiven(loss) ? loss.text : null,
          dispatchSchedule,
        };
      }
      case "router": {
        if (!loadable(fields, queue, `Node ${id.text}: router nodes require inputs.queue`)) return null;
        const places = inputPlaces(fields.findings, { "inputs/queue": queue });
        return { ...base, kind, inputPlaces: places, queue: queue.loaded, routes };
      }
      case null:
        return null;
    }
  };
  return {
    index,
    head: fields.head,
    id: id?.text ?? null,
    kind,
    isFed,
    expr,
    values,
    pmfValues,
    probabilities,
    built: build(),
  };
}

function inputPlaces(
  findings: Findings,
  fields: Readonly<Record<string, Pick<TextField, "loaded" | "at"> | null>>,
): InputPlaces {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) =>
      field?.loaded ? [[name, { name: field.loaded, span: findings.span(field.at) }]] : [],
    ),
  );
}

/** Each kind has its own fields; a field of another kind is named as such. */
function checkFields(fields: Fields, kind: (typeof KINDS)[number] | null, profile: ModelProfile, isFed: boolean): void {
  fields.require("id", "kind");
  const common = profile === "live" ? [...COMMON_FIELDS, "source"] : COMMON_FIELDS;
  if (kind === null) {
    fields.allow([...common, ...ALL_FIELDS]);
    return;
  }
  const { required, optional } = OWN_FIELDS[kind];
  if (kind !== "const" || !isFed) fields.require(...required);
  const allowed = [...common, ...required, ...optional];
  for (const [name, { key }] of fields.mapping.entries) {
    if (allowed.includes(name)) continue;
    const owner = KINDS.find((other) => [...OWN_FIELDS[other].required, ...OWN_FIELDS[other].optional].includes(name));
    const isLiveOnly = name === "source" && profile === "direct";
    fields.findings.report({
      code: owner === undefined ? "unknown_field" : "misplaced_field",
      message:
        owner === undefined
          ? `Field '${name}' is not part of a node of kind '${kind}'.`
          : `Field '${name}' belongs to nodes of kind '${owner}', not '${kind}'.`,
      pointer: fields.at(name),
      at: key,
      hint: isLiveOnly
        ? "Only live runs take a telemetry source."
        : (fields.findings.didYouMean(name, allowed) ?? `Fields of this kind: ${allowed.join(", ")}.`),
    });
  }
}

function readRoutes(fields: Fields): readonly Route[] {
  return fields.each("routes", "a route", 1).flatMap(({ fields: route }) => {
    route.allow(["target", "classes", "weight"]);
    route.require("target");
    const target = route.nonEmptyText("target");
    const classes = route.texts("classes");
    const weight = route.number("weight", { above: 0 });
    if (!route.has("classes") && !route.has("weight")) {
      route.findings.report({
        code: "missing_field",
        message: "A route must have the field 'classes' or the field 'weight'.",
        pointer: route.pointer,
        at: route.head,
      });
    }
    if (target === null || !loadable(route, target, "router routes must specify target")) return [];
    if (classes?.length === 0 && !route.has("weight")) {
      route.findings.report({
        tier: "analyse",
        code: "route_selects_nothing",
        message: `router route '${target.text}' must declare classes or positive weight`,
        pointer: route.pointer,
        at: target.at,
      });
    }
    return [{ target: target.loaded, classes: classes ?? [], weight }];
  });
}

/** The schedule of a node, of either list; its faults are reported, null when there is none. */
export function readDispatchSchedule(owner: Fields): DispatchSchedule | null {
  const fields = owner.inner("dispatchSchedule", "a dispatch schedule");
  if (fields === null) return null;
  fields.allow(["kind", "periodBins", "phaseOffset", "capacitySeries"]);
  fields.require("periodBins");
  fields.choice("kind", ["time-based"]);
  const periodBins = fields.integer("periodBins", { min: 1 });
  const phaseOffset = fields.integer("phaseOffset");
  const capacitySeries = fields.text("capacitySeries");
  if (periodBins === null) return null;
  return {
    periodBins,
    phaseOffset: phaseOffset ?? 0,
    capacitySeries: isGiven(capacitySeries) ? capacitySeries.text : null,
  };
}

function isGiven(field: TextField | null): field is TextField & { readonly loaded: string } {
  return field !== null && field.loaded !== null && field.loaded.trim() !== "";
}

/** Whether FlowTime's loader takes a required text; reports its own sentence when a text that is there will not do. */
function loadable(
  fields: Fields,
  field: TextField | null,
  problem: string,
): field is TextField & { readonly loaded: string } {
  if (isGiven(field)) return true;
  if (field !== null) {
    fields.findings.report({
      tier: "analyse",
      code: "blank_field",
      message: problem,
      pointer: fields.pointer,
      at: field.at,
    });
  }
  return false;
}
