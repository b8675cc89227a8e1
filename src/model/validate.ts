import { parseUtc } from "../lib/utc-time.ts";
import { isFileReference, seriesNodeId } from "./descriptor.ts";
import type { Draft, DraftNode } from "./draft.ts";
import { collectReferences, type Expression, parseExpression } from "./expression.ts";
import type { TextField } from "./fields.ts";
import type { Findings, Placed } from "./findings.ts";
import { placeInScalar } from "./scalar-place.ts";

/** How far the probabilities of a pmf may miss 1. */
const PROBABILITY_TOLERANCE = 1e-4;

/**
 * Meaning rules (engine.md §2.5), in FlowTime's words. They run on what the structural checks left, so that one misspelt
 * field does not hide what else is wrong.
 */
export function validateDraft(draft: Draft, findings: Findings): void {
  const ids = new Set(draft.nodes.flatMap((node) => (isBlank(node.id) ? [] : [node.id])));
  checkClasses(draft, findings);
  checkUniqueIds(draft, findings);
  checkOutputs(draft, ids, findings);
  const initialised = initialisedIds(draft);
  for (const node of draft.nodes) {
    checkExpression(node, ids, initialised, findings);
    checkConst(node, draft.bins, findings);
    checkPmf(node, findings);
  }
  checkSemantics(draft, ids, findings);
  checkOverflow(draft, findings);
  checkDate(draft.start, "/grid/start", findings);
  checkDate(draft.generatedAt, "/provenance/generatedAt", findings);
}

function checkClasses({ arrivals, classIds }: Draft, findings: Findings): void {
  if (classIds.size === 0) return;
  for (const { index, head, nodeId, classId } of arrivals) {
    const pointer = `/traffic/arrivals/${index}`;
    if (classId === null || isBlank(classId.text)) {
      findings.report({
        code: "class_missing",
        message: `Arrival targeting '${nodeId ?? "<unknown>"}' must declare classId because model.classes are defined.`,
        pointer,
        at: head,
      });
    } else if (!classIds.has(classId.text)) {
      findings.report({
        code: "unknown_class",
        message: `Class '${classId.text}' is not declared under model.classes.`,
        pointer: `${pointer}/classId`,
        at: classId.at,
        hint: findings.didYouMean(classId.text, classIds),
      });
    }
  }
}

function checkUniqueIds({ nodes, topologyNodes }: Draft, findings: Findings): void {
  const seen = new Map<string, Placed>();
  for (const { id, index, head } of nodes) {
    if (isBlank(id)) continue;
    const first = seen.get(id);
    if (first === undefined) {
      seen.set(id, head);
      continue;
    }
    findings.report({
      code: "duplicate_id",
      message: `/nodes/${index}: duplicate node id '${id}' (node ids must be unique within nodes[]).`,
      pointer: `/nodes/${index}/id`,
      at: head,
      hint: `First on line ${findings.span(first).line}.`,
    });
  }
  const topologyIds = new Map<string, Placed>();
  for (const { id, index, head } of topologyNodes) {
    if (isBlank(id)) continue;
    const folded = id.trim().toLowerCase();
    const first = topologyIds.get(folded);
    if (first === undefined) {
      topologyIds.set(folded, head);
      continue;
    }
    findings.report({
      tier: "analyse",
      code: "duplicate_topology_id",
      message: `An item with the same key has already been added. Key: ${id}`,
      pointer: `/topology/nodes/${index}/id`,
      at: head,
      hint: `Ids of topology nodes must differ in more than case. First on line ${findings.span(first).line}.`,
    });
  }
}

function checkOutputs({ outputs }: Draft, ids: ReadonlySet<string>, findings: Findings): void {
  for (const { index, series } of outputs) {
    if (series === null || isBlank(series.text) || series.text === "*" || ids.has(series.text)) continue;
    findings.report({
      code: "unknown_output",
      message: `/outputs/${index}: output series '${series.text}' does not match any declared nodes[].id.`,
      pointer: `/outputs/${index}/series`,
      at: series.at,
      hint: findings.didYouMean(series.text, ids),
    });
  }
}

