import { type BackoffOptions, backoffDelayMs } from "../lib/backoff.ts";
import type { Cursor } from "../protocol/cursor.ts";
import type { ByeCode, ResetReason } from "../protocol/run-event.ts";

/**
 * The reconnect machine of a subscriber. Pure: states are immutable values with a `kind`, time and chance are passed
 * in, and `TRANSITIONS` holds an answer for every state and every event, so that a forgotten cell does not compile.
 *
 * idle → connecting → open (answered) → live (hello seen) → waiting (backing off) → connecting …
 * `ended` (the run said bye) and `stopped` (we gave up, were refused, or closed) are final.
 *
 * The driver compares `connection` before and after a step: a new number means "open a connection from `cursor`",
 * a state without one means "there must be none".
 */

export interface StreamSettings {
  /** Failures in a row after which the stream stops; null = never. */
  readonly retries: number | null;
  /** Interval of the server's heartbeats. */
  readonly heartbeatMs: number;
  /** Silence of this many heartbeats means that the connection is dead although it looks alive. */
  readonly missedHeartbeats: number;
  /** Time for the answer to the request to begin. */
  readonly connectTimeoutMs: number;
  /** A connection that lived this long is no failure when it breaks, also when nothing happened on it. */
  readonly stableMs: number;
  /** Resets and protocol faults in a row without progress after which more of them cannot help. */
  readonly maxResyncs: number;
  readonly backoff: BackoffOptions;
}

export const DEFAULT_STREAM_SETTINGS: StreamSettings = {
  retries: null,
  heartbeatMs: 5_000,
  missedHeartbeats: 2.5,
  connectTimeoutMs: 10_000,
  stableMs: 10_000,
  maxResyncs: 5,
  backoff: { firstMs: 500, maxMs: 15_000, jitter: 0.2 },
};

/** Why a connection came to an end that is not the run's. */
export type LossReason = "closed" | "network" | "busy" | "timeout" | "silent" | "bye" | "fault";
export type StopReason = "retries-used-up" | "resync-loop" | "refused" | "closed";
/** Why reading is held back; a set, as several may hold at once. */
export type PauseReason = "backpressure" | "consumer";

interface Standing {
  /** Position of the last event that was taken in, null before the first. */
  readonly cursor: Cursor | null;
  /** Connections that failed in a row. */
  readonly failures: number;
  /** Resets and faults in a row without progress. */
  readonly resyncs: number;
  /** Number of the newest connection, 0 before the first. */
  readonly connection: number;
  readonly pauses: ReadonlySet<PauseReason>;
}

interface Connected {
  /** When the answer began. */
  readonly sinceMs: number;
  /** When bytes last came, or reading went on after a pause. */
  readonly aliveMs: number;
}

export type StreamState =
  | (Standing & { readonly kind: "idle" })
  | (Standing & { readonly kind: "connecting"; readonly sinceMs: number })
  | (Standing & Connected & { readonly kind: "open" })
  | (Standing & Connected & { readonly kind: "live" })
  | (Standing & {
      readonly kind: "waiting";
      readonly sinceMs: number;
      readonly untilMs: number;
      readonly reason: LossReason;
      readonly message: string;
    })
  | (Standing & { readonly kind: "ended"; readonly code: ByeCode; readonly message: string | null })
  | (Standing & {
      readonly kind: "stopped";
      readonly reason: StopReason;
      readonly message: string;
      /** HTTP status of a refusal, null otherwise. */
      readonly status: number | null;
    });

export type StreamStateKind = StreamState["kind"];

export type StreamEvent =
  | { readonly kind: "start" }
  /** The answer began: status 200 and an event stream. */
  | { readonly kind: "opened" }
  | { readonly kind: "hello" }
  /** Any bytes, heartbeat comments included. */
  | { readonly kind: "alive" }
  /** The cursor moved: by a numbered event, by the end of a snapshot, or by an id that came alone. */
  | { readonly kind: "moved"; readonly cursor: Cursor; readonly by: "event" | "snapshot" | "id" }
  | { readonly kind: "reset"; readonly reason: ResetReason }
  /** What came over the wire breaks the protocol: garbage, a foreign epoch, a hole in the sequence. */
  | { readonly kind: "fault"; readonly message: string }
  | { readonly kind: "lost"; readonly reason: LossReason; readonly message: string }
  | { readonly kind: "refused"; readonly status: number | null; readonly message: string }
  | { readonly kind: "bye"; readonly code: ByeCode; readonly message: string | null }
  | { readonly kind: "hold"; readonly reason: PauseReason }
  | { readonly kind: "release"; readonly reason: PauseReason }
  | { readonly kind: "tick" }
  | { readonly kind: "close" };

