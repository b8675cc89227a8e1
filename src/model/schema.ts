import { BIN_UNITS } from "../lib/bin-length.ts";
import type { Draft, DraftArrival, DraftOutput, ModelProfile } from "./draft.ts";
import { Fields, type TextField } from "./fields.ts";
import type { Findings } from "./findings.ts";
import type { ModelClass, ModelProvenance, TimeGrid } from "./model.ts";
import { readNode } from "./schema-nodes.ts";
import { readTopology } from "./schema-topology.ts";
import { describe, type SourceNode } from "./source-tree.ts";

export const SCHEMA_VERSION = 1;
export const MAX_BINS = 10_000;
export const MAX_BIN_SIZE = 1000;
const MAX_SEED = 2 ** 31 - 1;

const RNG_KINDS = ["pcg32", "mt19937", "xoshiro256"] as const;
const MODES = ["simulation", "telemetry"] as const;
const PATTERN_KINDS = ["constant", "poisson"] as const;

const CLASS_ID = /^[A-Za-z0-9_-]+$/;
const OUTPUT_FILE = /^[a-zA-Z0-9_-]+\.(csv|txt)$/;

const ROOT_FIELDS = [
  "schemaVersion",
  "grid",
  "nodes",
  "topology",
  "classes",
  "traffic",
  "outputs",
  "rng",
  "provenance",
];
const LIVE_ROOT_FIELDS = [...ROOT_FIELDS, "metadata", "mode"];

/** Structural rules of a model document (engine.md §2). Reports every fault; null when the document is no mapping. */
export function readDraft(root: SourceNode, findings: Findings, profile: ModelProfile): Draft | null {
  if (root.kind !== "mapping") {
    findings.report({
      code: "root_not_mapping",
      message: `A model is a mapping with the fields 'schemaVersion', 'grid' and 'nodes'; this is ${describe(root)}.`,
      pointer: "",
      at: { start: root.start, end: root.end },
    });
    return null;
  }
  const fields = Fields.of(findings, root, "", "a model")!;
  fields.allow(profile === "live" ? LIVE_ROOT_FIELDS : ROOT_FIELDS);
  fields.require("schemaVersion", "grid", "nodes");
  checkSchemaVersion(fields);
  checkRng(fields);
  const grid = readGrid(fields);
  const classes = readClasses(fields);
  const topology = readTopology(fields);
  const { generatedAt, provenance } = readProvenance(fields);
  return {
    ...grid,
    nodes: fields.each("nodes", "a node", 1).map(({ index, fields: node }) => readNode(node, index, profile)),
    topologyNodes: topology?.nodes ?? [],
    topology: topology === null ? null : { edges: topology.edges, constraints: topology.constraints },
    ...classes,
    arrivals: readArrivals(fields),
    outputs: readOutputs(fields),
    generatedAt,
    provenance,
  };
}

function checkSchemaVersion(root: Fields): void {
  const version = root.integer("schemaVersion");
  if (version === null || version === SCHEMA_VERSION) return;
  root.findings.report({
    code: "schema_version",
    message: `Field 'schemaVersion' is ${version}; only version ${SCHEMA_VERSION} is known.`,
    pointer: "/schemaVersion",
    at: root.node("schemaVersion"),
  });
}

function checkRng(root: Fields): void {
  const rng = root.inner("rng", "the field 'rng'");
  rng?.allow(["kind", "seed"]);
  rng?.choice("kind", RNG_KINDS);
  rng?.integer("seed", { min: 0, max: MAX_SEED });
}

function readGrid(root: Fields): Pick<Draft, "grid" | "bins" | "start"> {
  const fields = root.inner("grid", "the grid");
  if (fields === null) return { grid: null, bins: null, start: null };
  fields.allow(["bins", "binSize", "binUnit", "start"]);
  fields.require("bins", "binSize", "binUnit");
  const bins = fields.integer("bins", { min: 1, max: MAX_BINS });
  const binSize = fields.integer("binSize", { min: 1, max: MAX_BIN_SIZE });
  const binUnit = fields.choice("binUnit", BIN_UNITS);
  const start = fields.text("start");
  const isWhole = bins !== null && binSize !== null && binUnit !== null;
  const grid: TimeGrid | null = isWhole ? { bins, binSize, binUnit, start: blankAsNull(start) } : null;
  return { grid, bins: bins !== null && bins >= 1 ? bins : null, start };
}

