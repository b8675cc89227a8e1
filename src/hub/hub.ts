import { invariant } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import type { NumberedEvent } from "../protocol/run-event.ts";
import { filterEvent, type StreamFilter } from "./filter.ts";
import { DEFAULT_LIMITS, type HubLimits } from "./limits.ts";
import { ReplayWindow, RetainedEvent } from "./replay-window.ts";
import { planResume, type SubscribeRequest } from "./resume.ts";
import { decodeEvent, encodeEvent, encodeHeartbeat, encodeHello, encodeId, eventText } from "./sse-frame.ts";
import type { StateSource } from "./state-source.ts";
import { type Bye, type Feed, type HubCounters, type Sink, Subscriber, type Subscription } from "./subscriber.ts";

export interface HubParts {
  readonly clock: Clock;
  /** Called when a run cannot give its state to a subscriber, which is then cut off. */
  readonly onProblem: (error: unknown) => void;
  readonly limits?: Partial<HubLimits>;
  /** Chance within [0, 1), for jitter. Default `Math.random`. */
  readonly random?: () => number;
}

export interface TopicRequest extends SubscribeRequest {
  /** Default none: everything. */
  readonly filter?: StreamFilter | null;
}

/**
 * The stream of one run: numbered events in, the same order out to every subscriber, none of which is ever waited for.
 * Made when the source is at the sequence before the first `publish`, so a run that replays its log fills the window.
 */