export type StreamEventKind = StreamEvent["kind"];

export interface StepContext {
  readonly nowMs: number;
  /** In [0, 1). */
  readonly random: number;
  readonly settings: StreamSettings;
}

type StateOf<K extends StreamStateKind> = Extract<StreamState, { kind: K }>;
type EventOf<K extends StreamEventKind> = Extract<StreamEvent, { kind: K }>;
type Cell<S extends StreamStateKind, E extends StreamEventKind> = (
  state: StateOf<S>,
  event: EventOf<E>,
  context: StepContext,
) => StreamState;
type Row<S extends StreamStateKind> = { readonly [E in StreamEventKind]: Cell<S, E> };

export function initialStreamState(cursor: Cursor | null): StreamState {
  return { kind: "idle", cursor, failures: 0, resyncs: 0, connection: 0, pauses: new Set() };
}

export function stepStream(state: StreamState, event: StreamEvent, context: StepContext): StreamState {
  const cell = TRANSITIONS[state.kind][event.kind] as Cell<StreamStateKind, StreamEventKind>;
  return cell(state as StateOf<StreamStateKind>, event as EventOf<StreamEventKind>, context);
}

/** When the machine wants its next `tick`, null = never in this state. */
export function nextDeadlineMs(state: StreamState, settings: StreamSettings): number | null {
  switch (state.kind) {
    case "connecting":
      return state.sinceMs + settings.connectTimeoutMs;
    case "open":
    case "live":
      return state.pauses.size > 0 ? null : state.aliveMs + settings.heartbeatMs * settings.missedHeartbeats;
    case "waiting":
      return state.untilMs;
    default:
      return null;
  }
}

export function isFinal(state: StreamState): boolean {
  return state.kind === "ended" || state.kind === "stopped";
}

const stay = <S extends StreamState>(state: S): S => state;

function standingOf(state: StreamState): Standing {
  const { cursor, failures, resyncs, connection, pauses } = state;
  return { cursor, failures, resyncs, connection, pauses };
}

function connect(state: StreamState, { nowMs }: StepContext): StreamState {
  return { ...standingOf(state), kind: "connecting", connection: state.connection + 1, sinceMs: nowMs };
}

function stop(state: StreamState, reason: StopReason, message: string, status: number | null = null): StreamState {
  return { ...standingOf(state), kind: "stopped", reason, message, status };
}

/** Backs off, or stops when the retries are used up. */
function fail(state: StreamState, reason: LossReason, message: string, context: StepContext): StreamState {
  const { nowMs, random, settings } = context;
  const livedLong =
    (state.kind === "open" || state.kind === "live") &&
    nowMs - state.sinceMs >= settings.stableMs &&
    reason !== "fault";
  const failures = livedLong ? 1 : state.failures + 1;
  if (settings.retries !== null && failures > settings.retries) {
    return stop({ ...state, failures }, "retries-used-up", message);
  }
  const untilMs = nowMs + backoffDelayMs(failures, settings.backoff, random);
  return { ...standingOf(state), failures, kind: "waiting", sinceMs: nowMs, untilMs, reason, message };
}

function resync(state: StreamState, message: string, { settings }: StepContext): StreamState {
  const resyncs = state.resyncs + 1;
  if (resyncs <= settings.maxResyncs) return { ...state, resyncs };
  return stop(
    { ...state, resyncs },
    "resync-loop",
    `the stream had to start over ${resyncs} times without getting any further; the last time: ${message}`,
  );
}

function fault(state: StreamState, event: EventOf<"fault">, context: StepContext): StreamState {
  const counted = resync(state, event.message, context);
  return counted.kind === "stopped" ? counted : fail(counted, "fault", event.message, context);
}

function moved(state: StateOf<"live">, { cursor, by }: EventOf<"moved">): StreamState {
  const old = state.cursor;
  const further = old !== null && old.epoch === cursor.epoch && cursor.seq > old.seq;
  // A snapshot of another epoch is where a resync leads, so on its own it is no progress: an engine that changes its
  // epoch with every connection would keep the loop going for ever.
  const progress = by === "event" || (by === "snapshot" && further);
  return progress ? { ...state, cursor, failures: 0, resyncs: 0 } : { ...state, cursor };
}

