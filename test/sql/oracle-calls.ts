/** SQL calls of every overload in the function table, over columns and telling constants. */
import { functionTable } from '../../src/sql/functions/index.js';
import type { FunctionDefinition } from '../../src/sql/functions/registry.js';
import { ARRAY_ARGUMENTS } from './oracle-arguments-array.js';
import { JSON_ARGUMENTS } from './oracle-arguments-json.js';
import { NUMBER_ARGUMENTS } from './oracle-arguments-number.js';
import { TEXT_ARGUMENTS } from './oracle-arguments-text.js';
import { TIME_ARGUMENTS } from './oracle-arguments-time.js';
import { ordinary } from './oracle-lists.js';
import type { ArgumentLists } from './oracle-lists.js';

/** Argument lists of functions whose arguments are not any value of their type. */
const SPECIAL: ArgumentLists = {
  ...ARRAY_ARGUMENTS,
  ...JSON_ARGUMENTS,
  ...NUMBER_ARGUMENTS,
  ...TEXT_ARGUMENTS,
  ...TIME_ARGUMENTS,
};

/** The SQL spelling of a call. */
function spell(entry: FunctionDefinition, args: readonly string[]): string {
  const [a, b] = args;
  if (entry.name === 'cast') return `(${a})::${entry.result}`;
  if (/^(timestamp|timestamptz|time|interval)$/.test(entry.name)) return `(${a})::${entry.name}(${b})`;
  if (entry.name === 'numeric') return `(${a})::numeric(${b}, ${args[2]})`;
  if (entry.name === 'like_escape') return `${a} LIKE ${b} ESCAPE ${args[2]}`;
  if (entry.name === 'extract') return `extract(${a} from ${b})`;
  if (entry.name === 'timezone') return `(${b} AT TIME ZONE ${a})`;
  if (entry.name === 'position') return `position(${a} in ${b})`;
  if (entry.name === 'overlaps') return `(${a}, ${b}) OVERLAPS (${args[2]}, ${args[3]})`;
  if (entry.name === 'overlay')
    return `overlay(${a} placing ${b} from ${args[2]}${args.length > 3 ? ` for ${args[3]}` : ''})`;
  if (entry.name === 'is_normalized') return `${a} IS ${b ?? ''} NORMALIZED`;
  if (entry.name === 'similar_to_escape')
    return args.length > 2 ? `${a} SIMILAR TO ${b} ESCAPE ${args[2]}` : `${a} SIMILAR TO ${b}`;
  if (entry.name === 'subscript') return `(${a})[${b}]`;
  if (entry.name === 'slice') return `(${a})[${b}:${args[2]}]`;
  if (/^(not )?i?like$/.test(entry.name)) return `${a} ${entry.name} ${b}`;
  if (/^[a-z_][a-z0-9_]*$/.test(entry.name)) return `${entry.name}(${args.join(', ')})`;
  return args.length === 1 ? `${entry.name} ${a}` : `${a} ${entry.name} ${b}`;
}

/** Arrays of these are tried in full; what is the same for every type of items, with a few calls for the others. */
const ARRAYS: ReadonlySet<string> = new Set(['text[]', 'numeric[]', 'bigint[]']);
const FEW = 2;

/** Whether an overload is one of many that differ in the type of items alone. */
export function isRepeated(entry: FunctionDefinition): boolean {
  return [...entry.params, entry.result].some((type) => type.endsWith('[]') && !ARRAYS.has(type));
}

/** Every call to try, with the overload it is meant to hit. */
export function oracleCalls(): { sql: string; entry: FunctionDefinition }[] {
  return functionTable.all().flatMap((entry) => {
    const special = SPECIAL[entry.name];
    const isOrdinary = special === undefined || (entry.params[0] === 'bytea' && entry.params.length === 1);
    const lists = (isOrdinary ? undefined : special(entry.params)) ?? ordinary(entry.params);
    return lists.slice(0, isRepeated(entry) ? FEW : undefined).map((args) => ({ sql: spell(entry, args), entry }));
  });
}
