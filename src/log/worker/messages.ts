import type { RunId } from "../../protocol/ids.ts";
import type { LogErrorCode, LogErrorFacts } from "../log-error.ts";
import type { ChainMark, LogPosition, ProducerState } from "../telemetry-log.ts";

/** What the event loop asks of the thread that holds the log files. */
export type LogRequest =
  | { readonly op: "create"; readonly runId: RunId; readonly meta: string }
  | { readonly op: "open"; readonly runId: RunId }
  | { readonly op: "exists"; readonly runId: RunId }
  | { readonly op: "list" }
  | {
      readonly op: "append";
      readonly log: number;
      /** Null: producers alone. */
      readonly batch: {
        readonly count: number;
        readonly body: Uint8Array<ArrayBuffer>;
        readonly mark: ChainMark;
      } | null;
      readonly producers: readonly ProducerState[];
    }
  | { readonly op: "read"; readonly log: number; readonly from: LogPosition; readonly end: LogPosition | null }
  | { readonly op: "bytes"; readonly log: number }
  | { readonly op: "dropBefore"; readonly log: number; readonly position: LogPosition }
  | { readonly op: "close"; readonly log: number };

export type RequestOf<Op extends LogRequest["op"]> = Extract<LogRequest, { readonly op: Op }>;

export interface LogAnswers {
  readonly create: OpenedLog;
  readonly open: OpenedLog;
  readonly exists: boolean;
  readonly list: readonly RunId[];
  readonly append: LogPosition;
  readonly read: ReadPage;
  readonly bytes: number;
  readonly dropBefore: null;
  readonly close: null;
}

export interface OpenedLog {
  /** Names the open log in later requests. */
  readonly log: number;
  readonly meta: string;
  readonly file: string;
  readonly start: LogPosition;
  readonly head: LogPosition;
  readonly producers: readonly ProducerState[];
}

export interface ReadPage {
  readonly chunks: readonly { readonly first: LogPosition; readonly body: Uint8Array; readonly mark: ChainMark }[];
  readonly next: LogPosition;
  readonly end: LogPosition;
}

export interface LogQuestion {
  readonly id: number;
  readonly request: LogRequest;
}

export type LogReply =
  | { readonly id: number; readonly result: unknown }
  | {
      readonly id: number;
      readonly refusal: { readonly code: LogErrorCode; readonly message: string; readonly facts: LogErrorFacts };
    };