function bye(state: StreamState, event: EventOf<"bye">, context: StepContext): StreamState {
  switch (event.code) {
    case "completed":
    case "aborted":
    case "failed":
      return { ...standingOf(state), kind: "ended", code: event.code, message: event.message };
    case "slow":
    case "expired":
    case "draining":
      return fail(state, "bye", event.message ?? `the engine closed the stream (${event.code})`, context);
  }
}

const lost = (state: StreamState, event: EventOf<"lost">, context: StepContext): StreamState =>
  fail(state, event.reason, event.message, context);
const refused = (state: StreamState, event: EventOf<"refused">): StreamState =>
  stop(state, "refused", event.message, event.status);
const close = (state: StreamState): StreamState => stop(state, "closed", "closed by the subscriber");

function hold<S extends StreamState>(state: S, { reason }: EventOf<"hold">): S {
  return { ...state, pauses: new Set([...state.pauses, reason]) };
}

/** Silence while we did not read was our own doing, so the watchdog starts anew. */
function release<S extends StreamState>(state: S, { reason }: EventOf<"release">, { nowMs }: StepContext): S {
  const pauses = new Set([...state.pauses].filter((held) => held !== reason));
  return "aliveMs" in state && pauses.size === 0 ? { ...state, pauses, aliveMs: nowMs } : { ...state, pauses };
}

function watch(state: StateOf<"open" | "live">, context: StepContext): StreamState {
  const deadlineMs = nextDeadlineMs(state, context.settings);
  if (deadlineMs === null || context.nowMs < deadlineMs) return state;
  return fail(state, "silent", `nothing heard for ${((context.nowMs - state.aliveMs) / 1000).toFixed(1)} s`, context);
}

const TRANSITIONS: { readonly [S in StreamStateKind]: Row<S> } = {
  idle: {
    start: (state, _event, context) => connect(state, context),
    opened: stay,
    hello: stay,
    alive: stay,
    moved: stay,
    reset: stay,
    fault: stay,
    lost: stay,
    refused: stay,
    bye: stay,
    hold,
    release,
    tick: stay,
    close,
  },
  connecting: {
    start: stay,
    opened: (state, _event, { nowMs }) => ({ ...standingOf(state), kind: "open", sinceMs: nowMs, aliveMs: nowMs }),
    hello: stay,
    alive: stay,
    moved: stay,
    reset: stay,
    fault,
    lost,
    refused,
    bye,
    hold,
    release,
    tick: (state, _event, context) =>
      context.nowMs < state.sinceMs + context.settings.connectTimeoutMs
        ? state
        : fail(state, "timeout", "the engine did not answer in time", context),
    close,
  },
  open: {
    start: stay,
    opened: stay,
    hello: (state, _event, { nowMs }) => ({ ...state, kind: "live", aliveMs: nowMs }),
    alive: (state, _event, { nowMs }) => ({ ...state, aliveMs: nowMs }),
    moved: stay,
    reset: (state, event, context) => resync(state, `reset (${event.reason})`, context),
    fault,
    lost,
    refused,
    bye,
    hold,
    release,
    tick: (state, _event, context) => watch(state, context),
    close,
  },
  live: {
    start: stay,
    opened: stay,
    hello: stay,
    alive: (state, _event, { nowMs }) => ({ ...state, aliveMs: nowMs }),
    moved,
    reset: (state, event, context) => resync(state, `reset (${event.reason})`, context),
    fault,
    lost,
    refused,
    bye,
    hold,
    release,
    tick: (state, _event, context) => watch(state, context),
    close,
  },
  waiting: {
    start: stay,
    opened: stay,
    hello: stay,
    alive: stay,
    moved: stay,
    reset: stay,
    fault: stay,
    lost: stay,
    refused: stay,
    bye: stay,
    hold,
    release,
    tick: (state, _event, context) => (context.nowMs < state.untilMs ? state : connect(state, context)),
    close,
  },
  ended: {
    start: stay,
    opened: stay,
    hello: stay,
    alive: stay,
    moved: stay,
    reset: stay,
    fault: stay,
    lost: stay,
    refused: stay,
    bye: stay,
    hold: stay,
    release: stay,
    tick: stay,
    close: stay,
  },
  stopped: {
    start: stay,
    opened: stay,
    hello: stay,
    alive: stay,
    moved: stay,
    reset: stay,
    fault: stay,
    lost: stay,
    refused: stay,
    bye: stay,
    hold: stay,
    release: stay,
    tick: stay,
    close: stay,
  },
};
