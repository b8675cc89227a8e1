import { type Clock, systemClock } from "../lib/clock.ts";
import type { Cursor } from "../protocol/cursor.ts";
import type { ByeCode, RunEvent } from "../protocol/run-event.ts";
import { runPath } from "./client.ts";
import type { ClientError } from "./client-error.ts";
import { Connection } from "./connection.ts";
import type { FetchLike } from "./http.ts";
import {
  DEFAULT_STREAM_SETTINGS,
  initialStreamState,
  isFinal,
  type LossReason,
  nextDeadlineMs,
  type StopReason,
  type StreamEvent,
  type StreamSettings,
  type StreamState,
  stepStream,
} from "./stream-state.ts";

/** Events that wait for the consumer before reading stops: a burst, not a backlog. The engine's limit then decides. */
const HIGH_EVENTS = 1_024;
/** The same in characters of payload, as one snapshot page may be as big as a thousand bins. */
const HIGH_CHARS = 8 * 1024 * 1024;
/** Reading goes on when this share of the bound is left, so that it does not stop and go with every event. */
const LOW_SHARE = 0.5;

/** Life of the connection, in line with the run's events. */
export type ConnectionEvent =
  | { readonly event: "connecting"; readonly attempt: number }
  /** `resumedFrom`: position the engine was asked to go on from; `afterMs`: time without a connection, 0 at first. */
  | { readonly event: "connected"; readonly resumedFrom: Cursor | null; readonly afterMs: number }
  | {
      readonly event: "lost";
      readonly reason: LossReason;
      readonly message: string;
      /** Failures in a row so far. */
      readonly failures: number;
      readonly retryInMs: number;
    }
  | { readonly event: "ended"; readonly code: ByeCode; readonly message: string | null }
  | {
      readonly event: "stopped";
      readonly reason: StopReason;
      readonly message: string;
      readonly status: number | null;
    };

export type StreamItem =
  | { readonly source: "run"; readonly event: RunEvent; readonly cursor: Cursor | null }
  | { readonly source: "connection"; readonly event: ConnectionEvent };

export interface RunStreamOptions {
  readonly baseUrl: string;
  readonly runId: string;
  /** Position to go on from; null or absent = start with a snapshot. */
  readonly cursor?: Cursor | null;
  readonly settings?: Partial<StreamSettings>;
  readonly clock?: Clock;
  /** In [0, 1); jitter of the waits. Default `Math.random`. */
  readonly random?: () => number;
  readonly fetch?: FetchLike;
}

/**
 * A run's events, across connections. Iterate it once:
 * - every numbered event once and in order; where that is impossible, a `reset` followed by a whole snapshot;
 * - beside them the connection's own events; the last item is `ended` (the run said bye) or `stopped`;
 * - what is read but not consumed is bounded; beyond that reading stops, and the engine's own limit decides.
 */
export class RunStream implements AsyncIterable<StreamItem> {
  readonly #options: RunStreamOptions;
  readonly #settings: StreamSettings;
  readonly #clock: Clock;
  readonly #random: () => number;
  #state: StreamState;
  #connection: Connection | null = null;
  #timer: { readonly atMs: number; readonly cancel: () => void } | null = null;
  #queue: { readonly item: StreamItem; readonly chars: number }[] = [];
  #queuedChars = 0;
  #waiter: ((result: IteratorResult<StreamItem>) => void) | null = null;
  #room: { readonly opened: Promise<void>; readonly open: () => void } | null = null;
  #consumed: Cursor | null;
  #downSinceMs: number | null = null;
  #refusal: ClientError | null = null;

  constructor(options: RunStreamOptions) {
    this.#options = options;
    this.#settings = { ...DEFAULT_STREAM_SETTINGS, ...options.settings };
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#consumed = options.cursor ?? null;
    this.#state = initialStreamState(this.#consumed);
  }

  /** Where the machine stands. */
  get state(): StreamState {
    return this.#state;
  }

  /** Position of the last item that was handed out: where another stream may go on without loss or repeats. */
  get cursor(): Cursor | null {
    return this.#consumed;
  }

  /** The engine's answer when it refused the stream, null otherwise. */
  get refusal(): ClientError | null {
    return this.#refusal;
  }

