/** Minutes of every unit that the length of a bin is given in. */
const MINUTES_PER_UNIT = { minutes: 1, hours: 60, days: 1_440, weeks: 10_080 } as const;

export type BinUnit = keyof typeof MINUTES_PER_UNIT;
export const BIN_UNITS = ["minutes", "hours", "days", "weeks"] as const satisfies readonly BinUnit[];

/** Length of a bin as a model gives it. */
export interface BinLength {
  readonly binSize: number;
  readonly binUnit: BinUnit;
}

export function binMinutes({ binSize, binUnit }: BinLength): number {
  return binSize * MINUTES_PER_UNIT[binUnit];
}

export function binMilliseconds(length: BinLength): number {
  return binMinutes(length) * 60_000;
}
