import type { Clock } from "../lib/clock.ts";
import type { ControlRecord } from "./control-record.ts";

/** After a decision that could not be written, the next try. */
const RETRY_MS = 1_000;

/** What timers must know of a run: all of it a fold over its log. */
export interface SealState {
  readonly sealedBin: number;
  readonly ended: boolean;
  /** Bins that hold cells and are not sealed, in no order. */
  readonly openBinIndexes: readonly number[];
  /** Inputs without a cell in the oldest bin that is not sealed, idle ones left out. */
  readonly awaitedInputs: readonly number[];
  /** Inputs heard since the last call. */
  takeHeard(): readonly number[];
}

export interface SealTimersParts {
  /** A bin is sealed when so much time has gone since its first cell; null: never. */
  readonly sealAfterMs: number | null;
  /** An input that the run waits for is idle when it has said nothing for so long; null: never. */
  readonly idleAfterMs: number | null;
  readonly inputs: readonly string[];
  readonly state: SealState;
  readonly clock: Clock;
  /** Asks for `decide` to be called where decisions are made, and what it gives to be written. */
  readonly onDue: () => Promise<void>;
}

/**
 * When the run waits no longer. Knows times, which the log does not: after a restart they begin anew with what is open.
 * A decision counts once it is a record in the log.
 *
 * Every bin has its own time, from its first cell; a bin without cells has that of the first later one. An input is given
 * its time from when it was last heard, and not before somebody else had something to say: silence of all is no idleness.
 */
export class SealTimers {
  private readonly parts: SealTimersParts;
  private readonly firstCellMs = new Map<number, number>();
  private readonly heardMs: Float64Array;
  private cancel: (() => void) | null = null;
  private stopped = false;

  constructor(parts: SealTimersParts) {
    this.parts = parts;
    this.heardMs = new Float64Array(parts.inputs.length).fill(Number.NEGATIVE_INFINITY);
  }

  /** Takes note of what has changed, and sets the timer. */
  observe(): void {
    if (this.stopped) return;
    const { state, clock } = this.parts;
    const now = clock.now();
    for (const input of state.takeHeard()) this.heardMs[input] = now;
    const open = new Set(state.openBinIndexes);
    for (const bin of this.firstCellMs.keys()) if (!open.has(bin)) this.firstCellMs.delete(bin);
    for (const bin of open) if (!this.firstCellMs.has(bin)) this.firstCellMs.set(bin, now);
    this.arm(this.nextMs());
  }

  /**
   * The next decision that is due; null when there is none. To be asked again when it has been taken, since a bin that is sealed
   * lets the next one come up.
   */
  due(): ControlRecord | null {
    const { state, clock, inputs } = this.parts;
    const now = clock.now();
    if (this.sealMs() <= now) return { type: "seal", binIndex: state.sealedBin + 1 };
    const idle = this.idleTimes().filter(({ atMs }) => atMs <= now);
    return idle.length === 0 ? null : { type: "idle", inputs: idle.map(({ input }) => inputs[input]!) };
  }

  stop(): void {
    this.stopped = true;
    this.cancel?.();
    this.cancel = null;
  }

  private nextMs(): number {
    return Math.min(this.sealMs(), ...this.idleTimes().map(({ atMs }) => atMs));
  }

  /** When the oldest bin that is not sealed has waited long enough. */
  private sealMs(): number {
    const { sealAfterMs, state } = this.parts;
    if (sealAfterMs === null || state.ended) return Number.POSITIVE_INFINITY;
    return (this.firstCellMs.get(state.sealedBin + 1) ?? this.waitingSinceMs()) + sealAfterMs;
  }

  private idleTimes(): readonly { readonly input: number; readonly atMs: number }[] {
    const { idleAfterMs, state } = this.parts;
    const sinceMs = this.waitingSinceMs();
    if (idleAfterMs === null || state.ended || sinceMs === Number.POSITIVE_INFINITY) return [];
    return state.awaitedInputs.map((input) => ({
      input,
      atMs: Math.max(this.heardMs[input]!, sinceMs) + idleAfterMs,
    }));
  }

  /** When the first cell of any open bin came; infinite while none is open. */
  private waitingSinceMs(): number {
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const [bin, atMs] of this.firstCellMs) if (bin > this.parts.state.sealedBin) sinceMs = Math.min(sinceMs, atMs);
    return sinceMs;
  }

  private arm(atMs: number): void {
    this.cancel?.();
    this.cancel = null;
    if (this.stopped || atMs === Number.POSITIVE_INFINITY) return;
    const { sealAfterMs, idleAfterMs, clock } = this.parts;
    // A clock that jumps back lets nothing wait for longer than the whole time.
    const mostMs = Math.max(sealAfterMs ?? 0, idleAfterMs ?? 0);
    const delayMs = Math.min(Math.max(0, atMs - clock.now()), mostMs);
    this.cancel = clock.after(delayMs, () => void this.fire());
  }

  private async fire(): Promise<void> {
    try {
      await this.parts.onDue();
      this.observe();
    } catch {
      // Whoever makes decisions has told why; what is due stays due.
      this.arm(this.parts.clock.now() + RETRY_MS);
    }
  }
}
