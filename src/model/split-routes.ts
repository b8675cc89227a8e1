import { ClassColumns, type Contribution } from "./class-columns.ts";
import type { OperatorList } from "./emit.ts";
import type { Route, RouterNode } from "./model.ts";

/** What one route of a router takes. */
export interface RouteShare extends Contribution {
  readonly route: Route;
}

/**
 * Splits a source over the routes of a router (engine.md §7.1): class routes first, each taking the listed classes that
 * are still there; the rest goes to the weight routes by weight. A listed class that is not there is a share of zeros.
 * @param isTaken routes it refuses take nothing and leave their classes where they are. Default all are taken.
 */
export function splitRoutes(
  router: RouterNode,
  source: Contribution,
  operators: OperatorList,
  isTaken: (route: Route) => boolean = () => true,
): readonly RouteShare[] {
  const owner = router.id;
  const zero = operators.literal(0, owner);
  const shares: RouteShare[] = [];
  let rest = source;
  for (const route of router.routes.filter(({ classes }) => classes.length > 0)) {
    if (!isTaken(route)) continue;
    let total = zero;
    let restTotal = rest.total;
    const columns = new Map<string, number>();
    for (const classId of route.classes) {
      const column = columns.has(classId) ? null : rest.classes.get(classId);
      if (column !== null) {
        total = operators.derive({ op: "add", a: total, b: column }, owner);
        restTotal = operators.derive({ op: "subtract", a: restTotal, b: column }, owner);
      }
      if (!columns.has(classId)) columns.set(classId, column ?? zero);
    }
    shares.push({ route, total, classes: new ClassColumns({ kind: "list", classIds: route.classes }, [...columns]) });
    rest = { total: restTotal, classes: rest.classes.without(route.classes) };
  }

  const weighted = router.routes.filter(({ classes }) => classes.length === 0);
  const weights = weighted.map(({ weight }) => weight ?? 1);
  const sum = weights.reduce((a, b) => a + b, 0);
  weighted.forEach((route, index) => {
    if (!isTaken(route)) return;
    const fraction = operators.literal(sum > 0 ? weights[index]! / sum : weights[index]! / weighted.length, owner);
    const part = (a: number): number => operators.derive({ op: "multiply", a, b: fraction }, owner);
    shares.push({ route, total: part(rest.total), classes: rest.classes.map(part) });
  });
  return shares;
}
