import { MAX_PRODUCERS, type ProducerState } from "./telemetry-log.ts";

/** Producers in the order in which they were last heard; a bounded number of them. */
export class ProducerTable {
  readonly #states = new Map<string, ProducerState>();

  constructor(states: Iterable<ProducerState> = []) {
    for (const state of states) this.#states.set(state.id, state);
  }

  /** Takes new states. @returns ids of those forgotten for them */
  put(states: readonly ProducerState[]): readonly string[] {
    for (const state of states) {
      this.#states.delete(state.id);
      this.#states.set(state.id, state);
    }
    const excess = this.#states.size - MAX_PRODUCERS;
    if (excess <= 0) return [];
    const forgotten = [...this.#states.keys()].slice(0, excess);
    for (const id of forgotten) this.#states.delete(id);
    return forgotten;
  }

  get(id: string): ProducerState | null {
    return this.#states.get(id) ?? null;
  }

  all(): readonly ProducerState[] {
    return [...this.#states.values()];
  }
}
