import type { ProducerState } from "../log/telemetry-log.ts";

/** One change of a run: what is to be written before it counts. */
export interface Change<T> {
  /** One line each; none when nothing changed. */
  readonly records: readonly string[];
  readonly producers?: readonly ProducerState[];
  readonly outcome: T;
  /** Called when it is durable, before anything else is decided or evaluated. */
  readonly applied?: () => void;
}
