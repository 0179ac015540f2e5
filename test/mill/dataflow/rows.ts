/** Fields and expressions, in few words. */
import type { Expression, LiteralValue, SqlType } from '../../../src/sql/plan.js';
import type { Field } from '../../../src/sql/relation/relation.js';

/** Fields of these types, named a, b, c, …. */
export function fields(...types: SqlType[]): Field[] {
  return types.map((type, i) => ({ name: String.fromCodePoint(97 + i), type, nullable: true }));
}

/** A field as an expression. */
export function column(index: number, type: SqlType): Expression {
  return { kind: 'column', index, name: `c${index}`, type, nullable: true };
}

/** A constant. */
export function literal(value: LiteralValue, type: SqlType): Expression {
  return { kind: 'literal', value, type };
}

/** A call of a function or operator. */
export function call(name: string, type: SqlType, ...args: Expression[]): Expression {
  return { kind: 'call', name, args, type };
}
