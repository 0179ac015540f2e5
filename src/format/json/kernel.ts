/**
 * One generated function a schema and shape of batch: rows to lines of JSON, row by row, straight
 * from the columns' arrays.
 *
 * What is known of a column when the function is made is written into it: its key as words to
 * store, how its values become text, whether it may be null. A shape is how each column came; only
 * what needs other code counts (a dictionary that was full, integers beyond 2^53, constants), so a
 * stream has few.
 *
 * Room: `REST` bytes are free at the start of a row and behind every value of variable length,
 * enough for all that has a fixed length in a row; values of variable length make room themselves.
 */
import type { ColumnDefinition, Schema } from '../../event/schema.js';
import type { ColumnShape } from '../shapes.js';
import * as numbers from './numbers.js';
import { ESCAPED_BYTES_MAX, putBytes, putJson, putText } from './text.js';
import type { LineTarget } from '../target.js';

/** Options, parsed. */
export interface LineOptions {
  readonly isoTimes: boolean;
  readonly keepNulls: boolean;
}

/** Writes `count` rows (the first, or those at `rows`) and where each starts; answers where they end. */
export type LineKernel = (
  bound: readonly BoundColumn[],
  rows: Uint32Array | null,
  count: number,
  target: LineTarget,
  offsets: Uint32Array,
) => number;

/** A column's arrays by the names that a kernel uses. */
export type BoundColumn = Readonly<Record<string, unknown>>;

/** Bytes that may be written behind a value. */
const SLACK = 16;

const put = { ...numbers, putBytes, putJson, putText };

/** The kernel for a schema whose columns came in `shapes`. */
export function lineKernel(schema: Schema, shapes: readonly ColumnShape[], options: LineOptions): LineKernel {
  const fields = schema.columns.map((column, index) => printField(column, index, shapes[index]!, options));
  const rest = fields.reduce((sum, field) => sum + field.bytes, SLACK);
  const text = [
    `'use strict';`,
    `const { ${Object.keys(put).join(', ')} } = put;`,
    `const REST = ${rest};`,
    'return (bound, rows, count, target, offsets) => {',
    ...fields.map(({ names }, index) => `const ${names.replaceAll(/\w+/g, `$&: $&${index}`)} = bound[${index}];`),
    'let at = 0, view = target.view, limit = view.byteLength - REST;',
    'for (let i = 0; i < count; i++) {',
    '  const row = rows === null ? i : rows[i];',
    printRoom('0'),
    '  offsets[i] = at;',
    '  view.setUint8(at++, 0x7b);',
    ...fields.map(({ code }) => code),
    // The last comma gives way to the end.
    '  if (at === offsets[i] + 1) at++;',
    '  view.setUint16(at - 1, 0x0a7d, true);',
    '  at++;',
    '}',
    'offsets[count] = at;',
    'return at;',
    '};',
  ].join('\n');
  // Of the schema only column names come in, and those as numbers.
  return (new Function('put', text) as (helpers: typeof put) => LineKernel)(put);
}

function printRoom(bytes: string): string {
  return `if (at + ${bytes} > limit) { target.grow(at, ${bytes} + REST); view = target.view; limit = view.byteLength - REST; }`;
}

interface Field {
  /** A destructuring pattern of what is bound. */
  readonly names: string;
  readonly code: string;
  /** Bytes that do not depend on the value. */
  readonly bytes: number;
}

function printField(column: ColumnDefinition, index: number, shape: ColumnShape, options: LineOptions): Field {
  const key = `${JSON.stringify(column.name)}:`;
  const value = printValue(column, key, shape, options);
  const absent = options.keepNulls ? printText(`${key}null,`) : '';
  const code = `if ((nulls[row >> 3] & (1 << (row & 7))) === 0) {\n${value.code}\n} else {\n${absent}\n}`;
  const names = `{ nulls, ${value.names} }`;
  const bound = new Set(names.match(/\w+/g));
  return {
    names,
    code: code.replaceAll(/[A-Za-z]\w*/g, (word) => (bound.has(word) ? `${word}${index}` : word)),
    bytes: key.length + value.bytes + SLACK,
  };
}

