import type { Picture, PictureStore } from "./picture.ts";
import { areasOf, type ScreenSize } from "./screen-size.ts";
import {
  type Effect,
  initialScreen,
  press,
  refresh,
  type ScreenContext,
  type ScreenState,
  withNotice,
} from "./screen-state.ts";
import type { Tone } from "./text.ts";

/** What one frame is painted from. A new object whenever something to see may have changed. */
export interface Frame {
  readonly picture: Picture;
  readonly screen: ScreenState;
  readonly size: ScreenSize;
}

/** Pictures and keys brought together: all there is to know besides painting. No terminal, no React. */
export class TuiModel {
  readonly #store: PictureStore;
  readonly #onEffect: (effect: Effect) => void;
  readonly #listeners = new Set<() => void>();
  #frame: Frame;
  #unsubscribe: (() => void) | null = null;

  constructor(store: PictureStore, size: ScreenSize, onEffect: (effect: Effect) => void) {
    this.#store = store;
    this.#onEffect = onEffect;
    const picture = store.picture();
    const screen = refresh(initialScreen(), contextOf(picture, initialScreen(), size));
    this.#frame = { picture, screen, size };
  }

  readonly frame = (): Frame => this.#frame;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#unsubscribe ??= this.#store.subscribe(() => this.#refresh());
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#unsubscribe?.();
      this.#unsubscribe = null;
    };
  };

  /** @param key a printable character or a name of `keymap.ts` */
  key(key: string): void {
    const { picture, screen, size } = this.#frame;
    const { state, effect } = press(screen, key, contextOf(picture, screen, size));
    this.#show({ screen: state });
    if (effect !== null) this.#onEffect(effect);
  }

  resize(size: ScreenSize): void {
    const { picture, screen } = this.#frame;
    this.#show({ size, screen: refresh(screen, contextOf(picture, screen, size)) });
  }

  notice(text: string, tone: Tone): void {
    this.#show({ screen: withNotice(this.#frame.screen, text, tone, this.#frame.picture.nowMs) });
  }

  #refresh(): void {
    const picture = this.#store.picture();
    const { screen, size } = this.#frame;
    this.#show({ picture, screen: refresh(screen, contextOf(picture, screen, size)) });
  }

  #show(change: Partial<Frame>): void {
    this.#frame = { ...this.#frame, ...change };
    for (const listener of this.#listeners) listener();
  }
}

function contextOf(picture: Picture, screen: ScreenState, size: ScreenSize): ScreenContext {
  const view = screen.frozen ?? picture.view;
  const { tableRows } = areasOf(size, Math.max(view.nodeInfos.length, view.nodes.length), screen.isDetail);
  return { live: picture.view, nowMs: picture.nowMs, tableRows };
}
