/** Relations of which each row makes several. */
import { EXPANSIONS, hasReference, replaceReference } from './columns.js';
import type { Expansion } from './expansions.js';
import type { Expand, Field, Relation } from './relation.js';

/** Calls side by side over a relation. */
export function expandOf(
  input: Relation,
  calls: readonly Expansion[],
  extra: { readonly ordinality?: boolean; readonly outer?: boolean } = {},
): Expand {
  const made = calls.map(({ label, type }): Field => ({ name: label, type, nullable: true }));
  const { ordinality = false, outer = false } = extra;
  const count: Field = { name: 'ordinality', type: 'bigint', nullable: outer };
  return {
    kind: 'expand',
    fields: [...input.fields, ...made, ...(ordinality ? [count] : [])],
    input,
    calls: calls.map(({ name, args }) => ({ name, args })),
    ordinality,
    outer,
  };
}

/**
 * The calls of a SELECT list: those that read no other one side by side, then those that read these, and so on.
 * `positions`: the field of each.
 */
export function addExpansions(
  relation: Relation,
  expansions: readonly Expansion[],
): { readonly relation: Relation; readonly positions: readonly number[] } {
  const positions: number[] = [];
  let whole = relation;
  let left = [...expansions.entries()];
  while (left.length > 0) {
    const isReady = ([, { args }]: readonly [number, Expansion]): boolean =>
      args.every((arg) => !hasReference(placed(arg, positions), EXPANSIONS));
    const ready = left.filter(isReady);
    left = left.filter((each) => !isReady(each));
    const width = whole.fields.length;
    const calls = ready.map(([, call]) => ({ ...call, args: call.args.map((arg) => placed(arg, positions)) }));
    whole = expandOf(whole, calls);
    ready.forEach(([index], i) => void (positions[index] = width + i));
  }
  return { relation: whole, positions };
}

/** An argument with what it reads of calls that have a place. */
function placed(arg: Expansion['args'][number], positions: readonly number[]): Expansion['args'][number] {
  return replaceReference(arg, EXPANSIONS, (index) => positions[index] ?? EXPANSIONS + index);
}
