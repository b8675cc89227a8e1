import type { StreamItem } from "../../client/stream.ts";
import { type Cursor, formatCursor } from "../../protocol/cursor.ts";
import type { MetricValue, RunEvent, RunUpdate } from "../../protocol/run-event.ts";
import { type LedgerEntry, type ShownWarning, type StreamEnd, type StreamFace, StreamLedger } from "./stream-face.ts";

/** Name and major version of the lines below. Readers ignore unknown fields and refuse unknown majors. */
export const STREAM_SCHEMA = "flowtime.stream/1";

export interface NdjsonOptions {
  readonly runId: string;
  /** Null = all. */
  readonly nodes: readonly string[] | null;
  readonly limit: number | null;
  readonly since: Cursor | null;
}

/** One JSON object a line: `hello` first, `end` last. No NaN, no infinities: a value that is none is `null`. */
export class NdjsonFace implements StreamFace {
  readonly #options: NdjsonOptions;
  readonly #ledger: StreamLedger;
  #hasHello = false;
  #seq: number | null = null;
  #connections = 0;

  constructor(options: NdjsonOptions) {
    this.#options = options;
    this.#ledger = new StreamLedger(options.nodes, options.limit);
  }

  get bins(): number {
    return this.#ledger.bins;
  }

  lines(item: StreamItem): readonly string[] {
    const objects = item.source === "run" ? this.#event(item.event) : this.#connection(item.event);
    return objects.map((object) => JSON.stringify(object));
  }

  end({ reason, message }: StreamEnd): readonly string[] {
    const { bins, sealedBin, hash } = this.#ledger;
    return [JSON.stringify({ type: "end", reason, bins, sealedBin, seq: this.#seq, hash, message })];
  }

  #event(event: RunEvent): readonly object[] {
    switch (event.event) {
      case "hello": {
        if (this.#hasHello) return [];
        this.#hasHello = true;
        const { schemaVersion, runId, mode, state, epoch, seq, sealedBin, grid } = event.data;
        const { since } = this.#options;
        const nodes = event.data.nodes.map(({ id }) => id).filter((id) => this.#options.nodes?.includes(id) ?? true);
        const resumedFrom = since === null ? null : formatCursor(since);
        const type = { type: "hello", schema: STREAM_SCHEMA, schemaVersion };
        return [{ ...type, runId, mode, state, epoch, seq, sealedBin, grid, nodes, resumedFrom }];
      }
      case "snapshot-begin":
        this.#ledger.snapshotBegin();
        return [];
      case "snapshot-page":
        this.#ledger.snapshotPage(event.data.bins);
        return [];
      case "snapshot-end": {
        const { seq, sealedBin } = event.data;
        const bins = this.#ledger.snapshotBins().flatMap((entry) => this.#entry(entry));
        if (!this.#ledger.isFull) this.#seq = seq;
        const changes = this.#ledger.reconcile(event.data.warnings);
        return [...bins, ...changes.map((change) => warningObject(change, seq, sealedBin))];
      }
      case "bin":
      case "revision":
        return this.#ledger.bin(event.data).flatMap((entry) => this.#entry(entry));
      case "adjustment": {
        const { seq, fromBin, set } = event.data;
        this.#seq = seq;
        return [{ type: "adjustment", seq, fromBin, set }];
      }
      case "checkpoint": {
        const { seq, sealedBin, snapshotRunId, path } = event.data;
        this.#seq = seq;
        return [{ type: "checkpoint", seq, bin: sealedBin, snapshotRunId, path }];
      }
      case "reset":
        return [{ type: "reset", reason: event.data.reason }];
      case "progress":
      case "bye":
        return [];
    }
  }

  #entry(entry: LedgerEntry): readonly object[] {
    if (entry.kind === "gap") return [{ type: "gap", fromBin: entry.fromBin, toBin: entry.toBin }];
    const { update, warnings } = entry;
    this.#seq = update.seq;
    return [this.#bin(update), ...warnings.map((change) => warningObject(change, update.seq, update.binIndex))];
  }

  #bin(update: RunUpdate): object {
    const { nodes } = this.#options;
    const metrics: Record<string, Readonly<Record<string, MetricValue>>> = {};
    const gaps: Record<string, readonly string[]> = {};
    for (const node of update.nodes) {
      if (nodes !== null && !nodes.includes(node.id)) continue;
      metrics[node.id] = node.metrics;
      if (node.gaps !== undefined && node.gaps.length > 0) gaps[node.id] = node.gaps;
    }
    const { seq, runId, binIndex: bin, rev, startUtc: t, hash } = update;
    const object = { type: "bin", seq, runId, bin, rev, t, nodes: metrics };
    return Object.keys(gaps).length === 0 ? { ...object, hash } : { ...object, gaps, hash };
  }

  #connection(event: Extract<StreamItem, { source: "connection" }>["event"]): readonly object[] {
    switch (event.event) {
      case "connected": {
        const isFirst = this.#connections++ === 0;
        if (isFirst) return [];
        const resumedFrom = event.resumedFrom === null ? null : formatCursor(event.resumedFrom);
        return [{ type: "conn", state: "connected", resumedFrom, afterMs: Math.round(event.afterMs) }];
      }
      case "lost": {
        const { failures: attempt, retryInMs, reason, message: error } = event;
        return [{ type: "conn", state: "reconnecting", attempt, retryInMs, reason, error }];
      }
      case "connecting":
      case "ended":
      case "stopped":
        return [];
    }
  }
}

function warningObject({ action, warning }: ShownWarning, seq: number, bin: number): object {
  const { key, nodeId, code, severity, message, bins, value } = warning;
  return { type: "warning", seq, bin, action, key, nodeId, code, severity, message, bins, value };
}
