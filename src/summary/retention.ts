/**
 * From which window on the rows of a view are kept, by tenant.
 *
 * A view's retention holds for every tenant that has none of its own. What follows from it at one moment
 * is a **cut**: windows that start before it are gone. A cut never goes back, because what is gone does
 * not come again when somebody asks for a longer retention.
 *
 * A window is kept for at least the retention after its end. Cuts lie on whole UTC days, so that a day of a
 * digest is there or not; those of a retention below two days on whole hours.
 */

/** How long rows are kept, ms. */
export interface Retention {
  /** Of tenants that have none of their own; null: for ever. */
  readonly allMs: number | null;
  /** By tenant. */
  readonly tenantMs: Readonly<Record<string, number>>;
}

/** Nothing is ever removed. */
export const KEEP_ALL: Retention = { allMs: null, tenantMs: {} };

/** What follows from a retention at one moment. */
export interface Cut {
  /** How far the rows had been taken in then, by partition: only later ones are turned away at the door. */
  readonly positions: readonly number[];
  /** Windows before this are gone, of tenants that are not named below; null: none. */
  readonly all: number | null;
  readonly tenants: Readonly<Record<string, number>>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The start of the earliest window that a cut leaves a tenant; -Infinity: it leaves all. */
export function keptFrom(cut: Cut, tenant: string): number {
  return Object.hasOwn(cut.tenants, tenant) ? cut.tenants[tenant]! : (cut.all ?? -Infinity);
}

/** The start of the earliest window that a cut leaves everybody: none from there on is gone for anyone. */
export function keptByAll(cut: Cut): number {
  return Object.values(cut.tenants).reduce((latest, from) => Math.max(latest, from), cut.all ?? -Infinity);
}

/** The cut after `before`; windows are `windowMs` long and may change for `lagMs` after their end. */
export function nextCut(
  before: Cut,
  { allMs, tenantMs }: Retention,
  { nowMs, windowMs, lagMs }: { readonly nowMs: number; readonly windowMs: number; readonly lagMs: number },
  positions: readonly number[],
): Cut {
  const cutOf = (ms: number): number => {
    const step = ms < 2 * DAY_MS ? HOUR_MS : DAY_MS;
    return Math.floor((nowMs - Math.max(ms, lagMs) - windowMs) / step) * step;
  };
  const common = allMs === null ? -Infinity : cutOf(allMs);
  const all = Math.max(before.all ?? -Infinity, common);
  const tenants: [string, number][] = [];
  for (const tenant of new Set([...Object.keys(before.tenants), ...Object.keys(tenantMs)])) {
    const wanted = Object.hasOwn(tenantMs, tenant) ? cutOf(tenantMs[tenant]!) : common;
    const from = Math.max(keptFrom(before, tenant), wanted);
    if (from !== all) tenants.push([tenant, from]);
  }
  return { positions, all: all === -Infinity ? null : all, tenants: Object.fromEntries(tenants) };
}

/** Whether two cuts leave everybody the same. */
export function sameCut(a: Cut, b: Cut): boolean {
  const names = Object.keys(a.tenants);
  return (
    a.all === b.all &&
    names.length === Object.keys(b.tenants).length &&
    names.every((tenant) => a.tenants[tenant] === b.tenants[tenant])
  );
}
