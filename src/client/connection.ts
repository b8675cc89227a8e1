import { EventSource } from "eventsource";
import { type Cursor, formatCursor, parseCursor } from "../protocol/cursor.ts";
import { RUN_EVENT_NAMES, type RunEvent } from "../protocol/run-event.ts";
import { SCHEMA_VERSION } from "../protocol/version.ts";
import type { ClientError } from "./client-error.ts";
import { decodeRunEvent, isRunEventName, UnreadableEvent } from "./decode-event.ts";
import { type FetchLike, problemOf } from "./http.ts";
import { SequenceGuard } from "./sequence-guard.ts";
import { CURSOR_EVENT, tapEventStream } from "./sse-tap.ts";
import type { StreamEvent } from "./stream-state.ts";

/** Largest single event: a snapshot page of a big model, with room. Beyond it the connection is a fault. */
const MAX_EVENT_CHARS = 64 * 1024 * 1024;

export interface ConnectionHooks {
  /** News for the reconnect machine. Never called after `close`. */
  readonly step: (event: StreamEvent) => void;
  /** An event in order, with the position once it is taken in. Called before the `step` that moves the cursor. */
  readonly take: (event: RunEvent, cursor: Cursor | null, bytes: number) => void;
  /** Resolves when there is room for more. */
  readonly whenReady: () => Promise<void>;
  /** The engine's own words on why it refuses the stream. */
  readonly refusal: (error: ClientError) => void;
}

export interface ConnectionTarget {
  readonly url: string;
  readonly runId: string;
  readonly cursor: Cursor | null;
  readonly fetch: FetchLike;
}

/**
 * One SSE connection, from request to end, on one `EventSource`: the package gives up for good on any answer but 200
 * and otherwise reconnects after a fixed time, so it is never left to reconnect; the machine decides that.
 */
export class Connection {
  readonly #source: EventSource;
  readonly #guard: SequenceGuard;
  readonly #hooks: ConnectionHooks;
  readonly #target: ConnectionTarget;
  #isClosed = false;

  constructor(target: ConnectionTarget, hooks: ConnectionHooks) {
    this.#target = target;
    this.#hooks = hooks;
    this.#guard = new SequenceGuard(target.runId, target.cursor);
    this.#source = new EventSource(target.url, {
      maxBufferSize: MAX_EVENT_CHARS,
      fetch: (url, init) => this.#request(String(url), init as RequestInit),
    });
    this.#source.addEventListener("open", () => this.#step({ kind: "opened" }));
    this.#source.addEventListener("error", (event) => this.#onError(event.code, event.message));
    this.#source.addEventListener(CURSOR_EVENT, (event) => this.#onId(event.lastEventId));
    for (const name of RUN_EVENT_NAMES) {
      this.#source.addEventListener(name, (event) => this.#onEvent(name, String(event.data), event.lastEventId));
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#source.close();
  }

  #step(event: StreamEvent): void {
    if (!this.#isClosed) this.#hooks.step(event);
  }

  async #request(url: string, init: RequestInit): Promise<Response> {
    const { cursor } = this.#target;
    const headers = new Headers(init.headers);
    if (cursor !== null) headers.set("Last-Event-ID", formatCursor(cursor));
    const response = await this.#target.fetch(url, { ...init, headers });
    if (response.status !== 200) {
      if (!this.#isClosed) this.#refuse(response.status, await problemOf(response, url));
      return new Response(null, { status: response.status });
    }
    if (response.body === null || !/^\s*text\/event-stream\s*(;|$)/i.test(response.headers.get("content-type") ?? "")) {
      await response.body?.cancel();
      const message = `${url} did not answer with an event stream: is this a flowtime engine?`;
      this.#step({ kind: "refused", status: 200, message });
      return new Response(null, { status: 200, headers: { "content-type": "text/plain" } });
    }
    const body = tapEventStream(response.body, {
      onBytes: () => this.#step({ kind: "alive" }),
      whenReady: this.#hooks.whenReady,
    });
    return new Response(body, { status: 200, headers: { "content-type": "text/event-stream" } });
  }

  #refuse(status: number, error: ClientError): void {
    if (status === 408 || status === 429 || status >= 500) {
      this.#step({ kind: "lost", reason: "busy", message: error.message });
      return;
    }
    if (!this.#isClosed) this.#hooks.refusal(error);
    this.#step({ kind: "refused", status, message: error.message });
  }

  #onError(status: number | undefined, message: string | undefined): void {
    if (this.#isClosed) return;
    // Status and content type were judged in `#request`; what arrives here ended a connection or never made one.
    if (status !== undefined) return;
    if (message === undefined) this.#step({ kind: "lost", reason: "closed", message: "the connection was closed" });
    else this.#step({ kind: "lost", reason: "network", message: shortCause(message) });
  }

  #onId(lastEventId: string): void {
    if (this.#isClosed) return;
    const cursor = parseCursor(lastEventId);
    if (cursor === null) {
      this.#step({ kind: "fault", message: `an event id that is no cursor: "${lastEventId.slice(0, 80)}"` });
      return;
    }
    const verdict = this.#guard.judgeId(cursor);
    if (verdict.kind === "fault") this.#step({ kind: "fault", message: verdict.message });
    if (verdict.kind === "take") this.#step({ kind: "moved", cursor, by: "id" });
  }

  #onEvent(name: string, text: string, lastEventId: string): void {
    if (this.#isClosed || !isRunEventName(name)) return;
    let event: RunEvent;
    try {
      event = decodeRunEvent(name, text);
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) throw error;
      this.#step({ kind: "fault", message: error.message });
      return;
    }
    if (event.event === "hello" && event.data.schemaVersion > SCHEMA_VERSION) {
      const message = `the engine speaks version ${event.data.schemaVersion} of the stream, this client ${SCHEMA_VERSION}: update flowtime`;
      this.#step({ kind: "refused", status: null, message });
      return;
    }
    const verdict = this.#guard.judge(event);
    if (verdict.kind === "fault") {
      this.#step({ kind: "fault", message: verdict.message });
      return;
    }
    if (verdict.kind === "repeat") return;
    if (verdict.cursor !== null && lastEventId !== formatCursor(verdict.cursor)) {
      const message = `event ${formatCursor(verdict.cursor)} carries the id "${lastEventId.slice(0, 80)}"`;
      this.#step({ kind: "fault", message });
      return;
    }
    if (event.event === "hello") this.#step({ kind: "hello" });
    if (this.#isClosed) return;
    this.#hooks.take(event, verdict.cursor ?? this.#guard.cursor, text.length);
    if (verdict.cursor !== null) this.#step({ kind: "moved", cursor: verdict.cursor, by: verdict.by });
    if (event.event === "reset") this.#step({ kind: "reset", reason: event.data.reason });
    if (event.event === "bye") {
      this.#step({ kind: "bye", code: event.data.code, message: event.data.message ?? null });
    }
    // A quiet stream keeps its cursor moving by the id of its progress events.
    if (event.event === "progress" && lastEventId !== "") this.#onId(lastEventId);
  }
}

/** The package joins the messages of an error and its causes, outermost first. */
function shortCause(message: string): string {
  return /\b(E[A-Z]{4,}|UND_ERR_[A-Z_]+)\b/.exec(message)?.[1] ?? message.split(": ").at(-1) ?? message;
}
