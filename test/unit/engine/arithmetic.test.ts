import { describe, expect, test } from "vitest";
import {
  clamp,
  divide,
  gatedOutflow,
  isDispatchBin,
  modulo,
  queueDepth,
  round,
  step,
} from "../../../src/engine/arithmetic.ts";

const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: negative, MIN_VALUE: smallest } = Number;

describe("division", () => {
  test.each([
    [1, 0, 0],
    [1, -0, 0],
    [nan, 0, 0],
    [inf, 0, 0],
    [1, nan, nan],
    [1, inf, 0],
    [-1, 3, -1 / 3],
  ])("%d / %d", (a, b, expected) => {
    expect(divide(a, b)).toBe(expected);
  });
});

describe("MOD: the sign of the modulus", () => {
  test.each([
    [7, 3, 1],
    [-7, 3, 2],
    [7, -3, -2],
    [-7, -3, -1],
    [6, 3, 0],
    [-6, 3, -0],
    [7, 0, 0],
    [7, smallest, 0],
    [nan, 0, 0],
    [nan, 3, nan],
    [inf, 3, nan],
    [3, inf, nan],
    [5.5, 2, 1.5],
    [-0.5, 2, 1.5],
  ])("MOD(%d, %d)", (a, m, expected) => {
    expect(modulo(a, m)).toBe(expected);
  });
});

describe("ROUND: halves away from zero", () => {
  test.each([
    [0.5, 1],
    [-0.5, -1],
    [1.5, 2],
    [2.5, 3],
    [-2.5, -3],
    [0.49999999999999994, 0],
    [-0.49999999999999994, -0],
    [2 ** 51 + 0.5, 2 ** 51 + 1],
    [2 ** 53 + 2, 2 ** 53 + 2],
    [-0, -0],
    [nan, nan],
    [inf, inf],
  ])("ROUND(%d)", (a, expected) => {
    expect(round(a)).toBe(expected);
  });
});

test("STEP: 1 from equality on, 0 for what cannot be compared", () => {
  expect([step(2, 1), step(1, 1), step(0, 1), step(nan, 1), step(1, nan), step(-0, 0)]).toEqual([1, 1, 0, 0, 0, 1]);
});

test("CLAMP: the lower bound wins, what is no number stays", () => {
  expect([clamp(3, 1, 5), clamp(0, 1, 5), clamp(9, 1, 5), clamp(3, 5, 2), clamp(nan, 1, 5), clamp(3, nan, 5)]).toEqual([
    3,
    1,
    5,
    5,
    nan,
    nan,
  ]);
});

test("queues take what is no finite number as nothing, and never fall below zero", () => {
  expect(queueDepth(5, nan, 2, nan)).toBe(3);
  expect(queueDepth(5, inf, negative, 1)).toBe(4);
  expect(queueDepth(1, 1, 3, 0)).toBe(0);
  expect(queueDepth(0, 0.1, 0, 0.1)).toBe(0);
  expect(queueDepth(5, -2, -1, 0)).toBe(4);
});

test("the gate opens at its phase and every period after it, not before", () => {
  expect(Array.from({ length: 8 }, (_, t) => isDispatchBin(t, 3, 1))).toEqual([
    false,
    true,
    false,
    false,
    true,
    false,
    false,
    true,
  ]);
});

test("what a gate lets out", () => {
  expect(gatedOutflow(1, 9, 2, 0, 5, false)).toBe(0);
  expect(gatedOutflow(2, 9, 2, 0, null, false)).toBe(9);
  expect(gatedOutflow(2, 9, 2, 0, 5, false)).toBe(5);
  expect(gatedOutflow(2, 3, 2, 0, 5, false)).toBe(3);
  expect(gatedOutflow(2, 9, 2, 0, nan, false)).toBe(9);
  expect(gatedOutflow(2, 9, 2, 0, inf, true)).toBe(0);
  expect(gatedOutflow(2, nan, 2, 0, 5, false)).toBe(nan);
});
