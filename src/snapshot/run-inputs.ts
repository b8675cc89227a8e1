import { parseFloatText, trimDotnet } from "../lib/dotnet-number.ts";
import type { BindingSpec } from "../model/bind.ts";
import { compileModel } from "../model/compile.ts";
import { isFileReference } from "../model/descriptor.ts";
import { seriesOfBinding } from "../model/feeds.ts";
import { parseModel } from "../model/parse.ts";
import type { Frame } from "../protocol/frame.ts";
import { numberToCell } from "../protocol/frame.ts";
import type { Adjustment, RunModes } from "../protocol/run.ts";
import { isMissingFile } from "./findings.ts";
import { DEFAULT_CLASS, PROVENANCE_FILE, SPEC_FILE, TELEMETRY_FOLDER, TELEMETRY_MANIFEST_FILE } from "./layout.ts";
import { LIVE_FILE, type RevisedBins } from "./live-definition.ts";
import { isObject, optionalText, readJsonObject, readRunFolder, readText, type StoredRun } from "./reader.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { unlinkSeries } from "./unlink.ts";

/** What a stored run was computed from, read from its folder. */
export interface RunInputs {
  /**
   * `direct`: a model alone, without the series of edges; `simulation`: a model alone; `telemetry`: a model and the files of
   * a capture; `live`: a live run of this engine.
   */
  readonly kind: "direct" | "simulation" | "telemetry" | "live";
  /** The model, its semantics naming series. Of a live run the whole model, though only `bins` of it are stored. */
  readonly modelText: string;
  readonly bins: number;
  readonly bindings: readonly BindingSpec[];
  readonly feeds: readonly { readonly target: BindingSpec; readonly values: Float64Array }[];
  /** Hash of the chain at the newest stored bin, of live runs. */
  readonly hash: string | null;
  /** Limits that the run enforced. */
  readonly modes: RunModes;
  /** Changes of the model of a live run, in order. */
  readonly adjustments: readonly Adjustment[];
  /** Bins of a live run that were corrected: the feeds have their newest values, the hash covers how often. */
  readonly revisions: readonly RevisedBins[];
}

/** @throws SnapshotError `run_folder_unreadable` */
export async function readRunInputs(directory: string): Promise<RunInputs> {
  const stored = await readRunFolder(directory);
  const live = await optionalJson(directory, LIVE_FILE);
  if (live !== null) return liveInputs(stored, live);
  const manifest = await optionalJson(directory, TELEMETRY_MANIFEST_FILE);
  const ownSeries = new Set(
    stored.index.series.filter(({ kind }) => kind !== "edge").map(({ id }) => id.slice(0, id.indexOf("@"))),
  );
  const modelText = unlinkSeries(await readText(directory, SPEC_FILE), ownSeries);
  const modes = modesOf(await optionalJson(directory, PROVENANCE_FILE));
  const common = { modelText, bins: stored.run.grid.bins, hash: null, modes, adjustments: [], revisions: [] };
  const files = Array.isArray(manifest?.files) ? manifest.files.filter(isObject) : [];
  // A capture of the run itself, put into its own folder, is not what the run was computed from.
  const isOwnCapture = isObject(manifest?.provenance) && manifest.provenance.runId === stored.run.runId;
  if (files.length > 0 && !isOwnCapture)
    return { kind: "telemetry", ...common, ...(await telemetryFeeds(stored, modelText, files)) };
  const hasEdges = stored.index.series.some(({ kind }) => kind === "edge");
  const isDirect = manifest === null || (files.length > 0 && !hasEdges);
  return { kind: isDirect ? "direct" : "simulation", ...common, bindings: [], feeds: [] };
}

/**
 * The stored run as it came: changes of the model, then for each bin its cells and a watermark. A NaN is a gap; nothing is
 * said of it.
 */