export class RunTopic {
  readonly #source: StateSource;
  readonly #window: ReplayWindow;
  readonly #epoch: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #limits: HubLimits;
  readonly #counters: HubCounters = {
    resumed: 0,
    snapshots: 0,
    resets: { epoch: 0, evicted: 0, ahead: 0, slow: 0, acl: 0 },
    fellBehind: 0,
    closedSlow: 0,
  };
  readonly #subscribers = new Set<Subscriber>();
  readonly #feed: Feed;
  #newest: NumberedEvent | null = null;
  #bye: Bye | null = null;
  #cancelHeartbeat: (() => void) | null = null;
  /** Encodings of one event, by filter: everyone who is live asks for the newest one. */
  #filtered: { readonly seq: number; readonly byFilter: Map<string, Buffer> } = { seq: 0, byFilter: new Map() };

  constructor(source: StateSource, parts: HubParts) {
    const { epoch, seq } = source.hello();
    const limits = { ...DEFAULT_LIMITS, ...parts.limits };
    this.#source = source;
    this.#epoch = epoch;
    this.#clock = parts.clock;
    this.#random = parts.random ?? Math.random;
    this.#limits = limits;
    this.#window = new ReplayWindow(seq, limits.replayEvents, limits.replayBytes);
    const bye = () => this.#bye;
    this.#feed = {
      source,
      window: this.#window,
      epoch,
      clock: parts.clock,
      limits,
      counters: this.#counters,
      get bye() {
        return bye();
      },
      filtered: (retained, filter, key) => this.#filteredBytes(retained, filter, key),
      onProblem: parts.onProblem,
      left: (subscriber) => this.#left(subscriber),
    };
  }

  get counters(): Readonly<HubCounters> {
    return this.#counters;
  }

  get subscriberCount(): number {
    return this.#subscribers.size;
  }

  /** Sequence of the newest event. */
  get head(): number {
    return this.#window.head;
  }

  /** Oldest event that a subscriber can still get; `head + 1` when there is none. */
  get firstRetained(): number {
    return this.#window.firstRetained;
  }

  get retainedBytes(): number {
    return this.#window.bytes;
  }

  /**
   * Encodes the event once and hands it to everyone who is live. Never waits and never fails because of a subscriber.
   * @param event its `seq` follows the newest one
   */
  publish(event: NumberedEvent): void {
    const { seq } = event.data;
    if (event.event === "bin") invariant(event.data.epoch === this.#epoch, "events of a topic are of one epoch");
    const retained = new RetainedEvent(seq, eventText(event, { epoch: this.#epoch, seq }));
    this.#window.push(retained);
    this.#newest = event;
    for (const subscriber of this.#subscribers) subscriber.offer(retained);
  }

  /**
   * Ends the stream. `completed`, `aborted` and `failed` are said after the last event, to those who come later too;
   * `draining` and the others at once. The first end of the former kind stays.
   */
  end(bye: Bye): void {
    if (bye.code === "completed" || bye.code === "aborted" || bye.code === "failed") {
      this.#bye ??= bye;
      for (const subscriber of this.#subscribers) subscriber.finish();
    } else {
      this.#bye = bye;
      for (const subscriber of this.#subscribers) subscriber.close(bye);
    }
  }

  /**
   * Writes the first bytes at once; everything further as the sink takes it.
   * The caller owns the sink and reports `drained` and `closed`.
   */
  subscribe(sink: Sink, request: TopicRequest = {}): Subscription {
    const subscriber = new Subscriber(sink, this.#feed, request.filter ?? null);
    this.#subscribers.add(subscriber);
    this.#cancelHeartbeat ??= this.#clock.after(this.#limits.heartbeatMs, () => this.#beat());
    const { head, firstRetained } = this.#window;
    const plan = planResume(request, { epoch: this.#epoch, firstRetained, head });
    if (plan.kind === "frames" && request.lastEventId) this.#counters.resumed++;
    const retryMs = Math.round(this.#limits.retryMs * (1 + 2 * this.#random()));
    subscriber.start(encodeHello({ ...this.#source.hello(), firstRetainedSeq: firstRetained }, retryMs), plan);
    return subscriber;
  }

  #beat(): void {
    this.#cancelHeartbeat = null;
    if (this.#subscribers.size === 0) return;
    const bytes = encodeHeartbeat(this.#source.progress(), { epoch: this.#epoch, seq: this.#window.head });
    for (const subscriber of this.#subscribers) subscriber.beat(bytes);
    this.#cancelHeartbeat = this.#clock.after(this.#limits.heartbeatMs, () => this.#beat());
  }

  #left(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    if (this.#subscribers.size > 0) return;
    this.#cancelHeartbeat?.();
    this.#cancelHeartbeat = null;
  }

  #filteredBytes(retained: RetainedEvent, filter: StreamFilter, key: string): Buffer {
    const isNewest = retained.seq === this.#window.head;
    if (isNewest && this.#filtered.seq !== retained.seq) this.#filtered = { seq: retained.seq, byFilter: new Map() };
    const known = isNewest ? this.#filtered.byFilter.get(key) : undefined;
    if (known !== undefined) return known;
    const id = { epoch: this.#epoch, seq: retained.seq };
    // Older events are kept as they went out: as objects they would take many times the memory.
    const event = filterEvent(isNewest ? this.#newest! : decodeEvent(retained.bytes), filter);
    const bytes = event === null ? encodeId(id) : encodeEvent(event, id);
    if (isNewest) this.#filtered.byFilter.set(key, bytes);
    return bytes;
  }
}

/** The topics of an engine, by run. */
export class Hub {
  readonly #parts: HubParts;
  readonly #topics = new Map<string, RunTopic>();

  constructor(parts: HubParts) {
    this.#parts = parts;
  }

  /** A new topic; the run had none. */
  open(runId: string, source: StateSource): RunTopic {
    invariant(!this.#topics.has(runId), `run ${runId} has one topic`);
    const topic = new RunTopic(source, this.#parts);
    this.#topics.set(runId, topic);
    return topic;
  }

  topic(runId: string): RunTopic | undefined {
    return this.#topics.get(runId);
  }

  /** Forgets the run; its subscribers are told `bye` first. */
  close(runId: string, bye: Bye): void {
    this.#topics.get(runId)?.end(bye);
    this.#topics.delete(runId);
  }

  /** Says `bye` to every subscriber of every run. */
  end(bye: Bye): void {
    for (const topic of this.#topics.values()) topic.end(bye);
  }
}
