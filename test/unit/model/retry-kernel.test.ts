import { describe, expect, test } from "vitest";
import { applyRetryKernelPolicy, DEFAULT_RETRY_KERNEL } from "../../../src/model/retry-kernel.ts";

describe("retry kernel policy", () => {
  test("no kernel means the default one, silently", () => {
    expect(applyRetryKernelPolicy(null)).toEqual({ kernel: DEFAULT_RETRY_KERNEL, messages: [] });
    expect(applyRetryKernelPolicy([])).toEqual({ kernel: [0, 0.6, 0.3, 0.1], messages: [] });
  });

  test("a kernel whose mass is at most 1 is taken as given", () => {
    expect(applyRetryKernelPolicy([0.5, 0.5])).toEqual({ kernel: [0.5, 0.5], messages: [] });
  });

  test("too much mass is scaled down (T25)", () => {
    expect(applyRetryKernelPolicy([0, 0.9, 0.6])).toEqual({
      kernel: [0, 0.6, 0.39999999999999997],
      messages: ["Retry kernel coefficients scaled by 0.667 to keep total mass ≤ 1.00."],
    });
  });

  test("37 coefficients become 32, scaled (T26)", () => {
    const policy = applyRetryKernelPolicy(Array.from({ length: 37 }, () => 0.05));
    expect(policy.kernel).toEqual(Array.from({ length: 32 }, () => 0.031249999999999986));
    expect(policy.messages).toEqual([
      "Retry kernel trimmed to 32 coefficients (from 37).",
      "Retry kernel coefficients scaled by 0.625 to keep total mass ≤ 1.00.",
    ]);
  });

  test("negative and non-finite coefficients become 0", () => {
    expect(applyRetryKernelPolicy([Number.NaN, -1, Number.POSITIVE_INFINITY, 0.25])).toEqual({
      kernel: [0, 0, 0, 0.25],
      messages: ["Retry kernel contained negative or non-finite values; those coefficients were reset to 0."],
    });
  });
});
