/**
 * The one list of scalar functions and operators, and how an entry is found.
 *
 * A family is a file that exports its entries; nothing registers itself. An entry is one overload:
 * exact parameter types, a result type, and PostgreSQL's meaning as a JavaScript function.
 */
import { MillraceError } from '../../util/errors.js';
import type { Expression, SqlType } from '../plan.js';
import { isArray, itemOf } from '../types.js';
import type { Value } from '../value.js';
import { arrayCast, quantify } from './items.js';

/** Evaluates one call on the values of its parameter types. None is NULL unless the entry says `nulls`. */
export type Evaluate = (...args: never[]) => Value;

/** The same, called with whatever a bound call's arguments are: binding made their types fit. */
export type EvaluateValues = (...args: Value[]) => Value;

/** One overload. */
export interface FunctionDefinition {
  readonly name: string;
  readonly params: readonly SqlType[];
  readonly result: SqlType;
  readonly evaluate: Evaluate;
  /** True when NULL arguments reach `evaluate`; otherwise any NULL makes the result NULL. */
  readonly nulls?: boolean;
  /** Arguments of any type and number are taken, at least this many; they come as `concat` prints them, or as `converts` makes them. */
  readonly variadic?: number;
  /** The function that each argument of a variadic function goes through first. */
  readonly converts?: 'to_json' | 'to_jsonb';
  /** Names of the parameters, and the value of those that a call leaves out: `make_interval(days => 3)`. */
  readonly parameters?: { readonly names: readonly string[]; readonly default: number };
  /** True when a row's values can make it an error (division by zero, bad text for a cast). */
  readonly fails?: boolean;
  /**
   * A faster evaluation for the constant arguments at hand (`undefined` where not constant). Throws
   * what binding should refuse: a pattern or a zone that cannot work.
   */
  readonly prepare?: (constants: readonly (Value | undefined)[]) => Evaluate | undefined;
  /** The JavaScript of a call on non-null operands, for kernels. */
  readonly inline?: (args: readonly string[]) => string;
}

/** Parts of an entry that are not always there. */
export type FunctionExtra = Pick<
  FunctionDefinition,
  'nulls' | 'variadic' | 'converts' | 'parameters' | 'fails' | 'prepare' | 'inline'
>;

/**
 * A function whose patterns may come from rows: what binding would refuse (SQL_UNSUPPORTED, SQL_TYPE) is there an
 * error of the row, SQL_RUNTIME.
 */
export function atRunTime(evaluate: Evaluate): Evaluate {
  return (...args) => {
    try {
      return evaluate(...args);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code === 'SQL_RUNTIME') throw error;
      throw new MillraceError('SQL_RUNTIME', error.message, { cause: error });
    }
  };
}

/** One entry. */
export function define(
  name: string,
  params: readonly SqlType[],
  result: SqlType,
  evaluate: Evaluate,
  extra: FunctionExtra = {},
): FunctionDefinition {
  return { name, params, result, evaluate, ...extra };
}

/** Functions and operators by name, casts by their two types. */
export class FunctionTable {
  readonly #byName = new Map<string, FunctionDefinition[]>();
  readonly #casts = new Map<string, FunctionDefinition>();
  readonly #byQuantifier = new Map<string, readonly FunctionDefinition[]>();

  constructor(entries: readonly FunctionDefinition[], casts: readonly FunctionDefinition[]) {
    for (const entry of entries) {
      const list = this.#byName.get(entry.name);
      if (list === undefined) this.#byName.set(entry.name, [entry]);
      else list.push(entry);
    }
    for (const cast of casts) this.#casts.set(castKey(cast.params[0]!, cast.result), cast);
  }

  /** The overloads of a name. */
  overloads(name: string): readonly FunctionDefinition[] {
    return this.#byName.get(name) ?? [];
  }

  /** The cast between two types, if there is one. One from array to array is made of their items' cast. */
  castOf(from: SqlType, to: SqlType): FunctionDefinition | undefined {
    const known = this.#casts.get(castKey(from, to));
    if (known !== undefined || !isArray(from) || !isArray(to)) return known;
    const item = this.castOf(itemOf(from), itemOf(to));
    if (item === undefined) return undefined;
    const cast = arrayCast(item);
    this.#casts.set(castKey(from, to), cast);
    return cast;
  }

  /** The entry that a bound call means. */
  definitionOf(call: Extract<Expression, { kind: 'call' }>): FunctionDefinition {
    const found =
      call.name === 'cast'
        ? this.castOf(call.args[0]!.type, call.type)
        : this.#named(call).find(
            (entry) =>
              entry.variadic !== undefined ||
              (entry.params.length === call.args.length &&
                entry.params.every((type, i) => type === call.args[i]!.type)),
          );
    if (found === undefined)
      throw new Error(`no function ${call.name}(${call.args.map((arg) => arg.type).join(', ')})`);
    return found;
  }

  /** The overloads of a call's name; one of `op ANY` and `op ALL` is made of the operator's. */
  #named(call: Extract<Expression, { kind: 'call' }>): readonly FunctionDefinition[] {
    const quantified = /^(.+) (ANY|ALL)$/.exec(call.name);
    if (quantified === null) return this.overloads(call.name);
    const known = this.#byQuantifier.get(call.name);
    if (known !== undefined) return known;
    const made = this.overloads(quantified[1]!)
      .filter(({ params }) => params.length === 2 && !isArray(params[1]!))
      .map((operator) => quantify(operator, quantified[2] as 'ANY' | 'ALL'));
    this.#byQuantifier.set(call.name, made);
    return made;
  }

  /** Every entry, casts included, in the order they were listed. */
  all(): FunctionDefinition[] {
    return [...[...this.#byName.values()].flat(), ...this.#casts.values()];
  }
}

function castKey(from: SqlType, to: SqlType): string {
  return `${from} -> ${to}`;
}
