import { FlowError } from "../lib/errors.ts";
import { ProducerTable } from "../log/producer-table.ts";
import type { ProducerState } from "../log/telemetry-log.ts";
import type { IngestAnswer } from "../protocol/frame.ts";
import type { ProducerStamp } from "../protocol/producer.ts";

/** What is kept of the newest batch of a producer, to tell a repeat and to answer it as before. */
interface Memo {
  readonly digest: string;
  readonly answer: IngestAnswer;
}

export type ProducerVerdict =
  | { readonly kind: "next" }
  /** `answer` is what the batch was told; null for an older one, of which only the number is known. */
  | { readonly kind: "repeat"; readonly answer: IngestAnswer | null };

/** A batch that its producer's count does not allow: nothing of it was applied. */
export class ProducerError extends FlowError<"stale_epoch" | "sequence_gap" | "sequence_reused"> {}

/**
 * Where every producer of a run stands. What a group of batches moves is staged until the log has it.
 * Rules of Durable Streams: https://github.com/durable-streams/durable-streams
 */
export class Producers {
  readonly #known: ProducerTable;
  readonly #staged = new Map<string, ProducerState>();

  constructor(states: readonly ProducerState[]) {
    this.#known = new ProducerTable(states);
  }

  /** @throws ProducerError */
  decide({ id, epoch, seq, digest }: ProducerStamp): ProducerVerdict {
    const held = this.#staged.get(id) ?? this.#known.get(id);
    if (held !== null && epoch < held.epoch) {
      throw new ProducerError(
        "stale_epoch",
        `Producer '${id}' is at epoch ${held.epoch}; a batch of epoch ${epoch} comes from a predecessor. Nothing was applied.`,
        { facts: { currentEpoch: held.epoch } },
      );
    }
    const isSameEpoch = held !== null && epoch === held.epoch;
    const expected = isSameEpoch ? held.seq + 1 : 0;
    if (seq > expected) {
      throw new ProducerError(
        "sequence_gap",
        `Producer '${id}' sends batch ${seq} of epoch ${epoch}, expected is ${expected}. Nothing was applied; send what is missing first.`,
        { facts: { expected, received: seq } },
      );
    }
    if (seq === expected) return { kind: "next" };
    if (seq < held!.seq) return { kind: "repeat", answer: null };
    const memo = JSON.parse(held!.memo) as Memo;
    if (memo.digest !== digest) {
      throw new ProducerError(
        "sequence_reused",
        `Producer '${id}' has sent batch ${seq} of epoch ${epoch} before, with other content. Nothing was applied; number it ${held!.seq + 1}.`,
        { facts: { expected: held!.seq + 1, received: seq } },
      );
    }
    return { kind: "repeat", answer: memo.answer };
  }

  stage({ id, epoch, seq, digest }: ProducerStamp, answer: IngestAnswer): void {
    const memo: Memo = { digest, answer };
    this.#staged.delete(id);
    this.#staged.set(id, { id, epoch, seq, memo: JSON.stringify(memo) });
  }

  staged(): readonly ProducerState[] {
    return [...this.#staged.values()];
  }

  commit(): void {
    if (this.#staged.size === 0) return;
    this.#known.put(this.staged());
    this.#staged.clear();
  }

  rollback(): void {
    this.#staged.clear();
  }
}
