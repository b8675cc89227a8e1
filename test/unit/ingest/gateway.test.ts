import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { BODY_IDLE_MS, BODY_TIMEOUT_MS } from "../../../src/ingest/body.ts";
import { type BatchOptions, Gateway, type Intake } from "../../../src/ingest/gateway.ts";
import { GatewayError } from "../../../src/ingest/gateway-error.ts";
import type { DecodedLine, FrameErrorCode, IngestAnswer } from "../../../src/protocol/frame.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const ANSWER: IngestAnswer = {
  accepted: 0,
  duplicates: 0,
  late: 0,
  rejected: 0,
  errors: [],
  sealedBin: -1,
  openBins: 0,
  durable: true,
};

/** A run that answers when the test says so. */
class HeldIntake implements Intake {
  readonly batches: (readonly DecodedLine[])[] = [];
  readonly #waiting: ((answer: IngestAnswer) => void)[] = [];
  readonly #failing: ((error: unknown) => void)[] = [];

  submit(lines: readonly DecodedLine[]): Promise<IngestAnswer> {
    this.batches.push(lines);
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      this.#failing.push(reject);
    });
  }

  answer(): void {
    for (const resolve of this.#waiting.splice(0)) resolve(ANSWER);
  }

  fail(error: unknown): void {
    for (const reject of this.#failing.splice(0)) reject(error);
  }
}

const text = (count: number) => Buffer.from('{"type":"watermark","binIndex":1}\n'.repeat(count));
const body = (bytes: Uint8Array) => Readable.from([Buffer.from(bytes)]);
const watermarks = (count: number) => body(text(count));
const zipped = (count: number) => body(gzipSync(text(count)));
const ONE = text(1).length;
const options: BatchOptions = { format: "ndjson", atomic: false };
const gzip: BatchOptions = { ...options, encoding: "gzip" };

async function refusal(work: Promise<unknown>): Promise<GatewayError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GatewayError);
  return error as GatewayError;
}

