import type { StreamItem } from "../../client/stream.ts";
import type { RunUpdate, Warning, WarningUpdate } from "../../protocol/run-event.ts";

/** How a followed run ends, for the last line. */
export interface StreamEnd {
  /** `completed`, `aborted`, `failed`: by the run; `limit`: by us; `lost`, `refused`: without an end. */
  readonly reason: string;
  readonly message: string | null;
}

/** A way to write a stream down: every item as none, one or more lines. */
export interface StreamFace {
  /** Lines of an item. `bins` counts the bins written so far, this item included. */
  lines(item: StreamItem): readonly string[];
  end(end: StreamEnd): readonly string[];
  readonly bins: number;
}

export type ShownWarning =
  | { readonly action: "raised" | "updated" | "active"; readonly warning: Warning }
  | { readonly action: "cleared"; readonly warning: Warning };

/** A stretch of bins that was not seen, or a bin to write. */
export type LedgerEntry =
  | { readonly kind: "gap"; readonly fromBin: number; readonly toBin: number }
  | { readonly kind: "bin"; readonly update: RunUpdate; readonly warnings: readonly ShownWarning[] };

/**
 * What has been written down already: a snapshot after a reset repeats bins, and they must not appear twice.
 * Keeps a position and the active warnings, no history.
 */
export class StreamLedger {
  readonly #nodes: ReadonlySet<string> | null;
  readonly #limit: number;
  readonly #shown = new Map<string, Warning>();
  #lastBin = -1;
  #lastHash: string | null = null;
  #page: RunUpdate[] = [];
  bins = 0;

  /**
   * @param nodes only warnings of these nodes, and of the run as a whole; null = all
   * @param limit bins after which nothing more is written; null = no limit
   */
  constructor(nodes: readonly string[] | null, limit: number | null) {
    this.#nodes = nodes === null ? null : new Set(nodes);
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
  }

  get sealedBin(): number {
    return this.#lastBin;
  }

  get hash(): string | null {
    return this.#lastHash;
  }

  /** The limit is reached: what follows is not written. */
  get isFull(): boolean {
    return this.bins >= this.#limit;
  }

  bin(update: RunUpdate): readonly LedgerEntry[] {
    if (this.isFull) return [];
    const entries: LedgerEntry[] = [];
    if (this.#lastHash !== null && update.rev === 0 && update.binIndex > this.#lastBin + 1) {
      entries.push({ kind: "gap", fromBin: this.#lastBin + 1, toBin: update.binIndex - 1 });
    }
    this.bins++;
    if (update.binIndex >= this.#lastBin) {
      this.#lastBin = update.binIndex;
      this.#lastHash = update.hash;
    }
    entries.push({ kind: "bin", update, warnings: update.warnings.flatMap((change) => this.#change(change)) });
    return entries;
  }

  snapshotBegin(): void {
    this.#page = [];
  }

  snapshotPage(bins: readonly RunUpdate[]): void {
    this.#page.push(...bins);
  }

  /** The bins of a whole snapshot that were not written yet. */
  snapshotBins(): readonly LedgerEntry[] {
    const bins = this.#page;
    this.#page = [];
    const known = bins.find(({ binIndex }) => binIndex === this.#lastBin);
    if (this.#lastHash !== null && bins.length > 0) {
      const isOther = known !== undefined && known.hash !== this.#lastHash;
      const isBehind = bins.at(-1)!.binIndex < this.#lastBin;
      // Another history than the one written so far: it is written from its beginning.
      if (isOther || isBehind) {
        this.#lastBin = -1;
        this.#lastHash = null;
      }
    }
    return bins.filter(({ binIndex }) => binIndex > this.#lastBin).flatMap((update) => this.bin(update));
  }

  /** Differences between the warnings written so far and those that are active. */
  reconcile(active: readonly Warning[]): readonly ShownWarning[] {
    if (this.isFull) return [];
    const keys = new Set(active.map(({ key }) => key));
    const gone = [...this.#shown.keys()].filter((key) => !keys.has(key));
    const cleared = gone.flatMap((key) => this.#change({ action: "cleared", key }));
    const raised = active.flatMap((warning): ShownWarning[] => {
      if (!this.#shows(warning) || this.#shown.has(warning.key)) return [];
      this.#shown.set(warning.key, warning);
      return [{ action: "active", warning }];
    });
    return [...cleared, ...raised];
  }

  #change(change: WarningUpdate): readonly ShownWarning[] {
    if (change.action === "cleared") {
      const warning = this.#shown.get(change.key);
      this.#shown.delete(change.key);
      return warning === undefined ? [] : [{ action: "cleared", warning }];
    }
    if (!this.#shows(change.warning)) return [];
    this.#shown.set(change.warning.key, change.warning);
    return [change];
  }

  #shows({ nodeId }: Warning): boolean {
    return this.#nodes === null || nodeId === null || this.#nodes.has(nodeId);
  }
}
