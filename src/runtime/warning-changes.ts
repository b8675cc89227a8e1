import { isDeepStrictEqual } from "node:util";
import type { Warning, WarningUpdate } from "../protocol/run-event.ts";

/** What turns one set of active warnings into another. */
export function warningChanges(before: readonly Warning[], after: readonly Warning[]): readonly WarningUpdate[] {
  const known = new Map(before.map((warning) => [warning.key, warning]));
  const keys = new Set(after.map(({ key }) => key));
  const cleared = before.filter(({ key }) => !keys.has(key)).map(({ key }) => ({ action: "cleared", key }) as const);
  const changed = after.flatMap((warning): WarningUpdate[] => {
    const old = known.get(warning.key);
    if (old === undefined) return [{ action: "raised", warning }];
    return isDeepStrictEqual(old, warning) ? [] : [{ action: "updated", warning }];
  });
  return [...cleared, ...changed];
}
