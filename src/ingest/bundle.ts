import type { CellValue } from "../protocol/frame.ts";
import type { BindingRequest, Grid } from "../protocol/run.ts";
import { addRows, type Cells, parseCsv } from "./bundle-csv.ts";
import { BundleError } from "./bundle-error.ts";
import { BundleFolder, sha256Of } from "./bundle-files.ts";
import type { BundleSeries } from "./bundle-frames.ts";
import { DEFAULT_CLASS, type Manifest, type ManifestFile, parseManifest } from "./bundle-manifest.ts";

export const MODEL_FILE = "model.yaml";
export const MANIFEST_FILE = "manifest.json";

/** A CSV that feeds something: by the model's word (`file:` reference) or by its name. */
export interface BundleFeed {
  readonly binding: BindingRequest;
  /** A `file:` reference as the model has it, or a path relative to the bundle. */
  readonly path: string;
}

export interface ReadBundleOptions {
  /**
   * What the model itself binds to files (`source`, `file:` semantics). Read beside a manifest too; where both name the
   * same role, the manifest is followed. A reference out of the bundle is not read: a warning says so.
   */
  readonly references?: readonly BundleFeed[];
  /** Files by naming convention, used only without a manifest. Those that do not exist feed nothing. */
  readonly conventions?: readonly BundleFeed[];
  /**
   * The model's series that a binding names, null when it has none. What it has not is skipped, as FlowTime does, with a
   * warning; one file that feeds one series in several roles is fed once. Default: everything is taken as given.
   */
  readonly seriesOf?: (binding: BindingRequest) => string | null;
  /**
   * The model assigns classes itself (`traffic.arrivals`): then what was captured of them is not fed, and one warning says
   * so. Default no.
   */
  readonly computesClasses?: boolean;
  /** Bins of the model's grid, for bundles whose manifest has none. Default: as many as the CSVs fill. */
  readonly bins?: number;
}

export interface Bundle {
  /** Of the manifest; null without one. */
  readonly grid: Grid | null;
  /** Bins to feed: of the manifest's grid, else `options.bins`, else up to the last row. */
  readonly bins: number;
  /** To ask for when the run is created: what the manifest or the file names bind, not what the model binds itself. */
  readonly bindings: readonly BindingRequest[];
  readonly series: readonly BundleSeries[];
  readonly warnings: readonly string[];
}

/** One CSV in one role, before it is read. */
export interface PlannedSeries {
  readonly binding: BindingRequest;
  readonly file: string;
  readonly sha256: string | null;
  readonly isBoundByModel: boolean;
}

export interface BundlePlan {
  readonly series: readonly PlannedSeries[];
  readonly warnings: readonly string[];
}

/** Text of the bundle's model. @throws BundleError `bundle_not_found`, `model_missing` */
export async function readBundleModel(dir: string): Promise<string> {
  const bytes = await (await BundleFolder.open(dir)).read(MODEL_FILE);
  if (bytes === null) {
    throw new BundleError(
      "model_missing",
      `${dir} has no ${MODEL_FILE}; put the model there or name one with --model.`,
      {
        facts: { dir, file: MODEL_FILE },
      },
    );
  }
  return bytes.toString("utf8");
}

/**
 * Reads a telemetry bundle: a folder with `model.yaml`, CSVs and, usually, `manifest.json`. What the manifest lists is
 * bound; hashes that it gives are checked. Nothing is returned of a bundle that is wrong anywhere.
 * @throws BundleError
 */
export async function readBundle(dir: string, options: ReadBundleOptions = {}): Promise<Bundle> {
  const folder = await BundleFolder.open(dir);
  const manifestBytes = await folder.read(MANIFEST_FILE);
  const manifest = manifestBytes === null ? null : parseManifest(manifestBytes.toString("utf8"));
  const plan = await planBundle(folder, manifest, options);
  const grid = manifest?.grid ?? null;
  const horizon = grid?.bins ?? options.bins ?? null;
  const warnings = [...plan.warnings];
  const cellsByFile = new Map<string, Cells>();
  const series: BundleSeries[] = [];
  for (const planned of plan.series) {
    const cells = cellsByFile.get(planned.file) ?? (await readCells(folder, planned, horizon));
    cellsByFile.set(planned.file, cells);
    series.push({ binding: planned.binding, file: planned.file, cells });
  }
  if (series.length === 0) warnings.push("The bundle has no CSV that feeds the model; every series is computed.");
  return { grid, bins: horizon ?? binsFilled(series), bindings: requestedBindings(plan), series, warnings };
}

export function requestedBindings(plan: BundlePlan): readonly BindingRequest[] {
  return plan.series.filter((planned) => !planned.isBoundByModel).map((planned) => planned.binding);
}

