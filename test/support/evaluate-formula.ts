/**
 * Value of a formula in numbers, as `flowtime explain` prints it: the expression language of engine.md §4 with negative
 * numbers, NaN and Infinity, and ROUND6 (engine.md §8.6). Written from the specification; shares no code with the engine.
 */
export function evaluateFormula(text: string): number {
  const tokens = text.match(/-?Infinity|NaN|[A-Z][A-Z0-9]*|-?\d[\d.]*(?:e[+-]?\d+)?|[-+*/(),]/g) ?? [];
  let at = 0;
  const next = (): string => tokens[at++] ?? fail("ends early");
  const take = (wanted: string): void => {
    if (next() !== wanted) fail(`'${wanted}' expected before token ${at}`);
  };
  function fail(why: string): never {
    throw new Error(`formula ${why}: ${text}`);
  }
  function expression(): number {
    let left = term();
    while (tokens[at] === "+" || tokens[at] === "-") left = next() === "+" ? left + term() : left - term();
    return left;
  }
  function term(): number {
    let left = factor();
    while (tokens[at] === "*" || tokens[at] === "/") {
      const isProduct = next() === "*";
      const right = factor();
      left = isProduct ? left * right : right === 0 ? 0 : left / right;
    }
    return left;
  }
  function factor(): number {
    const token = next();
    if (token === "(") {
      const inner = expression();
      take(")");
      return inner;
    }
    const apply = FUNCTIONS[token];
    if (apply === undefined) {
      const value = Number(token);
      return Number.isNaN(value) && token !== "NaN" ? fail(`has '${token}'`) : value;
    }
    take("(");
    const args = [expression()];
    while (tokens[at] === ",") {
      at++;
      args.push(expression());
    }
    take(")");
    return apply(...(args as [number, number, number]));
  }
  const value = expression();
  return at === tokens.length ? value : fail(`goes on after token ${at}`);
}

const FUNCTIONS: Readonly<Record<string, (a: number, b: number, c: number) => number>> = {
  MIN: (a, b) => Math.min(a, b),
  MAX: (a, b) => Math.max(a, b),
  CLAMP: (a, low, high) => Math.max(low, Math.min(high, a)),
  STEP: (a, b) => (a >= b ? 1 : 0),
  FLOOR: (a) => Math.floor(a),
  CEIL: (a) => Math.ceil(a),
  ROUND: halfAwayFromZero,
  ROUND6: (a) => {
    if (!Number.isFinite(a)) return Number.NaN;
    if (Math.abs(a) < 1e-9) return 0;
    return Math.abs(a) >= 1e16 ? a : halfAwayFromZero(a * 1e6) / 1e6 + 0;
  },
  MOD: (a, m) => {
    if (Math.abs(m) <= Number.MIN_VALUE) return 0;
    if (!Number.isFinite(a) || !Number.isFinite(m)) return Number.NaN;
    const rest = a % m;
    return rest !== 0 && Math.sign(rest) !== Math.sign(m) ? rest + m : rest;
  },
};

/** FlowTime's Math.Round(x, AwayFromZero): the largest double below one half is not rounded up. */
function halfAwayFromZero(a: number): number {
  const half = Object.is(a, -0) || a < 0 ? -0.49999999999999994 : 0.49999999999999994;
  return Math.trunc(a + half);
}
