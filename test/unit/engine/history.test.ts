import { describe, expect, test } from "vitest";
import { History } from "../../../src/engine/history.ts";

/** Bins `from` to `to` of a history whose values tell bin and column apart. */
function fill(history: History, bins: number): History {
  for (let bin = history.length; bin < bins; bin++) {
    history.append(Float64Array.from({ length: history.width }, (_, column) => bin * 10 + column));
  }
  return history;
}

describe("a history of the whole run", () => {
  test("gives back every bin, across blocks, by value, by row and by column", () => {
    const history = fill(new History(3), 1000);
    expect([history.length, history.firstBin]).toEqual([1000, 0]);
    for (const bin of [0, 1, 255, 256, 511, 512, 999]) {
      expect(history.value(bin, 2)).toBe(bin * 10 + 2);
      expect([...history.row(bin)]).toEqual([bin * 10, bin * 10 + 1, bin * 10 + 2]);
    }
    const column = history.column(1);
    expect(column).toHaveLength(1000);
    expect([column[0], column[256], column[999]]).toEqual([1, 2561, 9991]);
    expect(history.columns([2, 0]).map((values) => values[255])).toEqual([2552, 2550]);
  });

  test("takes the first columns of a longer row, and copies them", () => {
    const history = new History(2);
    const row = Float64Array.of(1, 2, 3, 4);
    history.append(row);
    row.fill(9);
    expect([...history.row(0)]).toEqual([1, 2]);
  });

  test("replaces a bin", () => {
    const history = fill(new History(2), 300);
    history.replace(257, Float64Array.of(-1, -2, -3));
    expect([...history.row(257)]).toEqual([-1, -2]);
    expect([history.value(256, 1), history.value(258, 1)]).toEqual([2561, 2581]);
  });

  test("refuses bins that are not there", () => {
    const history = fill(new History(1), 5);
    for (const bin of [-1, 5, 1000]) expect(() => history.value(bin, 0)).toThrow(`bin ${bin} is in memory`);
  });

  test("may be empty, and may have no columns", () => {
    expect([...new History(2).column(0)]).toEqual([]);
    expect(fill(new History(0), 600).length).toBe(600);
  });
});

describe("a history of the newest bins", () => {
  test.each([1, 100, 256, 700])("keeps at least %d bins and at most one block more", (retained) => {
    const history = new History(2, { retainedBins: retained });
    for (let bins = 1; bins <= 2000; bins++) {
      fill(history, bins);
      const kept = bins - history.firstBin;
      expect(kept).toBeGreaterThanOrEqual(Math.min(bins, retained));
      expect(kept).toBeLessThanOrEqual(retained + 256);
    }
    const first = history.firstBin;
    expect(first).toBeGreaterThan(0);
    expect(history.value(first, 1)).toBe(first * 10 + 1);
    expect(history.value(1999, 0)).toBe(19990);
    expect(history.column(0)).toHaveLength(2000 - first);
    expect(() => history.value(first - 1, 0)).toThrow("is in memory");
  });
});

test("what leaves memory can be read from the store", () => {
  const stored = new Map<number, Float64Array>();
  const history = new History(2, {
    retainedBins: 10,
    store: {
      write: (block, rows) => stored.set(block, rows.slice()),
      read: (block) => stored.get(block)!,
    },
  });
  fill(history, 1000);
  expect([history.firstBin, history.firstReadableBin]).toEqual([768, 0]);
  expect([...history.column(1)]).toEqual(Array.from({ length: 1000 }, (_, bin) => bin * 10 + 1));
});
