import { emptyView, foldEvent, type RunView } from "../client/run-view.ts";
import type { ConnectionEvent, StreamItem } from "../client/stream.ts";
import type { StopReason } from "../client/stream-state.ts";
import type { Clock } from "../lib/clock.ts";
import type { SnapshotReference } from "../protocol/run.ts";

/** Pictures a second at most: numbers that change faster cannot be read, and painting is what costs. */
export const PICTURES_PER_SECOND = 4;
/** Without news the picture is renewed this often, so that ages and lag go on. */
const IDLE_MS = 1_000;

/** How it stands with the connection. */
export interface ConnectionFacts {
  readonly kind: "connecting" | "live" | "waiting" | "ended" | "stopped";
  readonly sinceMs: number;
  readonly retryAtMs: number | null;
  /** Failures in a row. */
  readonly failures: number;
  /** Times a connection was made again. */
  readonly reconnects: number;
  readonly message: string | null;
  readonly stopReason: StopReason | null;
}

/** Everything a frame shows besides what the person has chosen. Immutable; a new one a few times a second at most. */
export interface Picture {
  readonly view: RunView;
  readonly connection: ConnectionFacts;
  readonly nowMs: number;
  /** When the newest bin was sealed, by our clock; null before the first. */
  readonly sealedAtMs: number | null;
  readonly checkpointAtMs: number | null;
  /** Newest snapshot, also from before we joined. */
  readonly snapshot: SnapshotReference | null;
}

/** Takes in the stream at its own pace and hands out pictures at ours. */
export class PictureStore {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #view: RunView;
  #connection: ConnectionFacts;
  #sealedAtMs: number | null = null;
  #checkpointAtMs: number | null = null;
  #snapshot: SnapshotReference | null;
  #picture: Picture;
  #shownAtMs = Number.NEGATIVE_INFINITY;
  #timer: { readonly atMs: number; readonly cancel: () => void } | null = null;

  /** @param snapshot newest snapshot the engine knows of, before the stream tells */
  constructor(clock: Clock, snapshot: SnapshotReference | null = null, view: RunView = emptyView()) {
    this.#clock = clock;
    this.#view = view;
    this.#snapshot = snapshot;
    this.#connection = {
      kind: "connecting",
      sinceMs: clock.now(),
      retryAtMs: null,
      failures: 0,
      reconnects: 0,
      message: null,
      stopReason: null,
    };
    this.#picture = this.#take();
  }

  readonly picture = (): Picture => this.#picture;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#schedule(IDLE_MS);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.stop();
    };
  };

  apply(item: StreamItem): void {
    const nowMs = this.#clock.now();
    if (item.source === "connection") {
      this.#connection = foldConnection(this.#connection, item.event, nowMs);
    } else {
      const { event } = item;
      this.#view = foldEvent(this.#view, event);
      if (event.event === "bin") this.#sealedAtMs = nowMs;
      if (event.event === "progress" && event.data.lagMs !== null) this.#sealedAtMs = nowMs - event.data.lagMs;
      if (event.event === "checkpoint") {
        this.#snapshot = event.data;
        this.#checkpointAtMs = nowMs;
      }
    }
    this.#schedule(1000 / PICTURES_PER_SECOND);
  }

  /** No more pictures, no timer left behind. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** A new picture no sooner than `spacingMs` after the last, at once when that long has passed. */
  #schedule(spacingMs: number): void {
    if (this.#listeners.size === 0) return;
    const nowMs = this.#clock.now();
    const atMs = Math.max(nowMs, this.#shownAtMs + spacingMs);
    if (this.#timer !== null && this.#timer.atMs <= atMs) return;
    this.#timer?.cancel();
    const cancel = this.#clock.after(atMs - nowMs, () => {
      this.#timer = null;
      this.#show();
    });
    this.#timer = { atMs, cancel };
  }

  #show(): void {
    this.#shownAtMs = this.#clock.now();
    this.#picture = this.#take();
    for (const listener of this.#listeners) listener();
    this.#schedule(IDLE_MS);
  }

  #take(): Picture {
    return {
      view: this.#view,
      connection: this.#connection,
      nowMs: this.#clock.now(),
      sealedAtMs: this.#sealedAtMs,
      checkpointAtMs: this.#checkpointAtMs,
      snapshot: this.#snapshot,
    };
  }
}

export function foldConnection(facts: ConnectionFacts, event: ConnectionEvent, nowMs: number): ConnectionFacts {
  switch (event.event) {
    case "connecting":
      return { ...facts, kind: "connecting", sinceMs: nowMs, retryAtMs: null };
    case "connected": {
      const isAgain = facts.failures > 0;
      const reconnects = facts.reconnects + (isAgain ? 1 : 0);
      return { ...facts, kind: "live", sinceMs: nowMs, retryAtMs: null, failures: 0, reconnects, message: null };
    }
    case "lost":
      return {
        ...facts,
        kind: "waiting",
        sinceMs: nowMs,
        retryAtMs: nowMs + event.retryInMs,
        failures: event.failures,
        message: event.message,
      };
    case "ended":
      return { ...facts, kind: "ended", sinceMs: nowMs, retryAtMs: null, message: event.message };
    case "stopped":
      return {
        ...facts,
        kind: "stopped",
        sinceMs: nowMs,
        retryAtMs: null,
        message: event.message,
        stopReason: event.reason,
      };
  }
}
