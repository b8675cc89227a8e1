import type { LogPosition } from "./telemetry-log.ts";

/** A checkpoint from which a run can be recovered. */
export interface RecoveryPoint {
  /** Where in the log its replay begins. */
  readonly position: LogPosition;
  /** It has been read again from the disk, and every hash was right. */
  readonly isVerified: boolean;
}

export interface RetentionRule {
  /** Bytes that the log may take before its head is dropped; null drops whatever may be dropped. */
  readonly maxBytes: number | null;
}

/**
 * Position before which a log may be dropped now; its start when it may not. Never beyond the second newest verified
 * checkpoint: when the newest turns out to be bad, the one before it must still meet the log (design §8).
 */
export function retainFrom(
  log: { readonly start: LogPosition; readonly bytes: number },
  points: readonly RecoveryPoint[],
  rule: RetentionRule,
): LogPosition {
  if (rule.maxBytes !== null && log.bytes <= rule.maxBytes) return log.start;
  const verified = points.filter(({ isVerified }) => isVerified).map(({ position }) => position);
  const [, secondNewest] = verified.sort((a, b) => b - a);
  return Math.max(log.start, secondNewest ?? log.start);
}
