import { Hub } from "../../src/hub/hub.ts";
import type { HubLimits } from "../../src/hub/limits.ts";
import { Gateway } from "../../src/ingest/gateway.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { LocalLogStore } from "../../src/log/local-log-store.ts";
import { LogError, type LogErrorCode } from "../../src/log/log-error.ts";
import { MemoryLogStore } from "../../src/log/memory-log.ts";
import type { LogChunk, LogPosition, LogStore, TelemetryLog } from "../../src/log/telemetry-log.ts";
import type { RunId } from "../../src/protocol/ids.ts";
import type { SnapshotReference } from "../../src/protocol/run.ts";
import type { SnapshotRequest } from "../../src/runtime/run-image.ts";
import type { SnapshotSink } from "../../src/runtime/run-loop.ts";
import { RunRegistry, type RunStore } from "../../src/runtime/run-registry.ts";
import type { EngineParts } from "../../src/server/parts.ts";
import { FakeClock } from "./fake-clock.ts";

/** A log store in memory that refuses or lies when told to. */
export class FaultyLogStore implements LogStore {
  readonly #inner: LogStore;
  /** Answer to the next appends, until set to null again. */
  refusal: LogErrorCode | null = null;
  /** What readers get in place of what was written. */
  tamper: (chunk: LogChunk) => LogChunk = (chunk) => chunk;
  appends = 0;
  /** Called before a batch is written. */
  onAppend: (records: readonly string[]) => void = () => {};
  /** What an append waits for before the disk answers. */
  disk: () => Promise<void> | null = () => null;

  /** What a reader waits for before its first batch. */
  reading: () => Promise<void> | null = () => null;

  constructor(inner: LogStore = new LocalLogStore(new MemoryLogStore())) {
    this.#inner = inner;
  }

  async create(runId: RunId, meta: string): Promise<TelemetryLog> {
    return this.#wrap(await this.#inner.create(runId, meta));
  }

  async open(runId: RunId): Promise<TelemetryLog> {
    return this.#wrap(await this.#inner.open(runId));
  }

  exists(runId: RunId): Promise<boolean> {
    return this.#inner.exists(runId);
  }

  list(): Promise<readonly RunId[]> {
    return this.#inner.list();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #wrap(inner: TelemetryLog): TelemetryLog {
    const append: TelemetryLog["append"] = async (records, mark, producers) => {
      this.appends++;
      this.onAppend(records);
      await this.disk();
      if (this.refusal !== null) {
        throw new LogError(this.refusal, `the disk says ${this.refusal}`, { runId: inner.runId });
      }
      return inner.append(records, mark, producers);
    };
    const tamper = (chunk: LogChunk): LogChunk => this.tamper(chunk);
    const reading = (): Promise<void> | null => this.reading();
    return {
      runId: inner.runId,
      meta: inner.meta,
      append,
      async *readFrom(position: LogPosition) {
        await reading();
        for await (const chunk of inner.readFrom(position)) yield tamper(chunk);
      },
      producers: () => inner.producers(),
      start: () => inner.start(),
      head: () => inner.head(),
      bytes: () => inner.bytes(),
      dropBefore: (position: LogPosition) => inner.dropBefore(position),
      close: () => inner.close(),
    };
  }
}

/** Snapshots that a test lets through, fails, or leaves hanging. */
export class FakeSnapshots implements SnapshotSink {
  readonly images: SnapshotRequest[] = [];
  readonly removed: SnapshotReference[] = [];
  #pending: {
    readonly image: SnapshotRequest;
    resolve(reference: SnapshotReference): void;
    reject(error: unknown): void;
  }[] = [];
  /** What becomes of a snapshot: written at once, refused at once, or neither until `release` or `refuse`. */
  behaviour: "write" | "fail" | "hang" = "write";

  write(image: SnapshotRequest): Promise<SnapshotReference> {
    this.images.push(image);
    if (this.behaviour === "write") return Promise.resolve(referenceOf(image));
    if (this.behaviour === "fail") return Promise.reject(new Error("the disk of the snapshots is gone"));
    return new Promise((resolve, reject) => this.#pending.push({ image, resolve, reject }));
  }

  async remove(reference: SnapshotReference): Promise<void> {
    this.removed.push(reference);
  }
  async sweep(): Promise<void> {}
  async forget(): Promise<void> {}
  async close(): Promise<void> {}

  /** Lets what hangs be written. */
  release(): void {
    for (const { image, resolve } of this.#pending.splice(0)) resolve(referenceOf(image));
  }
}

function referenceOf({ definition, bins }: SnapshotRequest): SnapshotReference {
  const snapshotRunId = `${definition.runId}_${bins}`;
  return { snapshotRunId, sealedBin: bins - 1, path: `/snapshots/${snapshotRunId}` };
}

export interface FakeParts extends EngineParts {
  readonly logs: FaultyLogStore;
  readonly snapshots: FakeSnapshots;
  readonly clock: FakeClock;
  /** `where: message` of every problem told. */
  readonly problems: string[];
}

/** Bins that leave a run's memory, kept in memory. */
export function memoryStore(): RunStore {
  const blocks = new Map<number, Float64Array>();
  return {
    write: (block, rows) => void blocks.set(block, rows.slice()),
    read: (block) => blocks.get(block)!,
    descriptor: null,
    close: () => {},
  };
}

/** An engine's parts over fakes: nothing on disk, time that stands still. */
export function fakeParts(
  options: {
    readonly gateway?: Gateway;
    readonly logs?: FaultyLogStore;
    readonly snapshots?: FakeSnapshots;
    readonly limits?: Partial<HubLimits>;
  } = {},
): FakeParts {
  const clock = new FakeClock();
  const logs = options.logs ?? new FaultyLogStore();
  const snapshots = options.snapshots ?? new FakeSnapshots();
  const problems: string[] = [];
  const onProblem = (where: string, error: unknown): void => {
    problems.push(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  };
  const { limits = {} } = options;
  const hub = new Hub({ clock: clock satisfies Clock, limits, onProblem: (error) => onProblem("stream", error) });
  return {
    registry: new RunRegistry({
      logs,
      isDurable: false,
      hub,
      snapshots,
      clock,
      openStore: () => memoryStore(),
      onProblem,
    }),
    gateway: options.gateway ?? new Gateway(),
    clock,
    startedMs: clock.now(),
    storedRuns: async () => [],
    onProblem,
    logs,
    snapshots,
    problems,
  };
}
