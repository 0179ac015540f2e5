/** Arrays as text, in and out. */
import type { ScalarType } from '../plan.js';
import { arrayOf, SCALAR_TYPES } from '../types.js';
import { evaluationError } from '../value.js';
import type { Item } from '../value.js';
import { eachItem } from './items.js';
import { define } from './registry.js';
import type { EvaluateValues, FunctionDefinition } from './registry.js';

/** An array as PostgreSQL prints it: `{a,"b c",NULL}`. */
export function arrayText(items: readonly (string | null)[]): string {
  const quoted = items.map((item) => {
    if (item === null) return 'NULL';
    const plain = item !== '' && !/[{}",\\ \t\n\r\v\f]/.test(item) && item.toUpperCase() !== 'NULL';
    return plain ? item : `"${item.replace(/["\\]/g, '\\$&')}"`;
  });
  return `{${quoted.join(',')}}`;
}

const ITEM =
  /[ \t\n\r\v\f]*(?:"((?:[^"\\]|\\[\s\S])*)"|((?:[^{}",\\ \t\n\r\v\f]|\\[\s\S])(?:(?:[^{}",\\]|\\[\s\S])*(?:[^{}",\\ \t\n\r\v\f]|\\[\s\S]))?))[ \t\n\r\v\f]*(,|$)/y;

/** The items of an array's text. Arrays of arrays, and bounds before the braces, are refused. */
export function parseArrayText(text: string): readonly (string | null)[] {
  const malformed = (): Error => evaluationError(`malformed array literal: "${text}"`);
  const body = /^[ \t\n\r\v\f]*\{([\s\S]*)\}[ \t\n\r\v\f]*$/.exec(text)?.[1];
  if (body === undefined) {
    if (/^\s*\[[^\]]*\]\s*=\s*\{/.test(text)) throw evaluationError('an array with bounds of its own is not supported');
    throw malformed();
  }
  const items: (string | null)[] = [];
  if (/^[ \t\n\r\v\f]*$/.test(body)) return items;
  if (/^[ \t\n\r\v\f]*\{/.test(body)) throw evaluationError('an array of arrays is not supported');
  ITEM.lastIndex = 0;
  for (let more = true; more;) {
    const match = ITEM.exec(body);
    if (match === null) throw malformed();
    const written = match[1] ?? match[2]!;
    const isNull = match[1] === undefined && written.toUpperCase() === 'NULL';
    items.push(isNull ? null : written.replace(/\\([\s\S])/g, '$1'));
    more = match[3] === ',';
  }
  return items;
}

/** The casts of every array type from text and to text. */
export function arrayCasts(scalars: readonly FunctionDefinition[]): FunctionDefinition[] {
  const find = (from: ScalarType, to: ScalarType): EvaluateValues => {
    if (from === to) return (value) => value!;
    return scalars.find((cast) => cast.params[0] === from && cast.result === to)!.evaluate as EvaluateValues;
  };
  return SCALAR_TYPES.flatMap((type) => {
    const read = eachItem(find('text', type));
    // An item prints as in a row, where a boolean is one letter.
    const print = eachItem(type === 'boolean' ? (item) => (item === true ? 't' : 'f') : find(type, 'text'));
    return [
      define('cast', ['text'], arrayOf(type), (text: string) => read(parseArrayText(text)), { fails: true }),
      define('cast', [arrayOf(type)], 'text', (items: readonly Item[]) =>
        arrayText(print(items) as readonly (string | null)[]),
      ),
    ];
  });
}
