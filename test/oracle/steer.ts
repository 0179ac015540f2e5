/** Where a case has a choice: rules that its run still lacks are chosen oftener. */
import type { Gen } from './expressions.js';
import { pick } from './schema.js';

/** How often a choice goes where a wanted rule is. */
const WANTED_SHARE = 0.7;

/** Whether a rule, or one whose name begins with it, is wanted. */
export function wants(gen: Gen, rule: string): boolean {
  for (const each of gen.wanted) if (each === rule || each.startsWith(`${rule} `)) return true;
  return false;
}

/** One of a list; rather one that leads to a wanted rule. */
export function prefer<T>(gen: Gen, list: readonly T[], rulesOf: (each: T) => readonly string[]): T {
  if (gen.wanted.size === 0) return pick(gen.random, list);
  const wanted = list.filter((each) => rulesOf(each).some((rule) => wants(gen, rule)));
  return pick(gen.random, wanted.length > 0 && gen.random.chance(WANTED_SHARE) ? wanted : list);
}
