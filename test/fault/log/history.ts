import type { ChainMark } from "../../../src/log/telemetry-log.ts";

/** The batch that follows position `head`: 1 to 40 records, now and then a large one, all decided by the position. */
export function batchAt(head: number): readonly string[] {
  const count = 1 + ((head * 2_654_435_761) % 40);
  return Array.from({ length: count }, (_, index) => {
    const position = head + index;
    const filler = position % 97 === 0 ? 30_000 : position % 50;
    return `{"record":${position},"text":"${"流x".repeat(filler)}"}`;
  });
}

export function markAt(head: number): ChainMark {
  return { sealedBin: head - 1, hash: head.toString(16).padStart(64, "0") };
}
