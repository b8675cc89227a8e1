import { describe, expect, test } from "vitest";
import { PictureStore } from "../../../src/tui/picture.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { OrderPipeline } from "../../support/order-pipeline.ts";

function storeWith() {
  const clock = new FakeClock();
  const store = new PictureStore(clock);
  const pipeline = new OrderPipeline();
  store.apply({ source: "run", event: { event: "hello", data: pipeline.run.hello() }, cursor: null });
  let pictures = 0;
  const stop = store.subscribe(() => pictures++);
  const bin = () => {
    pipeline.advance();
    store.apply({ source: "run", event: pipeline.run.events.at(-1)!, cursor: null });
  };
  return { clock, store, bin, pictures: () => pictures, stop };
}

describe("pictures", () => {
  test("four a second at most, however fast events come", () => {
    const { clock, bin, pictures, store } = storeWith();
    for (let at = 0; at < 1_000; at++) {
      bin();
      clock.advance(2);
    }
    expect(pictures()).toBeLessThanOrEqual(9);
    clock.advance(250);
    expect(store.picture().view.sealedBin).toBe(999);
  });

  test("the first news is shown at once", () => {
    const { clock, bin, pictures } = storeWith();
    clock.advance(5_000);
    const before = pictures();
    clock.advance(600);
    bin();
    clock.advance(0);
    expect(pictures()).toBe(before + 1);
  });

  test("without news one a second, so that ages go on", () => {
    const { clock, pictures } = storeWith();
    clock.advance(10_000);
    expect(pictures()).toBeGreaterThanOrEqual(10);
    expect(pictures()).toBeLessThanOrEqual(11);
  });

  test("a picture does not change while it is shown", () => {
    const { bin, store } = storeWith();
    const picture = store.picture();
    bin();
    expect(store.picture()).toBe(picture);
  });

  test("no timer is left behind", () => {
    const { clock, stop, bin } = storeWith();
    stop();
    bin();
    expect(clock.pending).toBe(0);
  });
});