/** Source that stores an ASCII text, eight bytes at a time, and moves behind it. */
function printText(text: string): string {
  const bytes = new DataView(new ArrayBuffer(text.length + 8));
  for (let i = 0; i < text.length; i++) bytes.setUint8(i, text.charCodeAt(i));
  const stores: string[] = [];
  for (let i = 0; i < text.length; i += 8)
    stores.push(
      text.length - i > 4
        ? `view.setFloat64(at + ${i}, ${bytes.getFloat64(i, true)}, true);`
        : `view.setInt32(at + ${i}, ${bytes.getInt32(i, true)}, true);`,
    );
  return `${stores.join(' ')} at += ${text.length};`;
}

function printValue(column: ColumnDefinition, key: string, shape: ColumnShape, options: LineOptions): Field {
  switch (shape) {
    case 'u':
      return {
        names: 'data',
        code: `${printText(`${key}"`)} at = putUuid(view, at, data, row * 16); ${printText('",')}`,
        bytes: 40,
      };
    case 'k':
      return { names: 'source, length', code: 'at = putBytes(view, at, source, 0, length);', bytes: 40 };
    case 'i':
    case 'w':
      return printInteger(column, key, shape === 'w', options);
    case 'f':
      return {
        names: 'values',
        code: `${printText(key)} at = putDouble(view, at, values[row]); ${printText(',')}`,
        bytes: numbers.DOUBLE_BYTES_MAX,
      };
    case 'o':
      return {
        names: 'values',
        code: `if (values[row] === 1) { ${printText(`${key}true,`)} } else { ${printText(`${key}false,`)} }`,
        bytes: 8,
      };
    case 'b':
      return printBytes(column, key);
    case 'd':
      return {
        names: 'codes, source, ends',
        code: `const code = codes[row]; const from = ends[code]; const to = ends[code + 1];
          ${printRoom('(to - from)')}
          ${printText(`${key}"`)} at = putBytes(view, at, source, from, to);`,
        bytes: 8,
      };
    case 'l':
    case 'L':
      return printList(key, shape);
  }
}

/** The text of an integer, decimal or time column's value, and of what stands around it. */
export function integerForm(type: ColumnDefinition['type'], options: LineOptions): { put: string; quote: string } {
  if (type === 'decimal') return { put: 'Decimal', quote: '"' };
  return { put: type === 'timestamp' && options.isoTimes ? 'Time' : 'Integer', quote: '' };
}

function printInteger(column: ColumnDefinition, key: string, wide: boolean, options: LineOptions): Field {
  const { put, quote } = integerForm(column.type, options);
  const value = wide ? `at = putWide${put}(view, at, column, row);` : `at = put${put}(view, at, base + deltas[row]);`;
  return {
    names: wide ? 'column' : 'base, deltas',
    code: `${printText(key + quote)} ${value} ${printText(`${quote},`)}`,
    bytes: numbers.TIME_BYTES_MAX,
  };
}

function printBytes(column: ColumnDefinition, key: string): Field {
  const quote = column.type === 'json' ? '' : '"';
  const value = {
    json: 'at = putJson(view, at, source, from, to);',
    bytes: 'at = putBase64(view, at, data, from, to);',
  }[column.type as string];
  return {
    names: 'offsets, source, data'.replace(column.type === 'bytes' ? 'source, ' : ', data', ''),
    code: `const from = offsets[row]; const to = offsets[row + 1];
      ${printRoom(`(to - from) * ${ESCAPED_BYTES_MAX}`)}
      ${printText(key + quote)} ${value ?? 'at = putText(view, at, source, from, to);'} ${printText(`${quote},`)}`,
    bytes: 8,
  };
}

/** An entry brings its closing quote and comma; the last comma becomes the bracket. */
function printList(key: string, shape: 'l' | 'L'): Field {
  const item =
    shape === 'l'
      ? 'const code = codes[item]; const from = ends[code]; const to = ends[code + 1];'
      : 'const from = ends[item]; const to = ends[item + 1];';
  const value =
    shape === 'l'
      ? 'at = putBytes(view, at, source, from, to);'
      : `at = putText(view, at, source, from, to); ${printText('",')}`;
  return {
    names: shape === 'l' ? 'offsets, codes, source, ends' : 'offsets, source, ends',
    code: `${printText(`${key}[`)}
      const last = offsets[row + 1];
      for (let item = offsets[row]; item < last; item++) {
        ${item}
        ${printRoom(`(to - from) * ${shape === 'l' ? 1 : ESCAPED_BYTES_MAX} + 4`)}
        view.setUint8(at++, 0x22); ${value}
      }
      if (offsets[row] < last) at--;
      ${printText('],')}`,
    bytes: 8,
  };
}
