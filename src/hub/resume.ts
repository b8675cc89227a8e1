import { parseCursor } from "../protocol/cursor.ts";
import type { ResetReason } from "../protocol/run-event.ts";

export interface SubscribeRequest {
  /** What the client saw last, as it sent it: `<epoch>.<seq>`. Null or empty: nothing. Goes before `from`. */
  readonly lastEventId?: string | null;
  /** `now`: no state, only what comes. Default: a snapshot of the state, then what comes. */
  readonly from?: "now";
}

export type ResumePlan =
  | { readonly kind: "frames"; readonly after: number }
  | { readonly kind: "snapshot"; readonly reset: ResetReason | null };

/**
 * Where a subscriber starts. A cursor is honoured only when every event after it is retained; anything else is
 * answered with the whole state, and said.
 */
export function planResume(
  request: SubscribeRequest,
  position: { readonly epoch: string; readonly firstRetained: number; readonly head: number },
): ResumePlan {
  const { lastEventId, from } = request;
  if (lastEventId === undefined || lastEventId === null || lastEventId.trim() === "") {
    return from === "now" ? { kind: "frames", after: position.head } : { kind: "snapshot", reset: null };
  }
  const cursor = parseCursor(lastEventId);
  // What is no cursor of ours is of no timeline of ours.
  if (cursor === null || cursor.epoch !== position.epoch) return { kind: "snapshot", reset: "epoch" };
  if (cursor.seq > position.head) return { kind: "snapshot", reset: "ahead" };
  if (cursor.seq < position.firstRetained - 1) return { kind: "snapshot", reset: "evicted" };
  return { kind: "frames", after: cursor.seq };
}