export function* inputFrames({
  feeds,
  bins,
  adjustments,
}: Pick<RunInputs, "feeds" | "bins" | "adjustments">): Generator<Frame> {
  for (const { fromBin, set } of adjustments) yield { type: "adjust", fromBin, set };
  for (let binIndex = 0; binIndex < bins; binIndex++) {
    for (const { target, values } of feeds) {
      const value = numberToCell(values[binIndex] ?? Number.NaN);
      if (value === null) continue;
      if (typeof target === "string") yield { type: "telemetry", binIndex, seriesId: target, value };
      else yield { type: "telemetry", binIndex, nodeId: target.nodeId, metrics: { [target.metric]: value } };
    }
    yield { type: "watermark", binIndex };
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

async function liveInputs({ directory, run }: StoredRun, live: JsonObject): Promise<RunInputs> {
  const modelText = optionalText(live, "model");
  const { bindings, inputs } = live;
  if (modelText === null || !Array.isArray(bindings) || !Array.isArray(inputs) || live.schemaVersion !== 1) {
    throw unreadable(`${LIVE_FILE} in ${directory} is not of a form that this version reads`);
  }
  const feeds = [];
  for (const input of inputs.filter(isObject)) {
    const [target, path] = [optionalText(input, "seriesId"), optionalText(input, "path")];
    if (target === null || path === null) throw unreadable(`${LIVE_FILE} in ${directory} has an input without a file`);
    feeds.push({ target, values: await readValues(directory, path, run.grid.bins) });
  }
  const { adjustments = [], revisions = [] } = live;
  if (!Array.isArray(adjustments) || !Array.isArray(revisions)) {
    throw unreadable(`${LIVE_FILE} in ${directory} is not of a form that this version reads`);
  }
  const provenance = await optionalJson(directory, PROVENANCE_FILE);
  const position = isObject(provenance?.live) ? provenance.live : {};
  return {
    kind: "live",
    modelText,
    bins: run.grid.bins,
    bindings: bindings as readonly BindingSpec[],
    feeds,
    hash: optionalText(position, "hash"),
    modes: modesOf(provenance),
    adjustments: adjustments as readonly Adjustment[],
    revisions: revisions as readonly RevisedBins[],
  };
}

function modesOf(provenance: JsonObject | null): RunModes {
  const modes = isObject(provenance?.modes) ? provenance.modes : {};
  return { wip: modes.wip === true, constraints: modes.constraints === true };
}

/** What a capture's manifest binds: totals by the role they play; a series with classes only has their sum (artifacts.md §10.3). */
async function telemetryFeeds(
  { directory, run }: StoredRun,
  modelText: string,
  files: readonly JsonObject[],
): Promise<Pick<RunInputs, "bindings" | "feeds">> {
  const parsed = parseModel(modelText);
  const model = parsed.model === null ? null : (compileModel(parsed.model).plan?.model ?? parsed.model);
  const { bins } = run.grid;
  const totals = new Map<string, { readonly target: BindingSpec; readonly values: Float64Array }>();
  const sums = new Map<string, { readonly target: BindingSpec; readonly values: Float64Array }>();
  for (const file of files) {
    const [nodeId, metric, name] = [optionalText(file, "nodeId"), metricOf(file.metric), optionalText(file, "path")];
    if (nodeId === null || metric === null || name === null || model === null) continue;
    const seriesId = seriesOfBinding(model, { nodeId, metric });
    // FlowTime's bundler passes over what the model does not have.
    if (seriesId === null) continue;
    const target = isFileReference(seriesId) ? { nodeId, metric } : seriesId;
    const values = await readValues(directory, `${TELEMETRY_FOLDER}/${name.split(/[/\\]/).at(-1)}`, bins);
    if ((optionalText(file, "classId") ?? DEFAULT_CLASS) === DEFAULT_CLASS) {
      totals.set(seriesId, { target, values });
      continue;
    }
    const sum = sums.get(seriesId) ?? { target, values: new Float64Array(bins) };
    for (let bin = 0; bin < bins; bin++) sum.values[bin]! += values[bin]!;
    sums.set(seriesId, sum);
  }
  const feeds = [...new Map([...sums, ...totals]).values()];
  return { bindings: feeds.map(({ target }) => target), feeds };
}

/** Metric names by ordinal, as older manifests have them (artifacts.md §9.5). */
const METRICS = ["Arrivals", "Served", "Errors", "ExternalDemand", "QueueDepth", "Capacity"];

function metricOf(value: unknown): string | null {
  return typeof value === "number" ? (METRICS[value] ?? null) : typeof value === "string" ? value : null;
}

/** By position, the last field of every row; an empty one is a gap (artifacts.md §10.3). */
async function readValues(directory: string, name: string, bins: number): Promise<Float64Array> {
  const rows = (await readText(directory, name))
    .split("\n")
    .slice(1)
    .filter((row) => trimDotnet(row) !== "");
  if (rows.length !== bins)
    throw unreadable(`${name} in ${directory} has ${rows.length} rows; the run has ${bins} bins`);
  return Float64Array.from(rows, (row, bin) => {
    const text = trimDotnet(row.slice(row.lastIndexOf(",") + 1));
    const value = text === "" ? Number.NaN : parseFloatText(text);
    if (value === null) throw unreadable(`${name} in ${directory}: the value '${text}' of bin ${bin} is not a number`);
    return value;
  });
}

async function optionalJson(directory: string, name: string): Promise<JsonObject | null> {
  try {
    return await readJsonObject(directory, name);
  } catch (error) {
    if (isMissingFile(error)) return null;
    throw error;
  }
}

function unreadable(message: string): SnapshotError {
  return new SnapshotError("run_folder_unreadable", message);
}
