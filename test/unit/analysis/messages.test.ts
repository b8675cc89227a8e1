import { expect, test } from "vitest";
import { sixDecimals } from "../../../src/analysis/messages.ts";

test("numbers in sentences have at most six decimals, halves away from zero, no exponent", () => {
  const cases: readonly [number, string][] = [
    [0, "0"],
    [5, "5"],
    [23.1525, "23.1525"],
    [1.458333333, "1.458333"],
    [0.0000005, "0.000001"],
    [-2.5000005, "-2.500001"],
    [1e-300, "0"],
    [123456789.12345678, "123456789.123457"],
    [1.5e21, "1500000000000000000000"],
    [99.9999999, "100"],
  ];
  for (const [value, text] of cases) expect(sixDecimals(value)).toBe(text);
});
