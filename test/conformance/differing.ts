/** Where two files differ first, as `line N: …`; null when they are the same bytes. */
export function differingBytes(expected: Uint8Array | undefined, actual: Uint8Array | undefined): string | null {
  if (expected === undefined) return "FlowTime does not write it";
  if (actual === undefined) return "not written";
  if (Buffer.compare(expected, actual) === 0) return null;
  const [wanted, got] = [expected, actual].map((bytes) => Buffer.from(bytes).toString("utf8").split("\n"));
  const line = wanted!.findIndex((text, index) => text !== got![index]);
  if (line < 0)
    return `line ${wanted!.length + 1}: FlowTime's file ends here, ours has ${JSON.stringify(got![wanted!.length])}`;
  return `line ${line + 1}: FlowTime ${JSON.stringify(wanted![line])}, ours ${JSON.stringify(got![line] ?? null)}`;
}
