import { expect, test } from "vitest";
import { duration } from "../../../src/cli/duration.ts";

test.each([
  ["500ms", 500],
  ["30s", 30_000],
  ["1.5m", 90_000],
  ["2h", 7_200_000],
  ["1d", 86_400_000],
])("%s", (text, ms) => {
  expect(duration("--seal-after", text)).toBe(ms);
});

test.each(["", "30", "s", "-1s", "0s", "1 s", "1w", "1e3s", "0.1ms"])(
  "'%s' is refused with the option's name",
  (text) => {
    expect(() => duration("--seal-after", text)).toThrow(/^--seal-after needs a time with its unit/);
  },
);
