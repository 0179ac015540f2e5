/**
 * How a function is listed: which arguments it takes, what it gives, and how DuckDB is told.
 */
import type { Bound } from './tree.js';
import { convertsTo, numericOf, typeOf, type Type, type TypeName } from './types.js';

/** One way to call a function. */
export interface Signature {
  /** `any` takes every type; the last one repeats when `variadic`. */
  readonly args: readonly (TypeName | 'any')[];
  readonly variadic?: boolean;
  readonly result: TypeName | ((types: readonly Type[], args: readonly Bound[]) => Type);
  /** The call as DuckDB's text; arguments are converted already. */
  readonly print: (args: readonly string[], types: readonly Type[]) => string;
  /** Looks at the bound arguments: answers what is wrong with them, or null. */
  readonly check?: (args: readonly Bound[]) => string | null;
}

/** A function's name in DuckDB with the arguments in the same order. */
export function same(name: string): Signature['print'] {
  return (args) => `${name}(${args.join(', ')})`;
}

/** The signature that fits the argument types with the fewest conversions, or null. */
export function chooseSignature(signatures: readonly Signature[], types: readonly Type[]): Signature | null {
  let best: Signature | null = null;
  let bestCost = Infinity;
  for (const signature of signatures) {
    const cost = costOf(signature, types);
    if (cost < bestCost) {
      best = signature;
      bestCost = cost;
    }
  }
  return best;
}

function costOf(signature: Signature, types: readonly Type[]): number {
  const { args, variadic } = signature;
  if (variadic ? types.length < args.length : types.length !== args.length) return Infinity;
  let cost = 0;
  for (let i = 0; i < types.length; i++) {
    const wanted = args[Math.min(i, args.length - 1)]!;
    const given = types[i]!;
    if (wanted === 'any' || wanted === given.name) continue;
    if (!convertsTo(given, typeOf(wanted))) return Infinity;
    cost += given.name === 'unknown' ? (wanted === 'text' ? 1 : 2) : 10;
  }
  return cost;
}

/** The type that argument `index` must have, or null when any will do. */
export function wantedType(signature: Signature, index: number, given: Type): Type | null {
  const wanted = signature.args[Math.min(index, signature.args.length - 1)]!;
  if (wanted === 'any') return given.name === 'unknown' ? typeOf('text') : null;
  if (wanted === given.name) return null;
  return wanted === 'numeric' ? numericOf(0) : typeOf(wanted);
}

/** The result's type. */
export function resultType(signature: Signature, types: readonly Type[], args: readonly Bound[]): Type {
  return typeof signature.result === 'function' ? signature.result(types, args) : typeOf(signature.result);
}

/** The text of a constant argument, or null when it is computed. */
export function constantOf(bound: Bound | undefined): string | null {
  return bound?.kind === 'literal' && typeof bound.value === 'string' ? bound.value : null;
}