  /** Ends the stream; what is queued is still handed out, then `stopped`. */
  close(): void {
    this.#step({ kind: "close" });
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamItem> {
    this.#step({ kind: "start" });
    return {
      next: () => this.#next(),
      return: async () => {
        this.close();
        this.#queue = [];
        this.#queuedChars = 0;
        return { done: true, value: undefined };
      },
    };
  }

  #next(): Promise<IteratorResult<StreamItem>> {
    const entry = this.#queue.shift();
    if (entry !== undefined) {
      this.#queuedChars -= entry.chars;
      if (
        this.#room !== null &&
        this.#queue.length <= HIGH_EVENTS * LOW_SHARE &&
        this.#queuedChars <= HIGH_CHARS * LOW_SHARE
      ) {
        this.#room.open();
        this.#room = null;
        this.#step({ kind: "release", reason: "backpressure" });
      }
      this.#noteConsumed(entry.item);
      return Promise.resolve({ done: false, value: entry.item });
    }
    if (isFinal(this.#state)) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }

  #noteConsumed(item: StreamItem): void {
    if (item.source === "run" && item.cursor !== null) this.#consumed = item.cursor;
  }

  #push(item: StreamItem, chars: number): void {
    const waiter = this.#waiter;
    if (waiter !== null) {
      this.#waiter = null;
      this.#noteConsumed(item);
      waiter({ done: false, value: item });
      return;
    }
    this.#queue.push({ item, chars });
    this.#queuedChars += chars;
    if (this.#room === null && (this.#queue.length >= HIGH_EVENTS || this.#queuedChars >= HIGH_CHARS)) {
      let open: () => void = () => {};
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      this.#room = { opened, open };
      this.#step({ kind: "hold", reason: "backpressure" });
    }
  }

  #step(event: StreamEvent): void {
    const nowMs = this.#clock.now();
    const before = this.#state;
    const after = stepStream(before, event, { nowMs, random: this.#random(), settings: this.#settings });
    if (after === before) return;
    this.#state = after;
    if (after.connection !== before.connection || !hasConnection(after)) {
      this.#connection?.close();
      this.#connection = null;
    }
    if (after.kind !== before.kind || after.connection !== before.connection) this.#announce(after, nowMs);
    if (after.kind === "connecting" && after.connection !== before.connection) this.#connect(after.cursor);
    this.#arm(nowMs);
  }

  #connect(cursor: Cursor | null): void {
    const { baseUrl, runId } = this.#options;
    this.#connection = new Connection(
      {
        url: `${baseUrl.replace(/\/+$/, "")}${runPath(runId)}/stream`,
        runId,
        cursor,
        fetch: this.#options.fetch ?? ((url, init) => fetch(url, init)),
      },
      {
        step: (event) => this.#step(event),
        take: (event, at, chars) => this.#push({ source: "run", event, cursor: at }, chars),
        whenReady: () => this.#room?.opened ?? Promise.resolve(),
        refusal: (error) => {
          this.#refusal = error;
        },
      },
    );
  }

  #announce(after: StreamState, nowMs: number): void {
    switch (after.kind) {
      case "connecting":
        this.#downSinceMs ??= nowMs;
        this.#say({ event: "connecting", attempt: after.failures + 1 });
        break;
      case "live": {
        const isFirst = after.connection === 1;
        const afterMs = isFirst ? 0 : nowMs - (this.#downSinceMs ?? nowMs);
        this.#downSinceMs = null;
        this.#say({ event: "connected", resumedFrom: after.cursor, afterMs });
        break;
      }
      case "waiting":
        this.#downSinceMs ??= nowMs;
        this.#say({
          event: "lost",
          reason: after.reason,
          message: after.message,
          failures: after.failures,
          retryInMs: after.untilMs - nowMs,
        });
        break;
      case "ended":
        this.#finish({ event: "ended", code: after.code, message: after.message });
        break;
      case "stopped":
        this.#finish({ event: "stopped", reason: after.reason, message: after.message, status: after.status });
        break;
      case "idle":
      case "open":
        break;
    }
  }

  #say(event: ConnectionEvent): void {
    this.#push({ source: "connection", event }, 0);
  }

  #finish(event: ConnectionEvent): void {
    this.#say(event);
    this.#room?.open();
    this.#room = null;
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.({ done: true, value: undefined });
  }

  #arm(nowMs: number): void {
    const atMs = nextDeadlineMs(this.#state, this.#settings);
    if (atMs === null) {
      this.#timer?.cancel();
      this.#timer = null;
      return;
    }
    // A timer that is due earlier finds nothing to do and arms the next one: cheaper than a new one for every event.
    if (this.#timer !== null && this.#timer.atMs <= atMs) return;
    this.#timer?.cancel();
    const cancel = this.#clock.after(Math.max(0, atMs - nowMs), () => {
      this.#timer = null;
      this.#step({ kind: "tick" });
      this.#arm(this.#clock.now());
    });
    this.#timer = { atMs, cancel };
  }
}

function hasConnection(state: StreamState): boolean {
  return state.kind === "connecting" || state.kind === "open" || state.kind === "live";
}
