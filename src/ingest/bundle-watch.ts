import type { Clock } from "../lib/clock.ts";
import type { Frame } from "../protocol/frame.ts";
import type { BindingRequest, Grid } from "../protocol/run.ts";
import {
  type BundlePlan,
  bindingOf,
  checkHash,
  MANIFEST_FILE,
  MODEL_FILE,
  missingCsv,
  planBundle,
  type ReadBundleOptions,
  requestedBindings,
} from "./bundle.ts";
import { BundleError } from "./bundle-error.ts";
import { BundleFolder } from "./bundle-files.ts";
import { FrameLayout } from "./bundle-frames.ts";
import { type Manifest, parseManifest } from "./bundle-manifest.ts";
import { FolderChanges, type WatchFolder, watchWithChokidar } from "./folder-changes.ts";
import { GrowingCsv } from "./growing-csv.ts";

/** Events get lost; nobody who watches a growing bundle minds two seconds. */
export const RESCAN_MS = 2_000;
/** A file or a set of files that has not changed for this long is taken as it is. Longer than a copy pauses. */
export const SETTLE_MS = 1_000;
/** With the manifest (written last) there, missing or different CSVs are waited for this long after the last change. */
export const PATIENCE_MS = 30_000;

export interface WatchBundleOptions extends ReadBundleOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** What a person should know: what is waited for, what came too late. */
  readonly onNotice?: (text: string) => void;
  /** Default: chokidar. */
  readonly watch?: WatchFolder;
}

export interface WatchedBundle {
  readonly grid: Grid | null;
  readonly bindings: readonly BindingRequest[];
  readonly warnings: readonly string[];
  /**
   * Bin by bin, each as soon as every file has written its row or gone past it; `end` once the manifest is there and
   * all its files are as listed. Ends early, without `end`, when the signal aborts. Fails with `BundleError`.
   */
  readonly frames: AsyncGenerator<Frame, void>;
}

/**
 * Waits for the model of a bundle that may still be written: there, and the same for `SETTLE_MS`. Null when the signal
 * aborts first.
 */
export async function awaitBundleModel(
  dir: string,
  options: Pick<WatchBundleOptions, "clock" | "signal" | "watch" | "onNotice">,
): Promise<string | null> {
  const folder = await BundleFolder.open(dir);
  await using changes = await changesOf(folder, options);
  const settled = new Settled(options.clock);
  let isAnnounced = false;
  while (options.signal?.aborted !== true) {
    const text = (await folder.read(MODEL_FILE))?.toString("utf8") ?? null;
    if (text !== null && text.trim() !== "" && settled.isSettled(text)) return text;
    if (text === null && !isAnnounced) options.onNotice?.(`waiting for ${MODEL_FILE} in ${dir}`);
    isAnnounced = true;
    await changes.next(SETTLE_MS);
  }
  return null;
}

/**
 * Follows a bundle folder that grows. What is fed is decided at the start and stays: by the manifest if it is there,
 * else by the names of the CSVs, once their set has not changed for `SETTLE_MS`. Null when the signal aborts before.
 */
export async function watchBundle(dir: string, options: WatchBundleOptions): Promise<WatchedBundle | null> {
  const folder = await BundleFolder.open(dir);
  const start = await decideFeeds(folder, options);
  if (start === null) return null;
  return {
    grid: start.manifest?.grid ?? null,
    bindings: requestedBindings(start.plan),
    warnings: start.plan.warnings,
    frames: follow(folder, start, options),
  };
}

interface Feeds {
  readonly manifest: Manifest | null;
  readonly plan: BundlePlan;
}

async function decideFeeds(folder: BundleFolder, options: WatchBundleOptions): Promise<Feeds | null> {
  await using changes = await changesOf(folder, options);
  const settled = new Settled(options.clock);
  const manifestText = new Settled(options.clock);
  let isAnnounced = false;
  while (options.signal?.aborted !== true) {
    const manifest = await readManifest(folder, manifestText);
    const plan = await planBundle(folder, manifest, options);
    if (manifest !== null) return { manifest, plan };
    const names = plan.series.map((planned) => planned.file).join("\n");
    if (names !== "" && settled.isSettled(names)) return { manifest, plan };
    if (names === "" && !isAnnounced) options.onNotice?.("waiting for a CSV that feeds the model");
    isAnnounced = true;
    await changes.next(SETTLE_MS);
  }
  return null;
}

