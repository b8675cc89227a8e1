import type { StreamItem } from "../../src/client/stream.ts";
import { TuiModel } from "../../src/tui/model.ts";
import { PictureStore } from "../../src/tui/picture.ts";
import type { ScreenSize } from "../../src/tui/screen-size.ts";
import type { Effect } from "../../src/tui/screen-state.ts";
import { FakeClock } from "./fake-clock.ts";
import type { FakeRun } from "./fake-engine.ts";
import { OrderPipeline } from "./order-pipeline.ts";

/** The terminal's model over a made-up run, without a terminal: items in, frames out, time by hand. */
export class TuiScene {
  readonly clock = new FakeClock();
  readonly store = new PictureStore(this.clock);
  readonly effects: Effect[] = [];
  readonly model: TuiModel;
  readonly run: FakeRun;
  #sent = 0;

  constructor(run: FakeRun, size: ScreenSize) {
    this.run = run;
    this.model = new TuiModel(this.store, size, (effect) => this.effects.push(effect));
    this.model.subscribe(() => {});
    this.store.apply({ source: "connection", event: { event: "connecting", attempt: 1 } });
    this.store.apply({ source: "connection", event: { event: "connected", resumedFrom: null, afterMs: 0 } });
    this.apply({
      source: "run",
      event: { event: "hello", data: { ...run.hello(), seq: 0, sealedBin: -1 } },
      cursor: null,
    });
  }

  /** Everything the run has published since, and a picture of it. */
  catchUp(): this {
    for (const event of this.run.events.slice(this.#sent)) {
      this.store.apply({ source: "run", event, cursor: { epoch: this.run.epoch, seq: event.data.seq } });
    }
    this.#sent = this.run.events.length;
    this.clock.advance(1_000);
    return this;
  }

  apply(item: StreamItem): void {
    this.store.apply(item);
    this.clock.advance(1_000);
  }

  keys(...keys: readonly string[]): this {
    for (const key of keys) this.model.key(key);
    return this;
  }
}

/** The order pipeline at bin `bins - 1`. */
export function pipelineScene(
  size: ScreenSize,
  bins = 70,
): { readonly scene: TuiScene; readonly pipeline: OrderPipeline } {
  const pipeline = new OrderPipeline();
  const scene = new TuiScene(pipeline.run, size);
  pipeline.advance(bins);
  return { scene: scene.catchUp(), pipeline };
}
