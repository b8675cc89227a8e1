/** What a node without a kernel of its own retries with: nothing at once, then 60 %, 30 % and 10 % of the failures. */
export const DEFAULT_RETRY_KERNEL: readonly number[] = [0, 0.6, 0.3, 0.1];

/** FlowTime's bound: more coefficients are cut off, so a bin of a convolution stays cheap. */
export const MAX_RETRY_KERNEL_LENGTH = 32;

/** Retries must not create work: coefficients that sum to more are scaled down to this. */
const MAX_RETRY_KERNEL_MASS = 1;

export interface RetryKernelPolicy {
  /** Share of the failures of a bin that comes back 0, 1, 2, … bins later. */
  readonly kernel: readonly number[];
  /** What was changed, in the order it was done; empty when the kernel was taken as given. */
  readonly messages: readonly string[];
}

/** FlowTime's policy (engine.md §7.5) over a kernel as written. Never fails: whatever is unusable is repaired and said. */
export function applyRetryKernelPolicy(kernel: readonly number[] | null): RetryKernelPolicy {
  if (kernel === null || kernel.length === 0) return { kernel: DEFAULT_RETRY_KERNEL, messages: [] };
  const messages: string[] = [];
  if (kernel.length > MAX_RETRY_KERNEL_LENGTH) {
    messages.push(`Retry kernel trimmed to ${MAX_RETRY_KERNEL_LENGTH} coefficients (from ${kernel.length}).`);
  }
  const coefficients = kernel.slice(0, MAX_RETRY_KERNEL_LENGTH);
  const usable = coefficients.map((value) => (Number.isFinite(value) && value >= 0 ? value : 0));
  if (coefficients.some((value) => !Number.isFinite(value) || value < 0)) {
    messages.push("Retry kernel contained negative or non-finite values; those coefficients were reset to 0.");
  }
  const mass = usable.reduce((sum, value) => sum + value, 0);
  if (mass <= MAX_RETRY_KERNEL_MASS) return { kernel: usable, messages };
  const scale = MAX_RETRY_KERNEL_MASS / mass;
  messages.push(`Retry kernel coefficients scaled by ${scale.toFixed(3)} to keep total mass ≤ 1.00.`);
  return { kernel: usable.map((value) => value * scale), messages };
}
