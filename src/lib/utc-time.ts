const MONTHS = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december",
];

const YEAR_FIRST = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})/;
const MONTH_FIRST = /^(\d{1,2})\/(\d{1,2})\/(\d{4})/;
const DAY_AND_NAME = /^(?:[a-z]{3,9},?\s+)?(\d{1,2})[ -]([a-z]{3,9})[ -](\d{4})/i;
const NAME_AND_DAY = /^(?:[a-z]{3,9},?\s+)?([a-z]{3,9})\s+(\d{1,2}),?\s+(\d{4})/i;
const TIME = /^(?:T|\s+)(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,16}))?)?\s*(?:([ap])m)?\s*(.*)$/i;
const OFFSET = /^([+-])(\d{1,2})(?::?(\d{2}))?$/;

/** Hours that .NET takes as offset from UTC, at most. */
const MAX_OFFSET_HOURS = 14;

/**
 * Milliseconds since the Unix epoch (with their fraction) of a written date and time, null when it is none. Without an
 * offset the text is read as UTC. Beyond ISO 8601 the forms are taken that FlowTime takes: a space for `T`, slashes
 * (`2026/01/05`, `01/05/2026` month first), month names, `AM`/`PM`. A time without a date is none.
 */
export function parseUtc(text: string): number | null {
  const trimmed = text.trim();
  const date = readDate(trimmed);
  if (date === null) return null;
  const { year, month, day, length } = date;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return null;
  const time = readTime(trimmed.slice(length));
  if (time === null) return null;
  const midnight = new Date(0);
  // Date.UTC would take the years 1 to 99 for 1901 to 1999.
  midnight.setUTCFullYear(year, month - 1, day);
  return midnight.getTime() + time;
}

function readDate(text: string): { year: number; month: number; day: number; length: number } | null {
  const yearFirst = YEAR_FIRST.exec(text);
  if (yearFirst !== null) return dateOf(yearFirst[0], yearFirst[1]!, Number(yearFirst[2]), yearFirst[3]!);
  const monthFirst = MONTH_FIRST.exec(text);
  if (monthFirst !== null) return dateOf(monthFirst[0], monthFirst[3]!, Number(monthFirst[1]), monthFirst[2]!);
  const dayFirst = DAY_AND_NAME.exec(text);
  if (dayFirst !== null) return dateOf(dayFirst[0], dayFirst[3]!, monthOf(dayFirst[2]!), dayFirst[1]!);
  const nameFirst = NAME_AND_DAY.exec(text);
  if (nameFirst !== null) return dateOf(nameFirst[0], nameFirst[3]!, monthOf(nameFirst[1]!), nameFirst[2]!);
  return null;
}

function dateOf(matched: string, year: string, month: number, day: string) {
  return { year: Number(year), month, day: Number(day), length: matched.length };
}

/** 1 to 12 for a month's name or its first three letters, else 0. */
function monthOf(name: string): number {
  const lower = name.toLowerCase();
  return MONTHS.findIndex((month) => month === lower || month.slice(0, 3) === lower) + 1;
}

/** Milliseconds after midnight UTC of what follows a date, null when that is no time. */
function readTime(text: string): number | null {
  if (text === "") return 0;
  if (/^\s*(?:Z|GMT)$/i.test(text)) return 0;
  const match = TIME.exec(text);
  if (match === null) return null;
  const [, hours = "", minutes = "", seconds = "0", fraction = "", half, zone = ""] = match;
  let hour = Number(hours);
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return null;
    hour = (hour % 12) + (half.toLowerCase() === "p" ? 12 : 0);
  }
  if (hour > 23 || Number(minutes) > 59 || Number(seconds) > 59) return null;
  const offset = readOffset(zone);
  if (offset === null) return null;
  const fractionMs = fraction === "" ? 0 : Number(`0.${fraction}`) * 1000;
  return ((hour * 60 + Number(minutes) - offset) * 60 + Number(seconds)) * 1000 + fractionMs;
}

/** Minutes east of UTC; null when the text is no zone. */
function readOffset(zone: string): number | null {
  if (zone === "" || /^(?:Z|GMT)$/i.test(zone)) return 0;
  const match = OFFSET.exec(zone);
  if (match === null) return null;
  const hours = Number(match[2]);
  const minutes = Number(match[3] ?? 0);
  if (minutes > 59 || hours * 60 + minutes > MAX_OFFSET_HOURS * 60) return null;
  return (match[1] === "-" ? -1 : 1) * (hours * 60 + minutes);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}
