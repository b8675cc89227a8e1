import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Gateway, GatewayError, type Intake } from "../../../src/ingest/gateway.ts";
import type { DecodedLine, FrameErrorCode, IngestAnswer } from "../../../src/protocol/frame.ts";

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

const watermarks = (count: number) => Buffer.from('{"type":"watermark","binIndex":1}\n'.repeat(count));
const ONE = watermarks(1).length;
const options = { atomic: false };

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

    const small = gateway.ingest(intake, watermarks(1), options);
    await settle();
    expect(gateway.queue).toMatchObject({ batches: 2, bytes: 3 * ONE });
    intake.answer();
    await Promise.all([first, small]);
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
    const packed = gzipSync(watermarks(51));
    expect(packed.length).toBeLessThan(50 * ONE);
    const work = gateway.ingest(intake, packed, { atomic: false, encoding: "gzip" });
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
  const packed = (count: number) =>
    gateway.ingest(new HeldIntake(), gzipSync(watermarks(count)), { atomic: false, encoding: "gzip" });

  test("is bounded as sent and as unpacked, and the limit is told", async () => {
    const tooLarge = { code: "body_too_large", facts: { limitBytes: 4 * ONE }, retryable: false };
    expect(await refusal(gateway.ingest(new HeldIntake(), watermarks(5), options))).toMatchObject(tooLarge);
    expect(await refusal(packed(5))).toMatchObject(tooLarge);
    expect(await refusal(packed(100_000))).toMatchObject(tooLarge);
  });

  test("may reach the limit", async () => {
    const intake = new HeldIntake();
    const plain = gateway.ingest(intake, watermarks(4), options);
    const zipped = gateway.ingest(intake, gzipSync(watermarks(4)), { atomic: false, encoding: " GZIP " });
    while (intake.batches.length < 2) await settle();
    intake.answer();
    await Promise.all([plain, zipped]);
    expect(intake.batches.map((lines) => lines.length)).toEqual([4, 4]);
  });
});

test("an encoding that is not known, and gzip that is none", async () => {
  const gateway = new Gateway();
  const send = (body: Uint8Array, encoding: string) =>
    gateway.ingest(new HeldIntake(), body, { atomic: false, encoding });
  expect(await refusal(send(watermarks(1), "zstd"))).toMatchObject({ code: "unsupported_media_type" });
  expect(await refusal(send(watermarks(1), "gzip"))).toMatchObject({ code: "malformed_batch" });
});

describe("the status of an answer", () => {
  const answered = async (body: string, errors: readonly FrameErrorCode[]) => {
    const intake: Intake = {
      submit: async () => ({
        ...ANSWER,
        rejected: errors.length,
        errors: errors.map((code, index) => ({ line: index + 1, code, message: "" })),
      }),
    };
    return (await new Gateway().ingest(intake, Buffer.from(body), options)).status;
  };
  const lines = (count: number) => watermarks(count).toString();

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
