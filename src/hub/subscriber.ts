import type { Clock } from "../lib/clock.ts";
import type { ResetReason, RunEvent } from "../protocol/run-event.ts";
import { filterEnd, filterKey, filterPage, type StreamFilter } from "./filter.ts";
import type { HubLimits } from "./limits.ts";
import type { ReplayWindow, RetainedEvent } from "./replay-window.ts";
import type { ResumePlan } from "./resume.ts";
import { encodeEvent } from "./sse-frame.ts";
import type { StateSource } from "./state-source.ts";

/** Where a subscriber's bytes go. No call throws; what went wrong arrives as `closed`. */
export interface Sink {
  /** Takes the bytes in any case. False: there is enough for now, `drained` will be called. */
  write(bytes: Buffer): boolean;
  /** Taken and not yet given to the operating system. */
  readonly unsentBytes: number;
  /** No more bytes come; the rest is still to be sent. */
  end(): void;
  /** Lets everything go at once. */
  destroy(): void;
}

/** What the transport tells, and what others may look at. */
export interface Subscription {
  readonly state: "catching-up" | "live" | "closed";
  /** Sequence of the newest event handed to the sink, or of the snapshot being handed over. */
  readonly position: number;
  /** The sink has sent what it had. */
  drained(): void;
  /** The sink is gone. */
  closed(): void;
  /** Says `bye` and ends the connection. */
  close(bye: Bye): void;
}

export type Bye = Extract<RunEvent, { event: "bye" }>["data"];

/** The topic, as its subscribers see it. */
export interface Feed {
  readonly source: StateSource;
  readonly window: ReplayWindow;
  readonly epoch: string;
  readonly clock: Clock;
  readonly limits: HubLimits;
  readonly counters: HubCounters;
  /** Said to everyone who has got everything; null while more is to come. */
  readonly bye: Bye | null;
  /** The event's bytes under a filter; `filterKey` is the filter's own. */
  filtered(retained: RetainedEvent, filter: StreamFilter, filterKey: string): Buffer;
  onProblem(error: unknown): void;
  left(subscriber: Subscriber): void;
}

/** Since the topic began. */
export interface HubCounters {
  /** Subscriptions that went on from their cursor. */
  resumed: number;
  snapshots: number;
  resets: Record<ResetReason, number>;
  /** Live connections that exceeded their budget of unsent bytes … */
  fellBehind: number;
  /** … and that were closed because they did not drain. */
  closedSlow: number;
}

/**
 * One connection's place in a run's stream. It has no queue: it has a position, and what comes after the position is
 * in the topic's replay window, shared by all. What the socket holds is the only memory it costs.
 *
 * - `catching-up`: behind the head, or in the middle of a snapshot. Writes at the pace of the socket: until the sink
 *   has enough, then on at `drained`. A publication needs nothing from it. An event that has left the window before it
 *   was written: `reset{slow}` and a snapshot.
 * - `live`: has everything. A publication is written at once, unless the sink waits to drain and has its budget of
 *   unsent bytes: then it is behind, and catching up from where it stopped.
 * - `closed`: nothing is written any more.
 *
 *     start → catching-up ⇄ live        both → closed: the sink is gone, the topic ends, or too slow
 *
 * Too slow is: no drain within `slowCloseMs` while catching up, or `slowResets` losses of place without being live.
 */
export class Subscriber implements Subscription {
  readonly #sink: Sink;
  readonly #feed: Feed;
  readonly #filter: StreamFilter | null;
  readonly #filterKey: string;
  #state: Subscription["state"] = "catching-up";
  #position = 0;
  #snapshot: Iterator<Buffer> | null = null;
  #isWaiting = false;
  #slowResets = 0;
  #cancelTimer = () => {};

  constructor(sink: Sink, feed: Feed, filter: StreamFilter | null) {
    this.#sink = sink;
    this.#feed = feed;
    this.#filter = filter;
    this.#filterKey = filter === null ? "" : filterKey(filter);
  }

  get state(): Subscription["state"] {
    return this.#state;
  }

  get position(): number {
    return this.#position;
  }

  start(hello: Buffer, plan: ResumePlan): void {
    this.#write(hello);
    if (plan.kind === "frames") this.#position = plan.after;
    else this.#snapshot = this.#snapshotBytes(plan.reset);
    this.#pump();
  }

