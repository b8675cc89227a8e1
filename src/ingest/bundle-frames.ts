import type { CellValue, Frame } from "../protocol/frame.ts";
import type { BindingRequest } from "../protocol/run.ts";
import type { Cells } from "./bundle-csv.ts";

/** One CSV in one role: what it feeds, and its cells. A file that plays two roles appears twice with the same cells. */
export interface BundleSeries {
  readonly binding: BindingRequest;
  /** Path inside the bundle, for messages. */
  readonly file: string;
  readonly cells: Cells;
}

interface NodeGroup {
  readonly nodeId: string;
  readonly classId: string | undefined;
  readonly metrics: { readonly metric: string; readonly cells: Cells }[];
}

/** Which cells make one frame: those of a node (and class) go together, a series named by its own id goes alone. */
export class FrameLayout {
  readonly #nodes: NodeGroup[] = [];
  readonly #single: { readonly seriesId: string; readonly cells: Cells }[] = [];

  constructor(series: readonly BundleSeries[]) {
    for (const { binding, cells } of series) {
      if (typeof binding === "string") {
        this.#single.push({ seriesId: binding, cells });
        continue;
      }
      const { nodeId, classId, metric } = binding;
      let group = this.#nodes.find((known) => known.nodeId === nodeId && known.classId === classId);
      if (group === undefined) {
        group = { nodeId, classId, metrics: [] };
        this.#nodes.push(group);
      }
      group.metrics.push({ metric, cells });
    }
  }

  /**
   * Frames of one bin, complete: a watermark follows where a series has no cell, so that the bin can be sealed all the
   * same, with a gap.
   */
  *framesOf(binIndex: number): Generator<Frame> {
    let hasGap = false;
    for (const { nodeId, classId, metrics } of this.#nodes) {
      const values: [string, CellValue][] = [];
      for (const { metric, cells } of metrics) {
        const value = cells.get(binIndex);
        if (value !== undefined) values.push([metric, value]);
      }
      hasGap ||= values.length < metrics.length;
      if (values.length > 0) {
        const ofClass = classId === undefined ? {} : { classId };
        yield { type: "telemetry", binIndex, nodeId, ...ofClass, metrics: Object.fromEntries(values) };
      }
    }
    for (const { seriesId, cells } of this.#single) {
      const value = cells.get(binIndex);
      if (value === undefined) hasGap = true;
      else yield { type: "telemetry", binIndex, seriesId, value };
    }
    if (hasGap) yield { type: "watermark", binIndex };
  }
}

/** The bundle as a producer would send it: bin by bin, at the end `end`. */
export function* bundleFrames(bundle: {
  readonly series: readonly BundleSeries[];
  readonly bins: number;
}): Generator<Frame> {
  const layout = new FrameLayout(bundle.series);
  for (let bin = 0; bin < bundle.bins; bin++) yield* layout.framesOf(bin);
  yield { type: "end" };
}
