import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { describeWithReference } from "../support/reference.ts";
import { casesOf, expectSameValidation } from "../support/validation-golden.ts";

const fixtures = path.resolve(import.meta.dirname, "../../fixtures/validation/cases.ndjson");

describe("the compact set of FlowTime's validation", () => {
  const cases = casesOf(readFileSync(fixtures, "utf8"));

  test.each(cases.map((golden) => [golden.case, golden] as const))("%s", (_name, golden) => {
    expect(expectSameValidation(golden)).toEqual([]);
  });
});

describeWithReference("FlowTime's own validation", (root) => {
  const cases = casesOf(readFileSync(path.join(root, "golden/validate/cases.ndjson"), "utf8"));

  test("has its 140 cases", () => {
    expect(cases).toHaveLength(140);
  });

  test.each(cases.map((golden) => [golden.case, golden] as const))("%s", (_name, golden) => {
    // One fault was put into each of these models, so that FlowTime has nothing left to say after the first.
    expect(expectSameValidation(golden)).toEqual([]);
  });
});