function checkExpression(
  { index, id, kind, expr }: DraftNode,
  ids: ReadonlySet<string>,
  initialised: ReadonlySet<string>,
  findings: Findings,
): void {
  if (kind !== "expr" || expr === null || isBlank(expr.text)) return;
  const parsed = parseExpression(expr.text);
  // A syntax error is the compiler's to report.
  if (!parsed.ok) return;
  const pointer = `/nodes/${index}/expr`;
  const missing = new Set<string>();
  for (const { name, position } of collectReferences(parsed.tree)) {
    if (ids.has(name) || missing.has(name)) continue;
    missing.add(name);
    findings.report({
      code: "unknown_reference",
      message: `/nodes/${index}: expression on '${id ?? "<unknown>"}' references unknown node id '${name}'.`,
      pointer,
      at: placeInScalar(findings.text, expr.at, expr.text, position, name.length),
      hint: findings.didYouMean(name, ids),
    });
  }
  const shift = isBlank(id) || initialised.has(id.toLowerCase()) ? null : selfShift(parsed.tree, id);
  if (shift === null) return;
  findings.report({
    code: "self_shift",
    message:
      `/nodes/${index}: Expression node '${id}' uses SHIFT on itself and requires an initial condition ` +
      "(topology.nodes[].initialCondition.queueDepth).",
    pointer,
    at: placeInScalar(findings.text, expr.at, expr.text, shift.position, shift.name.length),
  });
}

/** The first SHIFT with a literal positive lag whose first argument is just the node itself. */
function selfShift(tree: Expression, id: string): (Expression & { kind: "call" }) | null {
  if (tree.kind === "binary") return selfShift(tree.left, id) ?? selfShift(tree.right, id);
  if (tree.kind !== "call") return null;
  const [shifted, lag] = tree.args;
  const isSelf = shifted?.kind === "reference" && shifted.name === id;
  const isLagged = tree.args.length === 2 && lag?.kind === "number" && lag.value > 0;
  if (tree.name.toUpperCase() === "SHIFT" && isSelf && isLagged) return tree;
  for (const argument of tree.args) {
    const found = selfShift(argument, id);
    if (found !== null) return found;
  }
  return null;
}

/** Lower-cased ids that an initial condition covers: of topology nodes that have one, and of the queues they name. */
function initialisedIds({ topologyNodes }: Draft): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { id, series, hasInitialCondition } of topologyNodes) {
    if (!hasInitialCondition) continue;
    const depth = series.get("queueDepth")?.text;
    for (const covered of [id, depth?.trim()]) {
      if (!isBlank(covered)) ids.add(covered.toLowerCase());
    }
  }
  return ids;
}

function checkConst({ index, id, kind, values, isFed }: DraftNode, bins: number | null, findings: Findings): void {
  if (kind !== "const" || values === null || bins === null || values.count === bins) return;
  if (isFed && values.count === 0) return;
  findings.report({
    code: "const_length",
    message: `/nodes/${index}: const node '${id ?? "<unknown>"}' values length ${values.count} does not match grid.bins ${bins}.`,
    pointer: `/nodes/${index}/values`,
    at: values.at,
  });
}

function checkPmf({ index, id, kind, pmfValues, probabilities }: DraftNode, findings: Findings): void {
  if (kind !== "pmf") return;
  const name = `/nodes/${index}: pmf node '${id ?? "<unknown>"}'`;
  const pointer = `/nodes/${index}/pmf`;
  if (pmfValues !== null && probabilities !== null && pmfValues.count !== probabilities.count) {
    findings.report({
      code: "pmf_lengths",
      message: `${name} probabilities length ${probabilities.count} does not match values length ${pmfValues.count}.`,
      pointer: `${pointer}/probabilities`,
      at: probabilities.at,
    });
  }
  const seen = new Set<number>();
  for (const value of pmfValues?.values ?? []) {
    if (seen.has(value)) {
      findings.report({
        code: "pmf_duplicate_value",
        message: `${name} contains duplicate value '${numberText(value)}'.`,
        pointer: `${pointer}/values`,
        at: pmfValues!.at,
      });
    }
    seen.add(value);
  }
  if (probabilities === null || probabilities.count === 0 || probabilities.values.length < probabilities.count) return;
  const sum = probabilities.values.reduce((total, probability) => total + probability, 0);
  if (Math.abs(sum - 1) <= PROBABILITY_TOLERANCE) return;
  findings.report({
    code: "pmf_sum",
    message: `${name} probabilities sum ${numberText(sum)} is not 1.0 (tolerance 1e-4).`,
    pointer: `${pointer}/probabilities`,
    at: probabilities.at,
  });
}

