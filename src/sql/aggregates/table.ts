/** How an overload is found by its name and the types of its arguments. */
import type { SqlType } from '../plan.js';
import { resolveOverload } from '../types.js';
import type { BindingType, Resolution } from '../types.js';

/** What the table needs to know of an entry. */
export interface Entry {
  readonly name: string;
  /** Types of the arguments; `any` takes every type. */
  readonly params: readonly (SqlType | 'any')[];
  /** How many arguments may be left out, from the last. */
  readonly optional?: number;
}

/** An overload that a call means, and the type that each of its arguments is cast to. */
export interface Match<T> {
  readonly definition: T;
  readonly params: readonly SqlType[];
}

/** Entries by name, found by PostgreSQL's overload resolution. */
export class OverloadTable<T extends Entry> {
  readonly #byName = new Map<string, T[]>();

  constructor(entries: readonly T[]) {
    for (const entry of entries) {
      const overloads = this.#byName.get(entry.name);
      if (overloads === undefined) this.#byName.set(entry.name, [entry]);
      else overloads.push(entry);
    }
  }

  /** Whether any entry has this name. */
  isName(name: string): boolean {
    return this.#byName.has(name);
  }

  /** The overloads of a name, for messages. */
  overloads(name: string): readonly T[] {
    return this.#byName.get(name) ?? [];
  }

  /** The overload that a call with these argument types means; or why there is none. */
  resolve(name: string, args: readonly BindingType[]): Resolution<Match<T>> {
    const candidates = this.overloads(name).flatMap((definition) => {
      const fits =
        args.length <= definition.params.length && args.length >= definition.params.length - (definition.optional ?? 0);
      return fits ? [{ definition, params: concrete(definition.params, args) }] : [];
    });
    return resolveOverload(candidates, args, false);
  }

  /** As `resolve`, without the reason. */
  find(name: string, args: readonly BindingType[]): T | undefined {
    const found = this.resolve(name, args);
    return 'overload' in found ? found.overload.definition : undefined;
  }

  /** Every entry, in the order they were listed. */
  all(): readonly T[] {
    return [...this.#byName.values()].flat();
  }
}

/** `any` is the argument's own type; of a literal without one, text. */
function concrete(params: readonly (SqlType | 'any')[], args: readonly BindingType[]): SqlType[] {
  return args.map((arg, i) => {
    const param = params[i]!;
    if (param !== 'any') return param;
    return arg === 'unknown' ? 'text' : arg;
  });
}
