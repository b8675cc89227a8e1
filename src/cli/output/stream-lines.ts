import { markOf } from "../../client/history.ts";
import type { StreamItem } from "../../client/stream.ts";
import type { NodeDelta, RunEvent, RunUpdate } from "../../protocol/run-event.ts";
import { cellText, instantText, measureOf } from "../../tui/format.ts";
import type { Glyphs } from "../../tui/glyphs.ts";
import { type LedgerEntry, type ShownWarning, type StreamEnd, type StreamFace, StreamLedger } from "./stream-face.ts";

/** What a reader looks for first; models without topology have the last one only. */
const SHOWN: readonly (readonly [metric: string, label: string])[] = [
  ["arrivals", "arr"],
  ["served", "srv"],
  ["errors", "err"],
  ["queueDepth", "queue"],
  ["utilization", "util"],
  ["latencyMinutes", "latency"],
  ["value", "value"],
];

export interface LinesOptions {
  readonly nodes: readonly string[] | null;
  readonly limit: number | null;
  readonly glyphs: Glyphs;
}

/** Plain lines for a person: one per node and bin, only ever appended. */
export class LinesFace implements StreamFace {
  readonly #options: LinesOptions;
  readonly #ledger: StreamLedger;

  constructor(options: LinesOptions) {
    this.#options = options;
    this.#ledger = new StreamLedger(options.nodes, options.limit);
  }

  get bins(): number {
    return this.#ledger.bins;
  }

  lines(item: StreamItem): readonly string[] {
    return item.source === "run" ? this.#event(item.event) : [];
  }

  end({ reason }: StreamEnd): readonly string[] {
    const { sealedBin, bins } = this.#ledger;
    return [`${reason}: ${bins} bin${bins === 1 ? "" : "s"} shown, newest sealed bin ${sealedBin}`];
  }

  #event(event: RunEvent): readonly string[] {
    switch (event.event) {
      case "snapshot-begin":
        this.#ledger.snapshotBegin();
        return [];
      case "snapshot-page":
        this.#ledger.snapshotPage(event.data.bins);
        return [];
      case "snapshot-end":
        return [
          ...this.#ledger.snapshotBins().flatMap((entry) => this.#entry(entry)),
          ...this.#ledger.reconcile(event.data.warnings).map(warningLine),
        ];
      case "bin":
      case "revision":
        return this.#ledger.bin(event.data).flatMap((entry) => this.#entry(entry));
      case "checkpoint":
        return [`checkpoint of bin ${event.data.sealedBin}: ${event.data.path}`];
      case "adjustment":
        return [`adjusted from bin ${event.data.fromBin}: ${settings(event.data.set)}`];
      case "reset":
        return [`the stream starts over (${event.data.reason})`];
      case "hello":
      case "progress":
      case "bye":
        return [];
    }
  }

  #entry(entry: LedgerEntry): readonly string[] {
    if (entry.kind === "gap") return [`bins ${entry.fromBin} to ${entry.toBin} were not seen`];
    return [...this.#bin(entry.update), ...entry.warnings.map(warningLine)];
  }

  #bin(update: RunUpdate): readonly string[] {
    const { nodes, glyphs } = this.#options;
    const shown = update.nodes.filter(({ id }) => nodes?.includes(id) ?? true);
    const longest = Math.max(0, ...shown.map(({ id }) => id.length));
    const when = update.startUtc === null ? "" : `${instantText(update.startUtc)}  `;
    return shown.map((node) => {
      const values = valuesOf(node, glyphs);
      const gaps = node.gaps !== undefined && node.gaps.length > 0 ? `  no telemetry: ${node.gaps.join(", ")}` : "";
      const bin = update.rev === 0 ? update.binIndex : `${update.binIndex} rev ${update.rev}`;
      return `${when}bin ${bin}  ${node.id.padEnd(longest)}  ${values.join("  ")}${gaps}`;
    });
  }
}

function settings(set: Readonly<Record<string, number>>): string {
  return Object.entries(set)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}

function valuesOf(node: NodeDelta, glyphs: Glyphs): readonly string[] {
  return SHOWN.filter(([metric]) => metric in node.metrics).map(([metric, label]) => {
    const text = cellText(markOf(node, metric), node.metrics[metric] ?? Number.NaN, measureOf(metric), glyphs);
    return `${label} ${text.padStart(7)}`;
  });
}

function warningLine({ action, warning }: ShownWarning): string {
  return `${warning.severity} ${action}: ${warning.nodeId ?? "run"}: ${warning.message} (${warning.code})`;
}
