/**
 * Numbers as .NET prints them (artifacts.md §3.3 and §3.4). FlowTime's files hold this text and are hashed over it, so
 * JavaScript's own text, which lays out exponents differently, will not do.
 */

/** Decimal exponents with plain notation; outside of them .NET changes to scientific notation. */
const PLAIN_EXPONENT_MIN = -4;
const PLAIN_EXPONENT_MAX = 16;
const PRECISE_DIGITS = 17;

/** Shortest text that parses back to the same double: `0.1`, `1E-05`, `1E+17`, `-0`, `NaN`, `-Infinity`. */
export function shortestText(value: number): string {
  const magnitude = Math.abs(value);
  // Between these bounds both runtimes use plain notation and the same digits.
  if (magnitude >= 1e-4 && magnitude < 1e17) return String(value);
  const special = specialText(value);
  if (special !== null) return special;
  // Without an argument toExponential finds the shortest digits, the same that .NET finds.
  const [mantissa = "", exponent = ""] = magnitude.toExponential().split("e");
  return signOf(value) + layOut(mantissa.replace(".", ""), Number(exponent));
}

/** Seventeen significant digits, ties to the even digit, trailing zeros dropped: `0.10000000000000001`, `20.5`. */
export function seventeenDigitText(value: number): string {
  // Whole numbers of few digits are exact in plain notation, and need no arithmetic with big ones.
  if (Number.isSafeInteger(value) && value !== 0) return String(value);
  return significantText(value, PRECISE_DIGITS);
}

/** As many significant digits as asked for, laid out like all numbers: scientific from `digits` digits before the point. */
export function significantText(value: number, digits: number): string {
  const special = specialText(value);
  if (special !== null) return special;
  const rounded = roundedDigits(Math.abs(value), digits);
  return signOf(value) + layOut(rounded.digits.replace(/0+$/, ""), rounded.exponent, digits - 1);
}

/**
 * Number of a CSV cell (artifacts.md §3.5, *float*): surrounding whitespace, sign, digits with point, exponent; `NaN` and
 * infinities in any case; overflow becomes an infinity. Null when the text is no number.
 */
export function parseFloatText(text: string): number | null {
  const trimmed = trimDotnet(text);
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return Number(trimmed);
  switch (trimmed.toLowerCase()) {
    case "nan":
    case "-nan":
    case "+nan":
      return Number.NaN;
    case "infinity":
    case "+infinity":
      return Number.POSITIVE_INFINITY;
    case "-infinity":
      return Number.NEGATIVE_INFINITY;
    default:
      return null;
  }
}

/**
 * Number of a telemetry cell (artifacts.md §3.5, *float with thousands*): like `parseFloatText`, and commas between the
 * digits before the point are ignored. Null when the text is no number.
 */
export function parseThousandsText(text: string): number | null {
  const trimmed = trimDotnet(text);
  return parseFloatText(/^[+-]?\d[\d,]*(?![\d,])/.test(trimmed) ? trimmed.replaceAll(",", "") : trimmed);
}

/** Trims Unicode whitespace as .NET does: U+0085 counts, U+FEFF does not; JavaScript's `trim` has it the other way round. */
export function trimDotnet(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isDotnetWhitespace(text.charCodeAt(start))) start += 1;
  while (end > start && isDotnetWhitespace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isDotnetWhitespace(code: number): boolean {
  return code === 0x85 || (code !== 0xfeff && /\s/.test(String.fromCharCode(code)));
}

function specialText(value: number): string | null {
  if (Number.isNaN(value)) return "NaN";
  if (value === Number.POSITIVE_INFINITY) return "Infinity";
  if (value === Number.NEGATIVE_INFINITY) return "-Infinity";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  return null;
}

function signOf(value: number): string {
  return value < 0 ? "-" : "";
}

/** @param digits significant digits without trailing zeros; the value is d.ddd × 10^exponent */
function layOut(digits: string, exponent: number, plainMax: number = PLAIN_EXPONENT_MAX): string {
  if (exponent < PLAIN_EXPONENT_MIN || exponent > plainMax) {
    const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
    const power = Math.abs(exponent).toString().padStart(2, "0");
    return `${mantissa}E${exponent < 0 ? "-" : "+"}${power}`;
  }
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = digits.slice(exponent + 1);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

const scratch = new DataView(new ArrayBuffer(8));

/** The exact binary value as mantissa × 2^power, rounded to `precision` digits with whole-number arithmetic. */
function roundedDigits(value: number, precision: number): { digits: string; exponent: number } {
  scratch.setFloat64(0, value);
  const bits = scratch.getBigUint64(0);
  const biased = Number(bits >> 52n);
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = biased === 0 ? fraction : fraction | 0x10000000000000n;
  const power = Math.max(biased, 1) - 1075;
  let exponent = Number(value.toExponential().split("e")[1]);
  const limit = 10n ** BigInt(precision);
  for (;;) {
    const shift = precision - 1 - exponent;
    const numerator = mantissa * 2n ** BigInt(Math.max(power, 0)) * 10n ** BigInt(Math.max(shift, 0));
    const denominator = 2n ** BigInt(Math.max(-power, 0)) * 10n ** BigInt(Math.max(-shift, 0));
    const rounded = divideHalfEven(numerator, denominator);
    // The exponent was read off the shortest digits, which may round across a power of ten.
    if (rounded < limit / 10n) exponent -= 1;
    else if (rounded >= limit) exponent += 1;
    else return { digits: rounded.toString(), exponent };
  }
}

function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twiceRest = 2n * (numerator % denominator);
  const roundsUp = twiceRest > denominator || (twiceRest === denominator && quotient % 2n === 1n);
  return roundsUp ? quotient + 1n : quotient;
}
