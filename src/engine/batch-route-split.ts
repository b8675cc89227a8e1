import type { Route, RouterNode } from "../model/model.ts";
import { ClassShares, type Contribution } from "./batch-contribution.ts";

/** What one route of a router takes. */
export interface RouteShare {
  readonly route: Route;
  readonly total: Float64Array;
  readonly classes: ClassShares;
}

export function isClassRoute(route: Route): boolean {
  return route.classes.length > 0;
}

/**
 * Splits a source over the routes of a router (engine.md §7.1): class routes first, each taking the listed classes that
 * are still there; the rest goes to the weight routes by weight. A listed class that the source does not have (or that an
 * earlier route took) is a share of zeros.
 *
 * @param isTaken routes it refuses take nothing and leave their classes where they are. Default all are taken.
 * @returns shares in that order; the source stays unchanged
 */
export function splitRoutes(
  router: RouterNode,
  source: Contribution,
  isTaken: (route: Route) => boolean = () => true,
): readonly RouteShare[] {
  const bins = source.total.length;
  const rest = { total: source.total.slice(), classes: new ClassShares(source.classes) };
  const shares: RouteShare[] = [];
  for (const route of router.routes.filter(isClassRoute)) {
    if (!isTaken(route)) continue;
    const total = new Float64Array(bins);
    const classes = new ClassShares();
    for (const classId of route.classes) {
      const values = rest.classes.get(classId);
      rest.classes.delete(classId);
      if (values === undefined) {
        if (!classes.has(classId)) classes.set(classId, new Float64Array(bins));
        continue;
      }
      classes.set(classId, values.slice());
      for (let t = 0; t < bins; t++) {
        total[t]! += values[t]!;
        rest.total[t]! -= values[t]!;
      }
    }
    shares.push({ route, total, classes });
  }

  const weighted = router.routes.filter((route) => !isClassRoute(route));
  const weights = weighted.map((route) => route.weight ?? 1);
  const sum = weights.reduce((a, b) => a + b, 0);
  weighted.forEach((route, index) => {
    if (!isTaken(route)) return;
    const fraction = sum > 0 ? weights[index]! / sum : weights[index]! / weighted.length;
    const part = (values: Float64Array): Float64Array => values.map((value) => value * fraction);
    shares.push({ route, total: part(rest.total), classes: rest.classes.map(part) });
  });
  return shares;
}
