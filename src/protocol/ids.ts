declare const runIdBrand: unique symbol;

/** Id of a live or stored run. Opaque to readers, but always safe as one path component. */
export type RunId = string & { readonly [runIdBrand]: true };

const RUN_ID = /^run_[A-Za-z0-9._@+-]{1,200}$/;

/** The id if the text may be one, else null. Refuses separators and everything that could leave a folder. */
export function parseRunId(text: string): RunId | null {
  return RUN_ID.test(text) && !text.includes("..") ? (text as RunId) : null;
}

/**
 * `run_<yyyyMMddTHHmmssZ>_<8 hex>` (FlowTime's timestamped form).
 * @param nowMs milliseconds since the Unix epoch
 * @param random four bytes of chance, passed in so that tests decide them
 */
export function timestampedRunId(nowMs: number, random: Uint8Array): RunId {
  const stamp = new Date(nowMs).toISOString().slice(0, 19).replaceAll("-", "").replaceAll(":", "");
  const hex = Array.from(random.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `run_${stamp}Z_${hex}` as RunId;
}
