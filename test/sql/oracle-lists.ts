/** Lists of arguments, put together. */
import type { SqlType } from '../../src/sql/plan.js';
import { OPERANDS } from './oracle-operands.js';

/** Argument lists of a function for parameters of some types; undefined: any values of the types will do. */
export type ArgumentLists = Readonly<Record<string, (params: readonly SqlType[]) => string[][] | undefined>>;

/** A text as SQL writes it. */
export const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Texts as SQL writes them. */
export const quoted = (texts: readonly string[]): string[] => texts.map(quote);

/** Every list with an item of each. */
export function cross(lists: readonly (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>((all, list) => all.flatMap((head) => list.map((item) => [...head, item])), [[]]);
}

/** Some lists of any values of the types. */
export function ordinary(params: readonly SqlType[]): string[][] {
  if (params.length === 1) return OPERANDS[params[0]!].map((operand) => [operand]);
  const first = params.map((type, i) => OPERANDS[type][i % 2] ?? OPERANDS[type][0]!);
  const rest = cross(params.map((type) => OPERANDS[type])).filter((args) => args.join() !== first.join());
  return [first, ...rest.slice(0, 6)];
}
