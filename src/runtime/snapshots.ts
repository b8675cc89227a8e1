import { createHash } from "node:crypto";
import path from "node:path";
import type { Clock } from "../lib/clock.ts";
import type { Plan } from "../model/plan.ts";
import type { RunMode, SnapshotReference } from "../protocol/run.ts";
import { roundTripUtc, type SnapshotInput, streamRun } from "../snapshot/assemble.ts";
import { cutModelText } from "../snapshot/cut-model.ts";
import { type SeriesEncoder, wholeSeries } from "../snapshot/series-file.ts";
import type { SnapshotFiles } from "../snapshot/snapshot-files.ts";
import { telemetryFile } from "../snapshot/telemetry-file.ts";
import type { SnapshotFile } from "../snapshot/text-file.ts";
import { removeRunFolder, sweepStaging, writeRunFolder } from "../snapshot/writer.ts";
import type { RunImage, RunValues } from "./run-image.ts";

const GENERATOR = "flowtime/0.1.0";

export interface FolderSnapshotsParts {
  /** Folder that gets the run folders. */
  readonly root: string;
  /** Where folders are put together: on the same file system, outside the list of runs. */
  readonly stagingRoot: string;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  /** Default the disk. */
  readonly files?: SnapshotFiles;
}

/** Writes snapshots of live runs as FlowTime run folders into a data folder. */
export class FolderSnapshots {
  private readonly parts: FolderSnapshotsParts;

  constructor(parts: FolderSnapshotsParts) {
    this.parts = parts;
  }

  /** @param encoder of the run's series; default: every series from its beginning */
  async write(image: RunImage, encoder: SeriesEncoder = wholeSeries): Promise<SnapshotReference> {
    const { clock, random, root, stagingRoot, files } = this.parts;
    const nowMs = clock.now();
    const { adjustments, revisions } = image;
    const folder = streamRun(
      {
        ...snapshotContent(image),
        requestedSeed: null,
        provenance: liveProvenance(image, nowMs),
        inputHash: null,
        runId: { kind: "timestamped", nowMs, random: random(4) },
        now: () => roundTripUtc(clock.now()),
        hasTelemetryManifest: true,
        telemetryWarnings: image.ingestWarnings,
        live: { definition: { ...image.definition, adjustments, revisions }, inputs: image.inputs },
      },
      { encoder },
    );
    const target = await writeRunFolder(folder, { root, stagingRoot, ...(files === undefined ? {} : { files }) });
    return { snapshotRunId: folder.folderName, sealedBin: image.bins - 1, path: target };
  }

  /** Removes a snapshot: a reader sees it whole until it is gone. Nothing happens when it is not there. */
  async remove(reference: SnapshotReference): Promise<void> {
    const { root, stagingRoot, files } = this.parts;
    await removeRunFolder(reference.snapshotRunId, { root, stagingRoot, ...(files === undefined ? {} : { files }) });
  }

  /** Puts right what a crash left. */
  async sweep(): Promise<void> {
    const { root, stagingRoot, files } = this.parts;
    await sweepStaging({ root, stagingRoot, ...(files === undefined ? {} : { files }) });
  }
}

/** Model text, series and warnings of a run as artifacts hold them: a model of as many bins as are sealed. */
export function snapshotContent(
  image: RunValues,
): Pick<
  SnapshotInput,
  "modelText" | "model" | "bins" | "series" | "classSeries" | "edgeSeries" | "warnings" | "extraFiles"
> {
  const { plan, bins } = image;
  const model = plan.source;
  const wholeText = textWithQueueIds(plan);
  const modelText = bins === model.grid.bins ? wholeText : cutModelText(wholeText, bins);
  const { series, classSeries, edgeSeries, warnings } = image;
  return { modelText, model, bins, series, classSeries, edgeSeries, warnings, extraFiles: telemetryFiles(image) };
}

/**
 * The model text with queue references that name no node of it (such as `self`) replaced by the queue that compilation
 * made: FlowTime's writer and readers know series only by their ids.
 */
function textWithQueueIds(plan: Plan): string {
  const edits = (plan.source.topology?.nodes ?? []).flatMap(({ semantics }, index) => {
    const id = plan.model.topology?.nodes[index]?.semantics.series.queueDepth;
    const span = semantics.seriesSpans.queueDepth;
    return span === undefined || id === undefined || id === semantics.series.queueDepth ? [] : [{ span, id }];
  });
  edits.sort((a, b) => b.span.startOffset - a.span.startOffset);
  return edits.reduce(
    (text, { span, id }) => text.slice(0, span.startOffset) + id + text.slice(span.endOffset),
    plan.source.text,
  );
}

/** Telemetry that fed `file:` references goes where the model text looks for it, as far as that is inside the folder. */
function telemetryFiles(image: RunValues): SnapshotFile[] {
  const files = new Map<string, SnapshotFile>();
  for (const { reference, values } of image.fileSeries) {
    const location = reference.replace(/^file:(\/\/(?=telemetry\/))?/i, "");
    const inside = path.posix.normalize(path.posix.join("model", location));
    if (path.posix.isAbsolute(location) || !inside.startsWith("model/")) continue;
    files.set(inside, telemetryFile(inside, values));
  }
  return [...files.values()];
}

/** `model/provenance.json` of a snapshot: FlowTime's members first, then which live run it shows, and where in it. */
function liveProvenance(image: RunImage, nowMs: number): string {
  const { definition, plan, bins, seq, hash } = image;
  const { provenance } = plan.source;
  return JSON.stringify(
    {
      source: "flowtime-live",
      modelId: `model_${createHash("sha256").update(plan.source.text).digest("hex").slice(0, 16)}`,
      templateId: provenance?.templateId ?? "adhoc-model",
      templateVersion: provenance?.templateVersion ?? "0.0.0",
      mode: artifactMode(definition.mode),
      generatedAt: new Date(nowMs).toISOString(),
      generator: GENERATOR,
      schemaVersion: "1",
      // Where FlowTime's own engine fails or reads zeros by a defect, these figures have no reference (engine.md §11.1).
      reference: plan.divergences.length > 0 ? "none" : "flowtime",
      ledger: plan.divergences.map(({ id }) => id),
      ...(definition.modes === undefined ? {} : { modes: definition.modes }),
      live: {
        liveRunId: definition.runId,
        epoch: definition.epoch,
        seq,
        sealedBin: bins - 1,
        hash,
        ...(image.adjustments.length === 0 ? {} : { adjustments: image.adjustments }),
      },
    },
    null,
    2,
  );
}

/** In telemetry mode FlowTime's readers show gaps as gaps; in simulation mode they refuse them. */
function artifactMode(mode: RunMode): "telemetry" | "simulation" {
  return mode === "live" ? "telemetry" : "simulation";
}
