import type { CaptureSource } from "../snapshot/capture.ts";
import { readCaptureModel } from "../snapshot/capture-bindings.ts";
import type { JsonValue } from "../snapshot/dotnet-json.ts";
import { parseJson } from "../snapshot/json-text.ts";
import { MODEL_FILE, nodeSeriesName } from "../snapshot/layout.ts";
import { DEFAULT_SEED, scenarioHash } from "../snapshot/manifest.ts";
import { metadataFile } from "../snapshot/metadata.ts";
import { selectSeries } from "../snapshot/select-series.ts";
import { normaliseSpec } from "../snapshot/spec-text.ts";
import { decodeText, markedFile, sha256 } from "../snapshot/text-file.ts";
import type { RunImage } from "./run-image.ts";
import { snapshotContent } from "./snapshots.ts";

/**
 * A live run as a capture sees it: what a run folder of its evaluated bins would hold, under the live run's own id, taken
 * from the engine's columns. Series of edges are no telemetry and are not in it.
 */
export function captureSourceOf(image: RunImage): CaptureSource {
  const { modelText, model, bins, series, classSeries } = snapshotContent(image);
  const totals = new Map(series.map(({ id, values }) => [id, values]));
  const spec = normaliseSpec(modelText, new Set(totals.keys()));
  const outputs = model.outputs.map((output) => output.series);
  const written = selectSeries({ outputs, evaluated: [...totals.keys()], referenced: spec.referencedSeries });
  const values = new Map<string, Float64Array>();
  const index = written.flatMap((nodeId) => {
    const shares = (classSeries?.get(nodeId) ?? []).filter((share) => share.values.some(Number.isFinite));
    return [{ classId: undefined, values: totals.get(nodeId)! }, ...shares].map((entry) => {
      const { id, classId } = nodeSeriesName(nodeId, entry.classId);
      values.set(id, entry.values);
      return { id, class: classId, points: bins };
    });
  });
  const modelHash = sha256(markedFile(MODEL_FILE, spec.text).bytes);
  const metadata = metadataOf(spec.text, image, modelHash);
  return {
    model: readCaptureModel(spec.text),
    grid: { bins, binSize: model.grid.binSize, binUnit: model.grid.binUnit },
    index,
    provenance: { runId: image.definition.runId, scenarioHash: scenarioHash(spec.text, null), modelHash },
    templateId: String(metadata.get("templateId")),
    templateVersion: String(metadata.get("templateVersion")),
    parameters: metadata.get("parameters") ?? {},
    rngSeed: DEFAULT_SEED,
    rows: ({ id }) => values.get(id)!,
  };
}

function metadataOf(specText: string, { plan }: RunImage, modelHash: string): ReadonlyMap<string, JsonValue> {
  const { templateId = null, templateVersion = null } = plan.source.provenance ?? {};
  const file = metadataFile({ specText, provenance: { templateId, templateVersion }, modelHash, receivedAtUtc: "" });
  return parseJson(decodeText(file.bytes)) as ReadonlyMap<string, JsonValue>;
}
