import type { RunTopic } from "../../src/hub/hub.ts";
import type { SourceSnapshot, StateSource } from "../../src/hub/state-source.ts";
import type { NumberedEvent, RunUpdate, Warning, WarningUpdate } from "../../src/protocol/run-event.ts";
import { type Random, random } from "./random.ts";

/** Bins that a snapshot carries. */
export const SNAPSHOT_BINS = 7;
const PAGE_BINS = 3;
const WARNING_KEYS = ["a", "b", "c"];

/** A run reduced to what the hub can see, with its state at every sequence kept for comparison. */
export class CountedRun implements StateSource {
  readonly epoch: string;
  readonly updates: RunUpdate[] = [];
  readonly #chance: Random;
  readonly #states: string[] = [];
  readonly #warnings = new Map<string, Warning>();
  topic: RunTopic | null = null;
  seq = 0;
  /** Makes the next snapshots fail. */
  isBroken = false;

  constructor(seed = 1, epoch = "E1") {
    this.#chance = random(seed);
    this.epoch = epoch;
    this.#keepState();
  }

  get sealedBin(): number {
    return this.updates.length - 1;
  }

  get hash(): string {
    return hashOf(this.sealedBin);
  }

  /** State at a sequence, comparable to a `StreamFold`'s. */
  stateAt(seq: number): string {
    return this.#states[seq]!;
  }

  /** Seals a bin and publishes it. @param padding characters to make it larger */
  seal(padding = 0): RunUpdate {
    const binIndex = this.updates.length;
    const update: RunUpdate = {
      runId: "run_counted",
      epoch: this.epoch,
      seq: ++this.seq,
      binIndex,
      rev: 0,
      startUtc: null,
      nodes: ["n0", "n1"].map((id) => ({ id, metrics: { value: this.#chance.below(1000) } })),
      edges: [],
      warnings: this.#warningUpdates(padding),
      hash: hashOf(binIndex),
      prevHash: hashOf(binIndex - 1),
      provenance: { sealedBy: "complete" },
    };
    this.updates.push(update);
    this.#publish({ event: "bin", data: update });
    return update;
  }

  checkpoint(): void {
    const data = { seq: ++this.seq, snapshotRunId: "run_snapshot", sealedBin: this.sealedBin, path: "/data" };
    this.#publish({ event: "checkpoint", data });
  }

  hello() {
    return {
      schemaVersion: 1,
      runId: "run_counted",
      mode: "live" as const,
      epoch: this.epoch,
      seq: this.seq,
      sealedBin: this.sealedBin,
      state: "running" as const,
      grid: { bins: 1_000_000, binSize: 1, binUnit: "minutes" as const, start: null },
      nodes: [],
    };
  }

  snapshot(): SourceSnapshot {
    if (this.isBroken) throw new Error("the run has no state to give");
    const { seq, epoch, sealedBin, hash } = this;
    const bins = this.updates.slice(-SNAPSHOT_BINS);
    const pages = Array.from({ length: Math.ceil(bins.length / PAGE_BINS) }, (_, page) => ({
      page,
      bins: bins.slice(page * PAGE_BINS, (page + 1) * PAGE_BINS),
    }));
    return {
      begin: { runId: "run_counted", epoch, seq, sealedBin, pages: pages.length, hash },
      pages,
      end: { epoch, seq, sealedBin, hash, warnings: [...this.#warnings.values()] },
    };
  }

  progress() {
    return { seq: this.seq, sealedBin: this.sealedBin, lagMs: null, openBins: 0 };
  }

  #publish(event: NumberedEvent): void {
    this.#keepState();
    this.topic?.publish(event);
  }

  #keepState(): void {
    const bins = this.updates.slice(-SNAPSHOT_BINS);
    this.#states.push(stateText(this.sealedBin, this.hash, bins, this.#warnings.values()));
  }

  #warningUpdates(padding: number): WarningUpdate[] {
    if (padding === 0 && this.#chance.chance(0.6)) return [];
    const key = this.#chance.pick(WARNING_KEYS);
    if (padding === 0 && this.#warnings.delete(key)) return [{ action: "cleared", key }];
    const warning: Warning = {
      key,
      code: "counted",
      nodeId: key === "c" ? null : `n${WARNING_KEYS.indexOf(key)}`,
      message: "流".repeat(padding),
      severity: "info",
      bins: [this.updates.length],
      value: null,
    };
    const action = this.#warnings.has(key) ? "updated" : "raised";
    this.#warnings.set(key, warning);
    return [{ action, warning }];
  }
}

/** A run's state as text: equal states, equal texts. */
export function stateText(
  sealedBin: number,
  hash: string,
  bins: readonly RunUpdate[],
  warnings: Iterable<Warning>,
): string {
  const sorted = [...warnings].sort((a, b) => (a.key < b.key ? -1 : 1));
  return JSON.stringify({ sealedBin, hash, bins, warnings: sorted });
}

function hashOf(binIndex: number): string {
  return (binIndex + 1).toString(16).padStart(64, "0");
}
