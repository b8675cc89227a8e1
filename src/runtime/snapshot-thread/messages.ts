import type { SnapshotReference } from "../../protocol/run.ts";
import type { SnapshotErrorCode } from "../../snapshot/snapshot-error.ts";
import type { SnapshotRequest } from "../run-image.ts";

/** Where the thread writes. */
export interface SnapshotFolders {
  readonly root: string;
  readonly stagingRoot: string;
}

/** What the thread is asked. */
export type SnapshotQuestion =
  | { readonly op: "write"; readonly request: SnapshotRequest }
  | { readonly op: "remove"; readonly reference: SnapshotReference }
  | { readonly op: "sweep" }
  /** The run has ended: what is kept of it for the next snapshot can go. */
  | { readonly op: "forget"; readonly runId: string };

export type SnapshotReply = { readonly id: number } & (
  | { readonly reference: SnapshotReference | null }
  | {
      readonly refusal: {
        /** Null for a defect. */
        readonly code: SnapshotErrorCode | null;
        readonly message: string;
        readonly retryable: boolean;
      };
    }
);