  /** A new event, in the window already. Costs at most one write. */
  offer(retained: RetainedEvent): void {
    if (this.#state !== "live" || retained.seq <= this.#position) return;
    if (this.#isWaiting && this.#sink.unsentBytes >= this.#feed.limits.unsentBytes) {
      this.#state = "catching-up";
      this.#feed.counters.fellBehind++;
      this.#armSlowTimer();
      return;
    }
    this.#writeEvent(retained);
  }

  /** Heartbeats are for those who have everything else; they are never worth a place in a full socket. */
  beat(bytes: Buffer): void {
    const isFull = this.#isWaiting && this.#sink.unsentBytes >= this.#feed.limits.unsentBytes;
    if (this.#state === "live" && !isFull) this.#write(bytes);
  }

  /** The topic has ended: said now to those who have everything, later to the others. */
  finish(): void {
    if (this.#state === "live" && this.#feed.bye !== null) this.close(this.#feed.bye);
  }

  drained(): void {
    this.#isWaiting = false;
    if (this.#state === "catching-up") {
      this.#cancelTimer();
      this.#pump();
    }
  }

  closed(): void {
    this.#cancelTimer();
    this.#leave();
  }

  close(bye: Bye): void {
    if (this.#state === "closed") return;
    this.#write(encodeEvent({ event: "bye", data: bye }));
    this.#leave();
    this.#sink.end();
    this.#cancelTimer();
    this.#cancelTimer = this.#feed.clock.after(this.#feed.limits.closeGraceMs, () => this.#sink.destroy());
  }

  #leave(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#snapshot = null;
    this.#feed.left(this);
  }

  #pump(): void {
    try {
      while (this.#state === "catching-up" && !this.#isWaiting) this.#step();
    } catch (error) {
      // The run could not give its state: this connection ends, the others go on.
      this.#leave();
      this.#sink.destroy();
      this.#feed.onProblem(error);
      return;
    }
    if (this.#state === "catching-up") this.#armSlowTimer();
  }

  #step(): void {
    if (this.#snapshot !== null) {
      const next = this.#snapshot.next();
      if (next.done === true) this.#snapshot = null;
      else this.#write(next.value);
      return;
    }
    const { window, bye } = this.#feed;
    if (this.#position >= window.head) {
      this.#state = "live";
      this.#slowResets = 0;
      if (bye !== null) this.close(bye);
      return;
    }
    const retained = window.get(this.#position + 1);
    if (retained !== undefined) {
      this.#writeEvent(retained);
    } else if (++this.#slowResets > this.#feed.limits.slowResets) {
      this.#closeAsSlow(`it fell out of the stream ${this.#slowResets} times in a row`);
    } else {
      this.#snapshot = this.#snapshotBytes("slow");
    }
  }

  /** The state, pinned when its first byte is written. Bins newer than that come from the window. */
  *#snapshotBytes(reset: ResetReason | null): Generator<Buffer> {
    const { counters, epoch, source } = this.#feed;
    const filter = this.#filter;
    if (reset !== null) {
      counters.resets[reset]++;
      yield encodeEvent({ event: "reset", data: { reason: reset } });
    }
    counters.snapshots++;
    const { begin, pages, end } = source.snapshot();
    this.#position = begin.seq;
    yield encodeEvent({ event: "snapshot-begin", data: begin });
    for (const page of pages) {
      yield encodeEvent({ event: "snapshot-page", data: filter === null ? page : filterPage(page, filter) });
    }
    const data = filter === null ? end : filterEnd(end, filter);
    yield encodeEvent({ event: "snapshot-end", data }, { epoch, seq: begin.seq });
  }

  #writeEvent(retained: RetainedEvent): void {
    this.#position = retained.seq;
    const filter = this.#filter;
    this.#write(filter === null ? retained.bytes : this.#feed.filtered(retained, filter, this.#filterKey));
  }

  #write(bytes: Buffer): void {
    if (!this.#sink.write(bytes)) this.#isWaiting = true;
  }

  #armSlowTimer(): void {
    const { clock, limits } = this.#feed;
    this.#cancelTimer();
    this.#cancelTimer = clock.after(limits.slowCloseMs, () =>
      this.#closeAsSlow(`nothing was read for ${limits.slowCloseMs / 1000} s`),
    );
  }

  #closeAsSlow(why: string): void {
    this.#feed.counters.closedSlow++;
    this.close({
      code: "slow",
      message: `This connection is too slow: ${why}. Reconnect to go on from the last event.`,
    });
  }
}
