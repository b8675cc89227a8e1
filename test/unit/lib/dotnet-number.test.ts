import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { parseFloatText, seventeenDigitText, shortestText, trimDotnet } from "../../../src/lib/dotnet-number.ts";
import { describeTextTable } from "../../support/text-tables.ts";

const view = new DataView(new ArrayBuffer(8));

function doubleOf(bits: string): number {
  view.setBigUint64(0, BigInt(`0x${bits}`));
  return view.getFloat64(0);
}

describeTextTable("numbers against the .NET runtime", "doubles.tsv", { part: 427, whole: 9307 }, (lines, count) => {
  test("every double has the runtime's shortest and seventeen-digit text", () => {
    const wrong: string[] = [];
    for (const row of lines.slice(1)) {
      const [bits = "", shortest = "", precise = ""] = row.split("\t");
      const value = doubleOf(bits);
      if (shortestText(value) !== shortest) wrong.push(`${bits}: ${shortestText(value)} instead of ${shortest}`);
      if (seventeenDigitText(value) !== precise)
        wrong.push(`${bits}: ${seventeenDigitText(value)} instead of ${precise}`);
    }
    expect(wrong).toEqual([]);
    expect(lines.length).toBe(count);
  });
});

describe("shortest text", () => {
  test.each([
    [0.0001, "0.0001"],
    [0.00001, "1E-05"],
    [1.5e-7, "1.5E-07"],
    [1e16, "10000000000000000"],
    [1e17, "1E+17"],
    [1.2345678901234567e20, "1.2345678901234567E+20"],
    [5e-324, "5E-324"],
    [-0, "-0"],
    [Number.NaN, "NaN"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
  ])("of %d is %s", (value, text) => {
    expect(shortestText(value)).toBe(text);
  });

  test("reads back as the same double", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(Number(shortestText(value))).toBe(value);
        expect(parseFloatText(shortestText(value))).toBe(value);
        expect(Number(seventeenDigitText(value))).toBe(value);
      }),
      { numRuns: 20_000, ...(process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) }) },
    );
  });
});

describe("seventeen-digit text", () => {
  test("rounds exact ties to the even digit", () => {
    expect(seventeenDigitText(10_000_000 + 2 ** -10)).toBe("10000000.000976562");
  });
  test("drops trailing zeros and shows the binary error", () => {
    expect(seventeenDigitText(20.5)).toBe("20.5");
    expect(seventeenDigitText(0.1)).toBe("0.10000000000000001");
    expect(seventeenDigitText(20.5 * 0.1)).toBe("2.0500000000000003");
  });
});

describe("numbers of CSV cells", () => {
  test.each([
    [" 1.5 ", 1.5],
    ["-infinity", Number.NEGATIVE_INFINITY],
    ["nan", Number.NaN],
    ["1e999", Number.POSITIVE_INFINITY],
    [".5", 0.5],
    ["5.", 5],
  ])("%j is read", (text, value) => {
    expect(parseFloatText(text)).toBe(value);
  });
  test.each(["", " ", "0x10", "1_000", "1,000", "abc", "1e", "."])("%j is not a number", (text) => {
    expect(parseFloatText(text)).toBeNull();
  });
});

test("trimming counts U+0085 as white space and U+FEFF as text", () => {
  expect(trimDotnet("\u0085 a\u00a0\n")).toBe("a");
  expect(trimDotnet("\ufeffa")).toBe("\ufeffa");
});
