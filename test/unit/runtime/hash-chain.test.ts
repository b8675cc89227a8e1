import { describe, expect, test } from "vitest";
import { HashChain } from "../../../src/runtime/hash-chain.ts";

const ROWS = [Float64Array.of(1, 2), Float64Array.of(Number.NaN, -0), Float64Array.of(Number.POSITIVE_INFINITY, 0.1)];

/** Computed apart from this program: SHA-256 over genesis, then previous link, bin and revision, and the values. */
const LINKS = [
  "43e5efd0d3ee98efef2af518a634a535342c589aaecb19f0f011d6498472eddf",
  "2e82569d3e65acce158e627407f9a2069f895f6c48eac94a0d2fa857ac081715",
  "c370a9f42a7f9dfbfe67e961aa2d2a92e91ec697c38cbbae17f7656e0fdf9e54",
];
const GENESIS = "f4bcb0dbbf37070c17ae9394aa9e40b562afbbd60decd80829d80caf0ad080eb";

function chainOf(rows: readonly Float64Array[], identity = "model"): HashChain {
  const chain = new HashChain(identity);
  for (const row of rows) chain.append(row, 2);
  return chain;
}

describe("the chain", () => {
  test("has the known links", () => {
    const chain = new HashChain("model");
    expect(chain.at(-1)).toBe(GENESIS);
    expect(ROWS.map((row) => chain.append(row, 2))).toEqual(LINKS);
    expect([-1, 0, 1, 2].map((bin) => chain.at(bin))).toEqual([GENESIS, ...LINKS]);
  });

  test("knows one NaN, whatever its bits", () => {
    const odd = new Float64Array(new BigUint64Array([0xfff8_0000_0000_deadn, 0x8000_0000_0000_0000n]).buffer);
    expect(Number.isNaN(odd[0])).toBe(true);
    const chain = chainOf([ROWS[0]!, odd]);
    expect(chain.at(1)).toBe(LINKS[1]);
  });

  test("tells zero from negative zero", () => {
    expect(chainOf([ROWS[0]!, Float64Array.of(Number.NaN, 0)]).at(1)).not.toBe(LINKS[1]);
  });

  test("depends on every bin before, and on what is evaluated", () => {
    expect(chainOf([Float64Array.of(1, 2.0000000000000004), ROWS[1]!, ROWS[2]!]).at(2)).not.toBe(LINKS[2]);
    expect(chainOf([ROWS[1]!, ROWS[0]!, ROWS[2]!]).at(2)).not.toBe(LINKS[2]);
    expect(chainOf(ROWS, "model 2").at(0)).not.toBe(LINKS[0]);
  });

  test("looks at the first columns only, and does not keep the row", () => {
    const chain = new HashChain("model");
    const row = Float64Array.of(1, 2, 99);
    expect(chain.append(row, 2)).toBe(LINKS[0]);
    row.set([Number.NaN, -0, 1]);
    expect(chain.append(row, 2)).toBe(LINKS[1]);
    expect(Object.is(row[1], -0)).toBe(true);
  });
});