function checkSemantics({ topologyNodes }: Draft, ids: ReadonlySet<string>, findings: Findings): void {
  for (const { index, series } of topologyNodes) {
    for (const [role, field] of series) {
      const text = field.text.trim();
      if (text === "" || text.toLowerCase() === "self" || isFileReference(text)) continue;
      const name = seriesNodeId(text);
      if (name === "" || ids.has(name)) continue;
      const pointer = `/topology/nodes/${index}/semantics/${role}`;
      findings.report({
        code: "unknown_series",
        message: `${pointer}: series reference '${name}' does not match any declared nodes[].id.`,
        pointer,
        at: field.at,
        hint: findings.didYouMean(name, ids),
      });
    }
  }
}

function checkOverflow({ topologyNodes }: Draft, findings: Findings): void {
  const ids = new Map(topologyNodes.flatMap(({ id }) => (isBlank(id) ? [] : [[id.toLowerCase(), id] as const])));
  const targets = new Map<string, { readonly from: string; readonly to: string; readonly at: Placed }>();
  for (const { index, id, wipOverflow } of topologyNodes) {
    const to = wipOverflow?.text.trim() ?? "";
    if (wipOverflow === null || to === "" || to.toLowerCase() === "loss") continue;
    if (!ids.has(to.toLowerCase())) {
      findings.report({
        code: "unknown_overflow_target",
        message: `/topology/nodes/${index}: wipOverflow target '${to}' on '${id ?? "<unknown>"}' does not match any topology node.`,
        pointer: `/topology/nodes/${index}/wipOverflow`,
        at: wipOverflow.at,
        hint: findings.didYouMean(to, ids.values()),
      });
    }
    if (!isBlank(id)) targets.set(id.toLowerCase(), { from: id, to, at: wipOverflow.at });
  }
  const cycle = overflowCycle(targets);
  if (cycle === null) return;
  findings.report({
    code: "overflow_cycle",
    message: `/topology/nodes: wipOverflow routing contains a cycle involving '${cycle.from}' → '${cycle.to}'.`,
    pointer: "/topology/nodes",
    at: cycle.at,
  });
}

/** The step that closes a cycle; each node has at most one target, so a walk that meets its own trail has found one. */
function overflowCycle<Step extends { readonly to: string }>(targets: ReadonlyMap<string, Step>): Step | null {
  const trailOf = new Map<string, string>();
  for (const start of targets.keys()) {
    let at = start;
    for (let step = targets.get(at); step !== undefined && !trailOf.has(at); step = targets.get(at)) {
      trailOf.set(at, start);
      at = step.to.toLowerCase();
      if (trailOf.get(at) === start) return step;
    }
  }
  return null;
}

function checkDate(field: TextField | null, pointer: string, findings: Findings): void {
  if (field === null || isBlank(field.text) || parseUtc(field.text) !== null) return;
  findings.report({
    code: "bad_date",
    message: `${pointer}: value '${field.text}' is not a parseable ISO-8601 date-time.`,
    pointer,
    at: field.at,
    hint: "Write it like 2026-01-05T00:00:00Z.",
  });
}

function isBlank(text: string | null | undefined): text is null | undefined | "" {
  return text === null || text === undefined || text.trim() === "";
}

/** Shortest text of a finite double, with exponents laid out as .NET lays them out. */
function numberText(value: number): string {
  if (Object.is(value, -0)) return "-0";
  const magnitude = Math.abs(value);
  if (magnitude === 0 || (magnitude >= 1e-4 && magnitude < 1e17)) return String(value);
  const [mantissa = "", exponent = ""] = value.toExponential().split("e");
  const power = Number(exponent);
  return `${mantissa}E${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}
