/** Retries that failures of this and earlier bins cause now: Σ failures[t−k]·kernel[k] over the finite ones. */
export class DerivedEcho {
  private readonly kernel: readonly number[];
  private readonly history: Float64Array;
  private newest = 0;
  private bins = 0;

  constructor(kernel: readonly number[]) {
    this.kernel = kernel;
    this.history = new Float64Array(kernel.length);
  }

  /** @returns NaN when no failure in reach is a finite number */
  next(failures: number): number {
    const { history, kernel } = this;
    this.newest = (this.newest + 1) % history.length;
    history[this.newest] = failures;
    this.bins++;
    let echo = 0;
    let hasSample = false;
    const reach = Math.min(kernel.length, this.bins);
    for (let k = 0; k < reach; k++) {
      const sample = history[(this.newest - k + history.length) % history.length]!;
      if (!Number.isFinite(sample)) continue;
      hasSample = true;
      echo += sample * kernel[k]!;
    }
    return hasSample ? echo : Number.NaN;
  }

  save(): readonly number[] {
    const kept = Math.min(this.kernel.length - 1, this.bins);
    return Array.from(
      { length: kept },
      (_, k) => this.history[(this.newest - k + this.history.length) % this.history.length]!,
    );
  }

  restore(failures: readonly number[]): void {
    this.bins = failures.length;
    this.newest = Math.max(0, failures.length - 1);
    failures.forEach((sample, k) => {
      this.history[this.newest - k] = sample;
    });
  }
}
