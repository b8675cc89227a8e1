import { expect, test } from "vitest";
import { invariant } from "../../../src/lib/assert.ts";
import { FlowError } from "../../../src/lib/errors.ts";

class SomeError extends FlowError<"some_code"> {}

test("an error of an area carries its code, its facts and whether to try again, under its own name", () => {
  const cause = new Error("below");
  const error = new SomeError("some_code", "what happened", { facts: { line: 3 }, cause, retryable: true });
  expect(error).toMatchObject({
    name: "SomeError",
    code: "some_code",
    message: "what happened",
    facts: { line: 3 },
    cause,
    retryable: true,
  });
  expect(error).toBeInstanceOf(FlowError);
});

test("and is not to be tried again, without facts or cause, when nothing else is said", () => {
  const error = new SomeError("some_code", "what happened");
  expect(error).toMatchObject({ facts: {}, retryable: false });
  expect("cause" in error).toBe(false);
});

test("a broken promise says which", () => {
  expect(() => invariant(false, "bins come in order")).toThrow("broken promise: bins come in order");
  invariant(1, "this one holds");
});
