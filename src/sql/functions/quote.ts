/** Texts quoted for SQL, and `format`. */
import { checkLength } from '../limits.js';
import { evaluationError } from '../value.js';
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';
import { textLength } from './text.js';

/** PostgreSQL 18's keywords that an identifier must be quoted for: `pg_get_keywords()` without the unreserved ones. */
const KEYWORDS: ReadonlySet<string> = new Set(
  (
    'all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean ' +
    'both case cast char character check coalesce collate collation column concurrently constraint ' +
    'create cross current_catalog current_date current_role current_schema current_time ' +
    'current_timestamp current_user dec decimal default deferrable desc distinct do else end except ' +
    'exists extract false fetch float for foreign freeze from full grant greatest group grouping having ' +
    'ilike in initially inner inout int integer intersect interval into is isnull join json json_array ' +
    'json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize ' +
    'json_table json_value lateral leading least left like limit localtime localtimestamp merge_action ' +
    'national natural nchar none normalize not notnull null nullif numeric offset on only or order out ' +
    'outer overlaps overlay placing position precision primary real references returning right row ' +
    'select session_user setof similar smallint some substring symmetric system_user table tablesample ' +
    'then time timestamp to trailing treat trim true union unique user using values varchar variadic ' +
    'verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces ' +
    'xmlparse xmlpi xmlroot xmlserialize xmltable'
  ).split(' '),
);

function quoteLiteral(text: string): string {
  const body = text.replaceAll("'", "''").replaceAll('\\', '\\\\');
  return `${text.includes('\\') ? 'E' : ''}'${body}'`;
}

function quoteIdentifier(text: string): string {
  if (/^[a-z_][a-z0-9_]*$/.test(text) && !KEYWORDS.has(text)) return text;
  return `"${text.replaceAll('"', '""')}"`;
}

/** `%[position$][-][width]type`, or what is wrong at a percent sign. */
const SPECIFIER = /%(?:%|(?:(\d+)\$)?(-*)(?:(\d+)|\*(?:(\d+)\$)?)?([\s\S])?)/gu;

/** Takes the arguments of one `format` in turn. */
class Arguments {
  readonly #values: readonly (string | null)[];
  #next = 0;

  constructor(values: readonly (string | null)[]) {
    this.#values = values;
  }

  /** The argument at a position, or the next one. */
  take(position: string | undefined): string | null {
    if (position !== undefined) {
      this.#next = Number(position);
      if (this.#next === 0) throw evaluationError('format specifies argument 0, but arguments are numbered from 1');
    } else this.#next++;
    if (this.#next > this.#values.length) throw evaluationError('too few arguments for format()');
    return this.#values[this.#next - 1]!;
  }
}

function converted(value: string | null, type: string): string {
  if (type === 'L') return value === null ? 'NULL' : quoteLiteral(value);
  if (type === 'I') {
    if (value === null) throw evaluationError('null values cannot be formatted as an SQL identifier');
    return quoteIdentifier(value);
  }
  return value ?? '';
}

const INTEGER = /^\s*[+-]?\d{1,10}\s*$/;

function widthOf(text: string | null): number {
  if (text === null) return 0;
  if (!INTEGER.test(text)) throw evaluationError(`invalid input syntax for type integer: "${text}"`);
  return Number(text);
}

function formatText(pattern: string | null, ...values: (string | null)[]): string | null {
  if (pattern === null) return null;
  const args = new Arguments(values);
  return pattern.replace(
    SPECIFIER,
    (
      written: string,
      position: string | undefined,
      minus: string,
      fixed: string | undefined,
      star: string | undefined,
      type: string | undefined,
    ) => {
      if (written === '%%') return '%';
      if (type === undefined) throw evaluationError('unterminated format() type specifier');
      const width = fixed === undefined ? (written.includes('*') ? widthOf(args.take(star)) : 0) : Number(fixed);
      if (!'sIL'.includes(type)) throw evaluationError(`unrecognized format() type specifier "${type}"`);
      const text = converted(args.take(position), type);
      const missing = checkLength(Math.abs(width)) - textLength(text);
      if (missing <= 0) return text;
      return minus !== '' || width < 0 ? text + ' '.repeat(missing) : ' '.repeat(missing) + text;
    },
  );
}

const countNulls = (...values: (string | null)[]): number => values.filter((value) => value === null).length;

/** Quoting, `format`, and counts of NULLs. */
export const quoteFunctions: readonly FunctionDefinition[] = [
  define('quote_literal', ['text'], 'text', quoteLiteral),
  define('quote_nullable', ['text'], 'text', (text: string | null) => (text === null ? 'NULL' : quoteLiteral(text)), {
    nulls: true,
  }),
  define('quote_ident', ['text'], 'text', quoteIdentifier),
  define('format', [], 'text', formatText, { variadic: 1, nulls: true, fails: true }),
  define('num_nulls', [], 'integer', countNulls, { variadic: 1, nulls: true }),
  define('num_nonnulls', [], 'integer', (...values: (string | null)[]) => values.length - countNulls(...values), {
    variadic: 1,
    nulls: true,
  }),
];
