import { fromCell, type StateCell, toCell } from "../state-cell.ts";
import { bareWarning, type Warning, type WarningHead } from "../warning.ts";
import type { Rule, RuleState } from "./rule.ts";

/** FlowTime's default: halves further apart than this share of the larger one are not stationary. */
export const STATIONARITY_TOLERANCE = 0.25;

/** Whether mean arrivals of the two halves of a window differ too much for Little's law. */
export function isNonStationary(firstMean: number, secondMean: number): boolean {
  const larger = Math.max(firstMean, secondMean);
  return larger > 0 && Math.abs(firstMean - secondMean) / larger > STATIONARITY_TOLERANCE;
}

/** Samples a half starts with room for; doubled when full. */
const INITIAL_ROOM = 16;

/**
 * Compares mean arrivals of the first half of the bins so far with the rest. As the window grows, the border moves by
 * one bin for every two: the samples of the second half wait in a queue and move over from its front. So a bin costs
 * O(1), amortised, and the state is half the window.
 */
export class StationarityRule implements Rule {
  private readonly head: WarningHead;
  private readonly column: number;
  private readonly first = new Half();
  private readonly second = new Half();
  private samples = new Float64Array(INITIAL_ROOM);
  private front = 0;
  private waiting = 0;

  constructor(head: WarningHead, column: number) {
    this.head = head;
    this.column = column;
  }

  feed(_bin: number, row: Float64Array): boolean {
    const wasActive = this.isActive();
    this.push(row[this.column]!);
    if ((this.first.count + this.second.count) % 2 === 0) {
      const moved = this.shift();
      this.second.remove(moved);
      this.first.add(moved);
    }
    return this.isActive() !== wasActive;
  }

  active(): Warning | null {
    return this.isActive() ? { ...bareWarning(this.head), signal: "queueTimeMs" } : null;
  }

  private isActive(): boolean {
    return this.first.count > 0 && isNonStationary(this.first.mean(), this.second.mean());
  }

  private push(sample: number): void {
    if (this.waiting === this.samples.length) {
      const grown = new Float64Array(2 * this.waiting);
      for (let i = 0; i < this.waiting; i++) grown[i] = this.samples[(this.front + i) % this.waiting]!;
      this.samples = grown;
      this.front = 0;
    }
    this.samples[(this.front + this.waiting++) % this.samples.length] = sample;
    this.second.add(sample);
  }

  private shift(): number {
    const sample = this.samples[this.front]!;
    this.front = (this.front + 1) % this.samples.length;
    this.waiting--;
    return sample;
  }

  save(): RuleState {
    const samples: StateCell[] = [];
    for (let i = 0; i < this.waiting; i++) {
      samples.push(toCell(this.samples[(this.front + i) % this.samples.length]!));
    }
    return [...this.first.save(), ...this.second.save(), ...samples];
  }

  restore(state: RuleState): void {
    this.first.restore(state.slice(0, HALF_CELLS));
    this.second.restore(state.slice(HALF_CELLS, 2 * HALF_CELLS));
    const samples = state.slice(2 * HALF_CELLS).map(fromCell);
    this.samples = new Float64Array(Math.max(INITIAL_ROOM, samples.length));
    this.samples.set(samples);
    this.front = 0;
    this.waiting = samples.length;
  }
}

const HALF_CELLS = 6;

/**
 * Sum of one half with samples coming and going. Finite samples are summed in two doubles, so that taking one away
 * leaves what was there before; infinities and NaN are counted, so that they can leave too.
 */
class Half {
  count = 0;
  private high = 0;
  private low = 0;
  private notNumbers = 0;
  private positiveInfinities = 0;
  private negativeInfinities = 0;

  add(sample: number): void {
    this.change(sample, 1);
  }

  remove(sample: number): void {
    this.change(sample, -1);
  }

  mean(): number {
    if (this.notNumbers > 0 || (this.positiveInfinities > 0 && this.negativeInfinities > 0)) return Number.NaN;
    if (this.positiveInfinities > 0) return Number.POSITIVE_INFINITY;
    if (this.negativeInfinities > 0) return Number.NEGATIVE_INFINITY;
    return (this.high + this.low) / this.count;
  }

  private change(sample: number, sign: 1 | -1): void {
    this.count += sign;
    if (Number.isNaN(sample)) this.notNumbers += sign;
    else if (sample === Number.POSITIVE_INFINITY) this.positiveInfinities += sign;
    else if (sample === Number.NEGATIVE_INFINITY) this.negativeInfinities += sign;
    else this.accumulate(sign * sample);
  }

  private accumulate(value: number): void {
    const sum = this.high + value;
    const added = sum - this.high;
    const error = this.high - (sum - added) + (value - added);
    const low = this.low + error;
    this.high = sum + low;
    this.low = low - (this.high - sum);
  }

  save(): RuleState {
    return [
      this.count,
      toCell(this.high),
      toCell(this.low),
      this.notNumbers,
      this.positiveInfinities,
      this.negativeInfinities,
    ];
  }

  restore(state: RuleState): void {
    [this.count, this.high, this.low, this.notNumbers, this.positiveInfinities, this.negativeInfinities] = state.map(
      fromCell,
    ) as [number, number, number, number, number, number];
  }
}
