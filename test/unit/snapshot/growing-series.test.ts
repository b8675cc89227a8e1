import fc from "fast-check";
import { expect, test } from "vitest";
import { GrowingSeries } from "../../../src/snapshot/growing-series.ts";
import { wholeSeries } from "../../../src/snapshot/series-file.ts";
import { runs } from "../../support/seed.ts";

test("a series that grows is encoded and hashed as one that is encoded whole, and what was handed out stays", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double(), { minLength: 1, maxLength: 60 }),
      fc.array(fc.nat({ max: 60 }), { maxLength: 8 }),
      (values, cuts) => {
        const growing = new GrowingSeries();
        const handedOut: { readonly bytes: Uint8Array; readonly bins: number }[] = [];
        for (const bins of [
          ...cuts.map((cut) => Math.min(cut, values.length)).toSorted((a, b) => a - b),
          values.length,
        ]) {
          const prefix = Float64Array.from(values.slice(0, bins));
          const { bytes, hash } = growing.encode("x", prefix);
          const whole = wholeSeries.encode("x", prefix);
          expect(hash).toBe(whole.hash);
          handedOut.push({ bytes, bins });
        }
        for (const { bytes, bins } of handedOut) {
          const { bytes: whole } = wholeSeries.encode("x", Float64Array.from(values.slice(0, bins)));
          expect(Buffer.from(bytes).equals(Buffer.from(whole))).toBe(true);
        }
      },
    ),
    runs(100),
  );
});

test("fewer values than before begin anew; clearing gives the memory back", () => {
  const growing = new GrowingSeries();
  growing.encode("x", Float64Array.of(1, 2, 3));
  expect(growing.encode("x", Float64Array.of(7)).hash).toBe(wholeSeries.encode("x", Float64Array.of(7)).hash);
  expect(growing.bytes).toBeGreaterThan(0);
  growing.clear();
  expect([growing.bytes, growing.bins]).toEqual([0, 0]);
});