/** Lets promises that are already settled run on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("the queue", () => {
  test("is bounded in bytes: one batch too many is refused with a wait, and nothing of it reaches the run", async () => {
    const gateway = new Gateway({ queueBytes: 3 * ONE, batchBytes: 10 * ONE });
    const intake = new HeldIntake();
    const first = gateway.ingest(intake, watermarks(2), options);
    await settle();
    expect(gateway.queue).toEqual({ batches: 1, bytes: 2 * ONE, limitBytes: 3 * ONE });
    const error = await refusal(gateway.ingest(intake, watermarks(2), options));
    expect(error).toMatchObject({
      code: "queue_full",
      retryable: true,
      retryAfterSeconds: 1,
      facts: { limitBytes: 3 * ONE },
    });
    expect(error.message).toContain("nothing of the batch was applied");
    expect(intake.batches).toHaveLength(1);

    intake.answer();
    await first;
    expect(gateway.queue).toMatchObject({ batches: 0, bytes: 0 });
    const again = gateway.ingest(intake, watermarks(3), options);
    await settle();
    intake.answer();
    expect(await again).toEqual({ status: 200, answer: ANSWER });
  });

  test("is shared by all runs", async () => {
    const gateway = new Gateway({ queueBytes: ONE });
    const busy = new HeldIntake();
    const held = gateway.ingest(busy, watermarks(1), options);
    await settle();
    expect(await refusal(gateway.ingest(new HeldIntake(), watermarks(1), options))).toMatchObject({
      code: "queue_full",
    });
    busy.answer();
    await held;
  });

  test("counts a batch as it is after decompression", async () => {
    const gateway = new Gateway({ queueBytes: 50 * ONE });
    const intake = new HeldIntake();
    expect(gzipSync(text(51)).length).toBeLessThan(50 * ONE);
    const work = gateway.ingest(intake, zipped(51), gzip);
    expect(await refusal(work)).toMatchObject({ code: "queue_full" });
    expect(intake.batches).toEqual([]);
  });

  test("has its room back when the run fails", async () => {
    const gateway = new Gateway({ queueBytes: ONE });
    const intake = new HeldIntake();
    const work = gateway.ingest(intake, watermarks(1), options);
    await settle();
    const reason = new Error("the run failed");
    intake.fail(reason);
    await expect(work).rejects.toBe(reason);
    expect(gateway.queue).toMatchObject({ batches: 0, bytes: 0 });
  });
});

describe("the size of a batch", () => {
  const gateway = new Gateway({ batchBytes: 4 * ONE });
  const packed = (count: number) => gateway.ingest(new HeldIntake(), zipped(count), gzip);

  test("is bounded as sent and as unpacked, and the limit is told", async () => {
    const tooLarge = { code: "body_too_large", facts: { limitBytes: 4 * ONE }, retryable: false };
    expect(await refusal(gateway.ingest(new HeldIntake(), watermarks(5), options))).toMatchObject(tooLarge);
    expect(await refusal(packed(5))).toMatchObject(tooLarge);
    expect(await refusal(packed(100_000))).toMatchObject(tooLarge);
  });

  test("may reach the limit", async () => {
    const intake = new HeldIntake();
    const plain = gateway.ingest(intake, watermarks(4), options);
    const packed = gateway.ingest(intake, zipped(4), { ...options, encoding: " GZIP " });
    while (intake.batches.length < 2) await settle();
    intake.answer();
    await Promise.all([plain, packed]);
    expect(intake.batches.map((lines) => lines.length)).toEqual([4, 4]);
  });
});

test("an encoding that is not known, and bytes that are not what they say", async () => {
  const gateway = new Gateway();
  const send = (bytes: Uint8Array, encoding: string) =>
    gateway.ingest(new HeldIntake(), body(bytes), { ...options, encoding });
  expect(await refusal(send(text(1), "br"))).toMatchObject({ code: "unsupported_media_type" });
  expect(await refusal(send(text(1), "gzip"))).toMatchObject({ code: "malformed_batch" });
  expect(await refusal(send(text(1), "zstd"))).toMatchObject({ code: "malformed_batch" });
  expect(await refusal(send(gzipSync(text(9)).subarray(0, 20), "gzip"))).toMatchObject({ code: "malformed_batch" });
  const packed = zstdCompressSync(text(9));
  expect(await refusal(send(packed.subarray(0, packed.length - 4), "zstd"))).toMatchObject({ code: "malformed_batch" });
});

describe("a body that does not come", () => {
  const never = () => new Readable({ read() {} });

  test("is waited for ten seconds of silence, thirty in all, and leaves nothing", async () => {
    for (const [pauseMs, pauses] of [
      [BODY_IDLE_MS, 1],
      [BODY_IDLE_MS - 1, 4],
    ] as const) {
      const clock = new FakeClock();
      const gateway = new Gateway({ clock });
      const intake = new HeldIntake();
      const slow = never();
      const work = refusal(gateway.ingest(intake, slow, options));
      for (let pause = 0; pause < pauses; pause++) {
        slow.push("{");
        await settle();
        clock.advance(pauseMs);
        await settle();
      }
      const error = await work;
      expect(error).toMatchObject({ code: "body_timeout", retryable: true });
      expect(clock.now()).toBeLessThanOrEqual(1_000_000 + BODY_TIMEOUT_MS + BODY_IDLE_MS);
      expect(intake.batches).toEqual([]);
      expect(gateway.queue).toMatchObject({ batches: 0, bytes: 0 });
      expect(clock.pending).toBe(0);
    }
  });

  test("because the connection broke", async () => {
    for (const encoding of ["identity", "gzip"]) {
      const gateway = new Gateway();
      const broken = never();
      const work = refusal(gateway.ingest(new HeldIntake(), broken, { ...options, encoding }));
      broken.push("{");
      await settle();
      broken.destroy(new Error("aborted"));
      expect(await work).toMatchObject({ code: "connection_lost" });
      expect(gateway.queue).toMatchObject({ batches: 0, bytes: 0 });
    }
  });
});

describe("Retry-After", () => {
  test("is the time that the queue needs, at the rate at which it has drained", async () => {
    const clock = new FakeClock();
    const gateway = new Gateway({ queueBytes: 100 * ONE, clock });
    const intake = new HeldIntake();
    const drained = gateway.ingest(intake, watermarks(10), options);
    await settle();
    intake.answer();
    await drained;
    const held = gateway.ingest(intake, watermarks(90), options);
    await settle();
    // Ten lines in two seconds: the forty above the low-water mark take eight more.
    clock.advance(2_000);
    expect(await refusal(gateway.ingest(intake, watermarks(20), options))).toMatchObject({ retryAfterSeconds: 8 });
    clock.advance(1_000_000);
    expect(await refusal(gateway.ingest(intake, watermarks(1), options))).toMatchObject({ retryAfterSeconds: 60 });
    intake.answer();
    await held;
  });

  test("a queue that was full takes nothing until it has drained to its low-water mark", async () => {
    const gateway = new Gateway({ queueBytes: 10 * ONE });
    const [first, second] = [new HeldIntake(), new HeldIntake()];
    const large = gateway.ingest(first, watermarks(6), options);
    const small = gateway.ingest(second, watermarks(3), options);
    await settle();
    expect(await refusal(gateway.ingest(second, watermarks(2), options))).toMatchObject({ code: "queue_full" });
    expect(await refusal(gateway.ingest(second, watermarks(1), options)), "it would fit").toMatchObject({
      code: "queue_full",
    });
    first.answer();
    await large;
    const again = gateway.ingest(first, watermarks(1), options);
    await settle();
    first.answer();
    second.answer();
    await Promise.all([small, again]);
  });
});

test("a batch of too many lines is refused before the run sees it", async () => {
  const gateway = new Gateway({ batchLines: 3 });
  expect(await refusal(gateway.ingest(new HeldIntake(), watermarks(4), options))).toMatchObject({
    code: "body_too_large",
    facts: { limitLines: 3 },
  });
});

describe("the status of an answer", () => {
  const answered = async (lines: string, errors: readonly FrameErrorCode[]) => {
    const intake: Intake = {
      submit: async () => ({
        ...ANSWER,
        rejected: errors.length,
        errors: errors.map((code, index) => ({ line: index + 1, code, message: "" })),
      }),
    };
    return (await new Gateway().ingest(intake, body(Buffer.from(lines)), options)).status;
  };
  const lines = (count: number) => text(count).toString();

  test.each([
    ["nothing in it", "", [], 200],
    ["everything taken", lines(2), [], 200],
    ["some lines bad", `${lines(1)}{\n`, ["malformed"], 200],
    ["all lines malformed", "{\n{\n", ["malformed", "malformed"], 400],
    ["nothing but conflicts", lines(2), ["conflict", "conflict"], 409],
    ["conflicts and something else", lines(2), ["conflict", "unbound_series"], 200],
    ["conflicts and a malformed line", `${lines(1)}{\n`, ["conflict", "malformed"], 200],
    ["all refused for other reasons", lines(1), ["run_ended"], 200],
  ] as const)("%s", async (_name, body, errors, status) => {
    expect(await answered(body, errors)).toBe(status);
  });
});
