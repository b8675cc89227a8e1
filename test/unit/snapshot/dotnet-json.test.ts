import { describe, expect, test } from "vitest";
import { compactJson, indentedJson, jsonString } from "../../../src/snapshot/dotnet-json.ts";
import { describeTextTable } from "../../support/text-tables.ts";

describeTextTable(
  "strings against the .NET runtime",
  "json-strings.tsv",
  { part: 513, whole: 22998 },
  (lines, count) => {
    test("every row is escaped as the default encoder does", () => {
      const wrong: string[] = [];
      for (const row of lines.slice(1)) {
        const [code = "", expected = ""] = row.split("\t");
        // Several UTF-16 units are joined by a plus sign.
        const text = String.fromCharCode(...code.split("+").map((unit) => Number.parseInt(unit, 16)));
        if (jsonString(text) !== expected) wrong.push(`${code}: ${jsonString(text)} instead of ${expected}`);
      }
      expect(wrong).toEqual([]);
      expect(lines.length).toBe(count);
    });
  },
);

describe("JSON text", () => {
  test("is indented by two spaces, an element a line, empties closed, without a newline at the end", () => {
    expect(indentedJson({ a: [1, 2.5], b: [], c: {}, d: null, e: [{ f: true }], left: undefined })).toBe(
      '{\n  "a": [\n    1,\n    2.5\n  ],\n  "b": [],\n  "c": {},\n  "d": null,\n  "e": [\n    {\n      "f": true\n    }\n  ]\n}',
    );
  });

  test("keeps the order of keys that look like integers", () => {
    const value = new Map([
      ["b", 1],
      ["10", 2],
      ["2", 3],
    ]);
    expect(compactJson(value)).toBe('{"b":1,"10":2,"2":3}');
  });

  test("writes doubles in shortest text and 64-bit integers whole", () => {
    expect(compactJson([-0, 1e17, 9007199254740993n, 0.1])).toBe("[-0,1E+17,9007199254740993,0.1]");
  });

  test("escapes pairs beyond the BMP as two units, lone surrogates as U+FFFD", () => {
    expect(jsonString("\u{1F600}")).toBe('"\\uD83D\\uDE00"');
    expect(jsonString("\ud800x")).toBe('"\\uFFFDx"');
    expect(jsonString('a->b"+')).toBe('"a-\\u003Eb\\u0022\\u002B"');
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("refuses %d", (value) => {
    expect(() => indentedJson([value])).toThrowError(/JSON cannot hold/);
  });
});
