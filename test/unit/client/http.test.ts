import { describe, expect, test } from "vitest";
import { EngineClient } from "../../../src/client/client.ts";
import { ClientError } from "../../../src/client/client-error.ts";
import { type FetchLike, MAX_TRIES, retryAfterMs } from "../../../src/client/http.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const answer = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });
const busy = (headers: Record<string, string> = {}) =>
  answer(429, { error: "queue full", code: "queue_full" }, headers);

/** A client whose calls get these answers in order, and a clock that jumps to whatever is waited for. */
function clientWith(answers: readonly (Response | Error)[]) {
  const clock = new FakeClock();
  const waits: number[] = [];
  const requests: { url: string; init: RequestInit }[] = [];
  const queue = [...answers];
  const fetch: FetchLike = (url, init) => {
    requests.push({ url, init });
    const next = queue.shift() ?? busy();
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  };
  const jumping = {
    now: () => clock.now(),
    after: (delayMs: number, callback: () => void) => {
      waits.push(delayMs);
      const cancel = clock.after(delayMs, callback);
      queueMicrotask(() => clock.advance(delayMs));
      return cancel;
    },
  };
  const client = new EngineClient({ baseUrl: "http://engine:1/", clock: jumping, fetch });
  return { client, waits, requests };
}

const failure = (promise: Promise<unknown>): Promise<ClientError> =>
  promise.then(
    () => {
      throw new Error("it succeeded");
    },
    (error) => {
      expect(error).toBeInstanceOf(ClientError);
      return error as ClientError;
    },
  );

describe("a failing call", () => {
  test("carries the engine's code, text, status and diagnostics", async () => {
    const diagnostics = [{ severity: "error", code: "x", message: "no", line: 3, column: 1 }];
    const { client } = clientWith([answer(400, { error: "the model has errors", code: "invalid_model", diagnostics })]);
    const error = await failure(client.createRun({ mode: "live", model: "" }));
    expect(error).toMatchObject({ code: "invalid_model", message: "the model has errors", status: 400, diagnostics });
    expect(error.retryable).toBe(false);
  });

  test.each([
    ["another program's JSON", answer(500, { detail: "boom" }), "boom"],
    ["an unknown code", answer(409, { error: "odd", code: "odd_code" }), "odd"],
    ["no JSON at all", answer(502, "Bad Gateway"), "502: Bad Gateway"],
    ["an empty body", answer(405, ""), "405"],
  ])("says what came when it is %s", async (_name, response, text) => {
    const error = await failure(clientWith([response]).client.run("run_a"));
    expect(error.code).toBe("unexpected_answer");
    expect(error.message).toContain(text);
  });

  test("an unreachable engine is named with cause and remedy", async () => {
    const refused = new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code: "ECONNREFUSED" }) });
    const error = await failure(clientWith([refused]).client.listRuns());
    expect(error.code).toBe("engine_unreachable");
    expect(error.message).toBe(
      "cannot reach the engine at http://engine:1 (ECONNREFUSED)\n" +
        "  start one: flowtime serve      or point to it: --engine URL / FLOWTIME_ENGINE",
    );
  });

  test("the cause is found inside an aggregate", async () => {
    const inner = Object.assign(new Error("x"), { code: "ECONNREFUSED" });
    const refused = new TypeError("fetch failed", { cause: new AggregateError([inner]) });
    expect((await failure(clientWith([refused]).client.listRuns())).message).toContain("(ECONNREFUSED)");
  });

  test("an answer that is no JSON, or not what was promised", async () => {
    expect((await failure(clientWith([answer(200, "<html>")]).client.run("run_a"))).code).toBe("unexpected_answer");
    expect((await failure(clientWith([answer(200, [1])]).client.run("run_a"))).code).toBe("unexpected_answer");
    expect((await failure(clientWith([answer(200, { a: 1 })]).client.listRuns())).code).toBe("unexpected_answer");
  });
});

describe("a busy engine", () => {
  test("is asked again after the time it names", async () => {
    const { client, waits } = clientWith([busy({ "retry-after": "2" }), busy({ "retry-after": "1" }), answer(200, {})]);
    await client.sendFrames("run_a", "{}\n");
    expect(waits).toEqual([2000, 1000]);
  });

  test("is given up after a number of tries, with its own error", async () => {
    const { client, requests } = clientWith([]);
    const error = await failure(client.engineState());
    expect(error).toMatchObject({ code: "queue_full", retryable: true });
    expect(requests).toHaveLength(MAX_TRIES);
  });

  test("is given up at once when the wait would be too long", async () => {
    const { client, waits } = clientWith([busy({ "retry-after": "3600" })]);
    expect((await failure(client.engineState())).code).toBe("queue_full");
    expect(waits).toEqual([]);
  });

  test("a stream is sent once only", async () => {
    async function* frames() {
      yield new TextEncoder().encode("{}\n");
    }
    const { client, requests } = clientWith([busy()]);
    expect((await failure(client.sendFrames("run_a", frames()))).retryable).toBe(true);
    expect(requests).toHaveLength(1);
  });
});

test("run ids are safe in a path, frames are NDJSON", async () => {
  const { client, requests } = clientWith([answer(200, {})]);
  await client.sendFrames("a/../b", "{}\n", { atomic: true });
  expect(requests[0]?.url).toBe("http://engine:1/v1/runs/a%2F..%2Fb/frames?atomic=true");
  expect(new Headers(requests[0]?.init.headers).get("content-type")).toBe("application/x-ndjson");
});

test.each([
  [null, 500],
  ["3", 3000],
  ["0.25", 250],
  ["Thu, 01 Jan 1970 00:00:10 GMT", 6000],
  ["Thu, 01 Jan 1970 00:00:01 GMT", 0],
  ["soon", 500],
])("Retry-After %s is a wait of %d ms", (header, expected) => {
  expect(retryAfterMs(header, 4000)).toBe(expected);
});