async function* follow(folder: BundleFolder, start: Feeds, options: WatchBundleOptions): AsyncGenerator<Frame, void> {
  const { clock, signal } = options;
  await using changes = await changesOf(folder, options);
  const files = new Map(start.plan.series.map(({ file }) => [file, new GrowingCsv(folder, file)]));
  const layout = new FrameLayout(
    start.plan.series.map(({ binding, file }) => ({ binding, file, cells: files.get(file)!.cells })),
  );
  const hashes = new Map(start.plan.series.map(({ file, sha256 }) => [file, sha256]));
  const manifestText = new Settled(clock);
  let manifest = start.manifest;
  let nextBin = 0;
  let lastChangeMs = clock.now();
  let isAnnounced = false;

  while (signal?.aborted !== true) {
    if (manifest === null) {
      manifest = await readManifest(folder, manifestText);
      if (manifest !== null) adoptManifest(manifest, start.plan, hashes, options);
    }
    const bins = manifest?.grid?.bins ?? options.bins ?? null;
    for (const csv of files.values()) {
      // Once the manifest is there, its word counts: rows are taken when the bytes are the listed ones.
      const sha256 = manifest === null ? null : (hashes.get(csv.file) ?? null);
      if (sha256 !== null) {
        if (!csv.isWhole && (await csv.finish(sha256, bins))) lastChangeMs = clock.now();
      } else if (await csv.takeNewRows(bins)) {
        lastChangeMs = clock.now();
      } else if (manifest !== null && clock.now() - lastChangeMs >= SETTLE_MS) {
        await csv.finish(null, bins);
      }
    }
    const all = [...files.values()];
    const isDone = manifest !== null && all.every((csv) => csv.isWhole);
    const endBin = isDone
      ? (bins ?? Math.max(0, ...all.map((csv) => csv.newestBin + 1)))
      : (bins ?? Number.MAX_SAFE_INTEGER);
    while (nextBin < endBin && all.every((csv) => csv.hasPassed(nextBin)) && !signal?.aborted) {
      yield* layout.framesOf(nextBin++);
    }
    if (isDone) {
      yield { type: "end" };
      return;
    }
    if (manifest !== null) await refuseAfterPatience(folder, all, hashes, clock.now() - lastChangeMs);
    if (manifest === null && nextBin === bins && !isAnnounced) {
      options.onNotice?.(
        `all ${bins} bins are sent; waiting for ${MANIFEST_FILE}, which says that the bundle is complete`,
      );
      isAnnounced = true;
    }
    await changes.next(manifest === null ? RESCAN_MS : SETTLE_MS);
  }
}

/** What a manifest that came after the start adds: hashes. What it says beyond or against the start is said aloud. */
function adoptManifest(
  manifest: Manifest,
  started: BundlePlan,
  hashes: Map<string, string | null>,
  { seriesOf = () => null, onNotice = () => {} }: WatchBundleOptions,
): void {
  const fed = new Set(started.series.map(({ file, binding }) => JSON.stringify([file, seriesOf(binding)])));
  const late = new Set<string>();
  const other = new Set<string>();
  for (const file of manifest.files) {
    if (!hashes.has(file.path)) {
      late.add(file.path);
      continue;
    }
    hashes.set(file.path, file.sha256);
    const seriesId = seriesOf(bindingOf(file));
    if (seriesId !== null && !fed.has(JSON.stringify([file.path, seriesId]))) other.add(file.path);
  }
  const again = "ingest the finished bundle into a new run to follow the manifest";
  if (late.size > 0) {
    onNotice(`${MANIFEST_FILE} lists ${[...late].join(", ")}, which came after the run was created; ${again}`);
  }
  if (other.size > 0) {
    onNotice(
      `${MANIFEST_FILE} gives ${[...other].join(", ")} another role than the name, which was followed; ${again}`,
    );
  }
}

async function refuseAfterPatience(
  folder: BundleFolder,
  files: readonly GrowingCsv[],
  hashes: ReadonlyMap<string, string | null>,
  quietMs: number,
): Promise<void> {
  if (quietMs < PATIENCE_MS) return;
  for (const csv of files.filter((file) => !file.isWhole)) {
    const bytes = await folder.read(csv.file);
    if (bytes === null) throw missingCsv(csv.file);
    checkHash(bytes, { file: csv.file, sha256: hashes.get(csv.file) ?? null });
  }
}

/** The manifest, null while it is absent or cut off; one that stays unreadable is an error. */
async function readManifest(folder: BundleFolder, settled: Settled): Promise<Manifest | null> {
  const text = (await folder.read(MANIFEST_FILE))?.toString("utf8");
  if (text === undefined) return null;
  try {
    return parseManifest(text);
  } catch (error) {
    if (error instanceof BundleError && !settled.isSettled(text)) return null;
    throw error;
  }
}

function changesOf(
  folder: BundleFolder,
  options: Pick<WatchBundleOptions, "clock" | "signal" | "watch">,
): Promise<FolderChanges> {
  return FolderChanges.start({
    dir: folder.root,
    clock: options.clock,
    rescanMs: RESCAN_MS,
    watch: options.watch ?? watchWithChokidar,
    signal: options.signal,
  });
}

/** Whether something has been the same for `SETTLE_MS`. */
class Settled {
  readonly #clock: Clock;
  #value: string | null = null;
  #sinceMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isSettled(value: string): boolean {
    if (value !== this.#value) {
      this.#value = value;
      this.#sinceMs = this.#clock.now();
    }
    return this.#clock.now() - this.#sinceMs >= SETTLE_MS;
  }
}