/** Which files are to be read, and what each feeds. Files need not exist yet, except those found by their names. */
export async function planBundle(
  folder: BundleFolder,
  manifest: Manifest | null,
  options: ReadBundleOptions,
): Promise<BundlePlan> {
  const warnings: string[] = [];
  const found =
    manifest === null ? await conventionalSeries(folder, options.conventions ?? []) : manifest.files.map(planFile);
  const listed = options.computesClasses === true ? found.filter(isTotal) : found;
  if (listed.length < found.length) {
    const count = found.length - listed.length;
    const files = count === 1 ? "1 file of a class is" : `${count} files of classes are`;
    warnings.push(`The model assigns classes itself (traffic.arrivals): of the bundle ${files} not fed.`);
  }
  const series = options.seriesOf === undefined ? listed : fedOnce(listed, options.seriesOf, warnings);
  const taken = new Set(listed.map((planned) => bindingKey(planned.binding)));
  for (const { binding, path } of options.references ?? []) {
    if (taken.has(bindingKey(binding))) continue;
    const file = await folder.locateReference(path);
    if (file === null) {
      warnings.push(
        `${describeBinding(binding)} refers to '${path}', which is not a file of the bundle: it is not fed.`,
      );
      continue;
    }
    series.push({ binding, file, sha256: null, isBoundByModel: true });
  }
  return { series, warnings };
}

/** Fails when a file's bytes are not those the manifest lists. @throws BundleError `hash_mismatch` */
export function checkHash(bytes: Uint8Array, planned: Pick<PlannedSeries, "file" | "sha256">): void {
  if (planned.sha256 === null) return;
  const actual = sha256Of(bytes);
  if (actual !== planned.sha256) {
    throw new BundleError(
      "hash_mismatch",
      `${planned.file} is not the file that manifest.json lists: its SHA-256 is ${actual}, listed is ${planned.sha256}. ` +
        "It was changed after the capture, or copied only in part.",
      { facts: { file: planned.file, expected: planned.sha256, actual } },
    );
  }
}

export function missingCsv(file: string): BundleError {
  return new BundleError("csv_missing", `${file} is listed, but not in the bundle.`, { facts: { file } });
}

export function describeBinding(binding: BindingRequest): string {
  if (typeof binding === "string") return `Series '${binding}'`;
  const ofClass = binding.classId === undefined ? "" : ` for class '${binding.classId}'`;
  return `'${binding.metric}' of '${binding.nodeId}'${ofClass}`;
}

async function readCells(folder: BundleFolder, planned: PlannedSeries, bins: number | null): Promise<Cells> {
  const bytes = await folder.read(planned.file);
  if (bytes === null) throw missingCsv(planned.file);
  checkHash(bytes, planned);
  const { rows } = parseCsv(bytes.toString("utf8"), { file: planned.file, linesBefore: 0, bins });
  const cells = new Map<number, CellValue>();
  addRows(cells, rows, planned.file);
  return cells;
}

async function conventionalSeries(folder: BundleFolder, conventions: readonly BundleFeed[]): Promise<PlannedSeries[]> {
  const series: PlannedSeries[] = [];
  for (const { binding, path } of conventions) {
    if ((await folder.stat(path)) !== null) series.push({ binding, file: path, sha256: null, isBoundByModel: false });
  }
  return series;
}

function fedOnce(
  listed: readonly PlannedSeries[],
  seriesOf: (binding: BindingRequest) => string | null,
  warnings: string[],
): PlannedSeries[] {
  const fed = new Set<string>();
  return listed.filter(({ binding, file }) => {
    const seriesId = seriesOf(binding);
    if (seriesId === null) {
      warnings.push(`${describeBinding(binding)} is listed with ${file}, but not in the model: it is not fed.`);
      return false;
    }
    const classId = typeof binding === "string" ? null : (binding.classId ?? null);
    const key = JSON.stringify([seriesId, classId, file]);
    if (fed.has(key)) return false;
    fed.add(key);
    return true;
  });
}

function isTotal({ binding }: PlannedSeries): boolean {
  return typeof binding === "string" || binding.classId === undefined;
}

function planFile(file: ManifestFile): PlannedSeries {
  return { binding: bindingOf(file), file: file.path, sha256: file.sha256, isBoundByModel: false };
}

export function bindingOf(file: ManifestFile): BindingRequest {
  const { nodeId, metric, classId } = file;
  return classId === DEFAULT_CLASS ? { nodeId, metric } : { nodeId, metric, classId };
}

/** The same text for the same role, whatever its case. */
function bindingKey(binding: BindingRequest): string {
  return typeof binding === "string"
    ? binding
    : JSON.stringify([binding.nodeId.toLowerCase(), binding.metric.toLowerCase(), binding.classId ?? DEFAULT_CLASS]);
}

function binsFilled(series: readonly BundleSeries[]): number {
  let bins = 0;
  for (const { cells } of series) for (const bin of cells.keys()) bins = Math.max(bins, bin + 1);
  return bins;
}
