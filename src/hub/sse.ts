import type { RunTopic, TopicRequest } from "./hub.ts";
import type { Sink, Subscription } from "./subscriber.ts";

/** What is needed of `http.ServerResponse`. */
export interface SseResponse {
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  /** False: enough for now, a `drain` follows. */
  write(bytes: Buffer): boolean;
  end(): unknown;
  destroy(): unknown;
  readonly destroyed: boolean;
  /** Bytes taken and not given to the operating system. */
  readonly writableLength: number;
  on(event: "drain" | "close" | "error", listener: () => void): unknown;
}

export const SSE_HEADERS = {
  "content-type": "text/event-stream",
  // A stored stream would answer a resume with the past.
  "cache-control": "no-store",
  // nginx and its kin hold small answers back unless told not to.
  "x-accel-buffering": "no",
} as const;

/**
 * Answers a request with the stream of a run: takes the response over, for as long as the connection lives.
 * Failures of the socket end the subscription and are otherwise silent: the client resumes, or it is gone.
 */
export function serveSse(response: SseResponse, topic: RunTopic, request: TopicRequest = {}): Subscription {
  let subscription: Subscription | undefined;
  let isGone = response.destroyed;
  const gone = () => {
    isGone = true;
    subscription?.closed();
  };
  response.on("drain", () => subscription?.drained());
  response.on("close", gone);
  response.on("error", gone);
  const sink: Sink = {
    write(bytes) {
      return !isGone && attempt(() => response.write(bytes), false);
    },
    get unsentBytes() {
      return response.writableLength;
    },
    end: () => attempt(() => void response.end(), undefined),
    destroy: () => attempt(() => void response.destroy(), undefined),
  };
  attempt(() => void response.writeHead(200, SSE_HEADERS), undefined);
  subscription = topic.subscribe(sink, request);
  if (isGone) subscription.closed();
  return subscription;

  /** A response refuses by throwing once its headers or its end are out, which is to say: it is gone. */
  function attempt<T>(action: () => T, otherwise: T): T {
    try {
      return action();
    } catch {
      gone();
      response.destroy();
      return otherwise;
    }
  }
}
