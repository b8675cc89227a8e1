/** `GET /v1/runs/{id}/capture`: a telemetry capture of a live run, one JSON object a line. */

/** A series and the file it goes to. */
export interface CaptureEntry {
  readonly nodeId: string;
  /** `Arrivals`, `Served`, `Errors`, `ExternalDemand`, `QueueDepth` or `Capacity`. */
  readonly metric: string;
  /** `DEFAULT` for totals. */
  readonly classId: string;
  /** Inside the capture folder, with forward slashes. One series in two roles is one file. */
  readonly path: string;
  readonly points: number;
}

export interface CaptureWarning {
  readonly code: "length_mismatch" | "data_gap" | "nan_fill" | "nan_detected";
  readonly message: string;
  readonly nodeId?: string;
  readonly bins?: readonly number[];
}

/** What a capture holds, its files aside. */
export interface CaptureContent {
  readonly runId: string;
  /** In the order of the manifest. */
  readonly entries: readonly CaptureEntry[];
  readonly warnings: readonly CaptureWarning[];
  readonly supportsClassMetrics: boolean;
  /** Declared classes in model order, then captured ones that are not declared; empty without class metrics. */
  readonly classes: readonly string[];
  readonly classCoverage: string;
}

/** A file of the capture, UTF-8 without byte order mark. */
export interface CaptureFileLine {
  readonly type: "file";
  readonly path: string;
  readonly text: string;
}

/** The last line: without it a capture is cut off. The file before it is `manifest.json`. */
export interface CaptureEndLine extends CaptureContent {
  readonly type: "end";
}

export type CaptureLine = CaptureFileLine | CaptureEndLine;
