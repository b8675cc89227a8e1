import { describe, expect, test } from "vitest";
import { FlowError } from "../../../src/lib/errors.ts";
import { LOG_ERRORS, LogError, type LogErrorCode } from "../../../src/log/log-error.ts";
import { PROBLEMS } from "../../../src/protocol/problem.ts";
import { problemOf } from "../../../src/server/problems.ts";

describe("what a client is told", () => {
  test.each(Object.entries(PROBLEMS))("%s: its own status", (code, status) => {
    const answer = problemOf(new FlowError(code, "in words", { facts: { limit: 3 } }));
    expect(answer.status).toBe(status);
    expect(answer.body.code).toBe(code);
    expect(answer.retryAfterSeconds).toBe(status === 429 || status === 503 ? 1 : null);
    if (code !== "internal") expect(answer.body).toEqual({ error: "in words", code, facts: { limit: 3 } });
  });

  test.each([
    ["a bug", new TypeError("undefined is not a function")],
    ["an error of an unknown code", new FlowError("nobody_knows", "secret", { facts: { path: "/secret" } })],
    ["an error with a code of Node's", Object.assign(new Error("secret"), { code: "ENOENT" })],
    ["a code that every object inherits", Object.assign(new Error("secret"), { code: "constructor" })],
    ["something that is no error", "secret"],
  ])("%s: that the engine failed, and nothing of the inside", (_name, error) => {
    const { status, body } = problemOf(error);
    expect(status).toBe(500);
    expect(body).toMatchObject({ code: "internal", error: "The engine failed to answer; see its log." });
    expect(JSON.stringify(body)).not.toMatch(/secret|undefined|stack/);
  });

  test("whatever the framework refuses is the client's mistake", () => {
    const refusal = Object.assign(new Error("Body cannot be empty"), { code: "FST_ERR_WHATEVER", statusCode: 400 });
    expect(problemOf(refusal)).toMatchObject({
      status: 400,
      body: { code: "bad_request", error: "Body cannot be empty" },
    });
  });

  test.each(Object.keys(LOG_ERRORS) as LogErrorCode[])(
    "of the log's %s: 503 exactly when trying again may help",
    (code) => {
      const error = new LogError(code, "the disk", { runId: "run_x" });
      const { status, retryAfterSeconds } = problemOf(error);
      expect(retryAfterSeconds !== null).toBe(status === 503);
      if (error.retryable) expect(status).toBe(503);
    },
  );
});
