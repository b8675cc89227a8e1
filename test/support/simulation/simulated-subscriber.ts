import { emptyView, foldEvent, type RunView } from "../../../src/client/run-view.ts";
import type { RunTopic } from "../../../src/hub/hub.ts";
import type { RunEvent } from "../../../src/protocol/run-event.ts";
import { FakeSink } from "../fake-sink.ts";
import type { Random } from "../random.ts";
import { SseParser } from "../sse-parser.ts";
import { beliefOf, VIEW_BINS } from "./oracles.ts";

/** One who watches: reads some, stalls, is cut off, comes back with the cursor it had. */
export class SimulatedSubscriber {
  readonly #chance: Random;
  #view: RunView = emptyView({ historyBins: VIEW_BINS });
  #sink: FakeSink | null = null;
  #parser = new SseParser();
  /** What to send as `Last-Event-ID`. */
  #cursor: string | null = null;
  bye: string | null = null;
  /** Resets it was told, by reason. */
  readonly resets: string[] = [];

  constructor(chance: Random) {
    this.#chance = chance;
  }

  get isConnected(): boolean {
    return this.#sink !== null;
  }

  get seq(): number {
    return this.#cursor === null ? -1 : (this.#view.seq ?? -1);
  }

  /** Null while it has no whole picture. */
  get belief(): string | null {
    return this.#cursor === null || this.#view.isResyncing ? null : beliefOf(this.#view);
  }

  get fault(): string | null {
    return this.#view.fault?.message ?? null;
  }

  connect(topic: RunTopic): void {
    this.cut();
    this.#parser = new SseParser();
    this.bye = null;
    this.#sink = new FakeSink(500 + this.#chance.below(20_000));
    this.#sink.subscription = topic.subscribe(this.#sink, { lastEventId: this.#cursor });
  }

  /** Next time it comes with a cursor that no event has. @returns what it is to be told */
  stray(): string {
    const { epoch, seq } = this.#view;
    const isAhead = this.#chance.chance(0.3);
    this.#cursor = isAhead ? `${epoch}.${seq! + 100_000}` : this.#chance.pick(["0000000000000000.3", "garbage", "e.9"]);
    return isAhead ? "ahead" : "epoch";
  }

  cut(): void {
    this.#sink?.subscription?.closed();
    this.#sink = null;
  }

  read(limit?: number): void {
    if (this.#sink === null) return;
    for (const block of this.#parser.push(limit === undefined ? this.#sink.readAll() : this.#sink.read(limit))) {
      if (block.hasId) this.#cursor = block.lastEventId;
      if (block.event === null) continue;
      const event = { event: block.event, data: JSON.parse(block.data) } as RunEvent;
      if (event.event === "reset") this.resets.push(event.data.reason);
      if (event.event === "bye") this.bye = event.data.code;
      this.#view = foldEvent(this.#view, event);
    }
    if (this.bye !== null) this.cut();
  }
}
