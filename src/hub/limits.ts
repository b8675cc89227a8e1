/** Every bound of the hub; each may be set per topic. */
export interface HubLimits {
  /** Events a run keeps for resumption. */
  readonly replayEvents: number;
  /** Encoded bytes a run keeps for resumption. The newest event is kept whatever its size. */
  readonly replayBytes: number;
  /** Bytes a live connection may leave unsent before nothing more is written to it. */
  readonly unsentBytes: number;
  /** How long a connection that is behind may take to drain. */
  readonly slowCloseMs: number;
  /** Times a connection may lose its place by slowness without once being live in between. */
  readonly slowResets: number;
  /** From the last byte written to the end of the socket, when the peer does not take it. */
  readonly closeGraceMs: number;
  readonly heartbeatMs: number;
  /** Reconnection delay a client is told: between this and three times this, by chance. */
  readonly retryMs: number;
}

export const DEFAULT_LIMITS: HubLimits = {
  // An hour of one-second bins: longer than any restart or laptop lid needs.
  replayEvents: 4_096,
  // 4,096 bins of a model of some 40 nodes; runs are many, so a large model keeps fewer of them.
  replayBytes: 16 * 1024 * 1024,
  // Takes a burst of hundreds of bins, and a thousand stalled connections still fit in a small machine's memory.
  unsentBytes: 1024 * 1024,
  // A reader slower than 35 kB/s is better off reconnecting; a paused terminal gets half a minute.
  slowCloseMs: 30_000,
  // State larger than what the reader can take before the window moves on would be sent for ever.
  slowResets: 5,
  closeGraceMs: 5_000,
  // Proxies cut silent connections after 30 to 60 s, and clients call 2.5 intervals of silence a lost connection.
  heartbeatMs: 5_000,
  // Short enough to go unnoticed, spread enough that a restarted engine is not met by all clients at once.
  retryMs: 1_000,
};
