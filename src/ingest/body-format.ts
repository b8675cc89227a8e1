import type { DecodedLine } from "../protocol/frame.ts";
import { CsvFault, CsvFrames } from "./csv-frames.ts";
import { decodeLine } from "./decode.ts";
import { GatewayError } from "./gateway-error.ts";
import { JsonBodyFault, JsonSplitter } from "./json-splitter.ts";
import { LineSplitter, type NdjsonLine } from "./ndjson.ts";

export type BodyFormat = "ndjson" | "json" | "csv";

export const MEDIA_TYPES: Readonly<Record<string, BodyFormat>> = {
  "application/x-ndjson": "ndjson",
  "application/ndjson": "ndjson",
  "application/jsonl": "ndjson",
  "application/json": "json",
  "text/csv": "csv",
};

/** @throws GatewayError `unsupported_media_type` */
export function formatOf(contentType: string | undefined): BodyFormat {
  const name = (contentType ?? "").split(";", 1)[0]!.trim().toLowerCase();
  if (Object.hasOwn(MEDIA_TYPES, name)) return MEDIA_TYPES[name]!;
  throw new GatewayError(
    "unsupported_media_type",
    `Content-Type '${name}' is not taken here; send frames as ${Object.keys(MEDIA_TYPES).join(", ")}.`,
  );
}

/** Frames of a body as its bytes come. @throws GatewayError `malformed_batch` when it cannot be read on */
export interface BodyReader {
  push(chunk: Buffer): readonly DecodedLine[] | Promise<readonly DecodedLine[]>;
  end(): readonly DecodedLine[] | Promise<readonly DecodedLine[]>;
}

export function bodyReader(format: BodyFormat): BodyReader {
  switch (format) {
    case "ndjson":
      return linesOf(new LineSplitter());
    case "json":
      return linesOf(new JsonSplitter());
    case "csv": {
      const frames = new CsvFrames();
      return { push: (chunk) => frames.push(chunk).catch(refuse), end: () => frames.end().catch(refuse) };
    }
  }
}

function linesOf(splitter: { push(chunk: Uint8Array): NdjsonLine[]; end(): NdjsonLine[] }): BodyReader {
  const decoded = (split: () => NdjsonLine[]): DecodedLine[] => {
    try {
      return split().map((line) => decodeLine(line));
    } catch (error) {
      return refuse(error);
    }
  };
  return { push: (chunk) => decoded(() => splitter.push(chunk)), end: () => decoded(() => splitter.end()) };
}

function refuse(error: unknown): never {
  if (error instanceof JsonBodyFault) {
    throw new GatewayError("malformed_batch", `The body is no JSON: ${error.message}. Nothing was applied.`);
  }
  if (error instanceof CsvFault) {
    throw new GatewayError("malformed_batch", `The body is no CSV: ${error.message}. Nothing was applied.`);
  }
  throw error;
}
