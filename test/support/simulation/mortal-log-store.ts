import type { BlockingLogStore } from "../../../src/log/blocking-log.ts";
import { LocalLogStore } from "../../../src/log/local-log-store.ts";
import type { ChainMark, LogPosition, LogStore, TelemetryLog } from "../../../src/log/telemetry-log.ts";
import type { RunId } from "../../../src/protocol/ids.ts";

/** A batch as the disk took it. */
export interface WrittenBatch {
  readonly first: LogPosition;
  readonly records: readonly string[];
  readonly mark: ChainMark;
  /** Its writer was told. */
  readonly isAnswered: boolean;
}

/** Where a process dies, as seen from its log. */
export type DeathPoint = "before the append" | "after the append" | "while the log is read";

/**
 * The logs of one life of an engine. Once it is dead nothing that it asks is ever answered, as if the process were gone:
 * what it still wants to do never reaches the disk.
 */
export class MortalLogStore implements LogStore {
  readonly #inner: LocalLogStore;
  readonly #onWrite: (batch: WrittenBatch) => void;
  readonly #death = Promise.withResolvers<void>();
  #dies: DeathPoint | null = null;
  #isDead = false;
  /** Head of the log as it was found. */
  openedAt: LogPosition = 0;

  constructor(inner: BlockingLogStore, onWrite: (batch: WrittenBatch) => void) {
    this.#inner = new LocalLogStore(inner);
    this.#onWrite = onWrite;
  }

  /** Resolves when it has died. */
  get death(): Promise<void> {
    return this.#death.promise;
  }

  /** Dies at the next occasion of that kind. */
  dieAt(point: DeathPoint): void {
    this.#dies = point;
  }

  die(): void {
    this.#isDead = true;
    this.#death.resolve();
  }

  /** Frees what the dead process held; on a disk, after its files have been copied as it left them. */
  async bury(): Promise<void> {
    await this.#inner.close();
  }

  async create(runId: RunId, meta: string): Promise<TelemetryLog> {
    return this.#isDead ? never() : this.#wrap(await this.#inner.create(runId, meta));
  }

  async open(runId: RunId): Promise<TelemetryLog> {
    return this.#isDead ? never() : this.#wrap(await this.#inner.open(runId));
  }

  exists(runId: RunId): Promise<boolean> {
    return this.#isDead ? never() : this.#inner.exists(runId);
  }

  list(): Promise<readonly RunId[]> {
    return this.#isDead ? never() : this.#inner.list();
  }

  close(): Promise<void> {
    return this.#isDead ? never() : this.#inner.close();
  }

  #reaches(point: DeathPoint): boolean {
    if (this.#dies === point) this.die();
    return this.#isDead;
  }

  #wrap(inner: TelemetryLog): TelemetryLog {
    this.openedAt = inner.head();
    const reaches = (point: DeathPoint): boolean => this.#reaches(point);
    const append: TelemetryLog["append"] = async (records, mark, producers) => {
      if (reaches("before the append")) return never();
      const first = inner.head();
      const head = await inner.append(records, mark, producers);
      const isDead = reaches("after the append");
      if (records.length > 0) this.#onWrite({ first, records, mark, isAnswered: !isDead });
      return isDead ? never() : head;
    };
    return {
      runId: inner.runId,
      meta: inner.meta,
      append,
      async *readFrom(position: LogPosition) {
        for await (const chunk of inner.readFrom(position)) {
          if (reaches("while the log is read")) await never();
          yield chunk;
        }
      },
      producers: () => inner.producers(),
      start: () => inner.start(),
      head: () => inner.head(),
      bytes: () => inner.bytes(),
      dropBefore: (position) => (this.#isDead ? never() : inner.dropBefore(position)),
      close: () => (this.#isDead ? never() : inner.close()),
    };
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}