function readClasses(root: Fields): Pick<Draft, "classes" | "classIds"> {
  const classIds = new Set<string>();
  const classes: ModelClass[] = [];
  for (const { fields } of root.each("classes", "a class", 1)) {
    fields.allow(["id", "displayName", "description"]);
    fields.require("id");
    const id = fields.text("id");
    const displayName = fields.text("displayName");
    const description = fields.text("description");
    if (id === null) continue;
    if (id.text.trim() !== "") classIds.add(id.text);
    if (!CLASS_ID.test(id.text)) {
      fields.findings.report({
        code: "bad_id",
        message: `Class id '${id.text}' must consist of the letters a-z and A-Z, digits, '_' and '-'.`,
        pointer: fields.at("id"),
        at: id.at,
      });
    }
    classes.push({
      id: id.text,
      displayName: displayName?.loaded ?? null,
      description: description?.loaded ?? null,
    });
  }
  return { classes, classIds };
}

function readArrivals(root: Fields): readonly DraftArrival[] {
  const traffic = root.inner("traffic", "the field 'traffic'");
  if (traffic === null) return [];
  traffic.allow(["arrivals"]);
  return traffic.each("arrivals", "an arrival", 1).map(({ index, fields }) => {
    fields.allow(["nodeId", "classId", "pattern"]);
    fields.require("nodeId", "pattern");
    const pattern = fields.inner("pattern", "the pattern of an arrival");
    pattern?.require("kind");
    pattern?.choice("kind", PATTERN_KINDS);
    pattern?.number("ratePerBin");
    pattern?.number("rate");
    const nodeId = fields.text("nodeId");
    const classId = fields.text("classId");
    const head = nodeId?.at ?? fields.head;
    const built =
      nodeId === null
        ? null
        : { nodeId: nodeId.text, classId: blankAsNull(classId) ?? "*", span: fields.findings.span(nodeId.at) };
    return { index, head, nodeId: nodeId?.text ?? null, classId, built };
  });
}

function readOutputs(root: Fields): readonly DraftOutput[] {
  return root.each("outputs", "an output").map(({ index, fields }) => {
    fields.allow(["series", "as", "exclude"]);
    fields.require("series");
    fields.texts("exclude");
    const series = fields.text("series");
    const as = fields.text("as");
    if (as !== null && !OUTPUT_FILE.test(as.text)) {
      fields.findings.report({
        code: "bad_file_name",
        message: `Output file '${as.text}' must be a name of letters, digits, '_' and '-' that ends in .csv or .txt.`,
        pointer: fields.at("as"),
        at: as.at,
      });
    }
    const built =
      series === null ? null : { series: series.text, as: as?.loaded ?? null, span: fields.findings.span(series.at) };
    return { index, series, built };
  });
}

function readProvenance(root: Fields): {
  readonly generatedAt: TextField | null;
  readonly provenance: ModelProvenance | null;
} {
  const fields = root.inner("provenance", "the provenance");
  if (fields === null) return { generatedAt: null, provenance: null };
  fields.allow(["generator", "generatedAt", "templateId", "templateVersion", "mode", "modelId", "parameters"]);
  fields.text("generator");
  fields.text("modelId");
  fields.inner("parameters", "the field 'parameters'");
  const templateId = fields.text("templateId")?.loaded ?? null;
  const templateVersion = fields.text("templateVersion")?.loaded ?? null;
  return {
    generatedAt: fields.text("generatedAt"),
    provenance: { templateId, templateVersion, mode: fields.choice("mode", MODES) },
  };
}

function blankAsNull(field: TextField | null): string | null {
  const text = field?.loaded ?? "";
  return text.trim() === "" ? null : text;
}
