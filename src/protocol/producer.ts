/** Headers with which a producer numbers its batches, all three or none. An answer of 200 carries the last two. */
export const PRODUCER_HEADERS = { id: "producer-id", epoch: "producer-epoch", seq: "producer-seq" } as const;

/** A producer's own count of its batches (design §4): which one this is, and what is in it. */
export interface ProducerStamp {
  readonly id: string;
  /** Rises when a producer begins to count anew; whoever has an older one is fenced off. */
  readonly epoch: number;
  /** 0 for the first batch of an epoch, then one more each. */
  readonly seq: number;
  /** Hash of the batch's bytes: the same number with other content is a mistake, not a repeat. */
  readonly digest: string;
}

/** Longest id of a producer: room for a host name, a process and a random part. */
export const MAX_PRODUCER_ID_CHARS = 200;
