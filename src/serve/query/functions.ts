/**
 * The functions that a query can call. What is not in here does not exist.
 *
 * Aggregates and window functions are in `aggregates.ts`, those on time in `functions-time.ts`.
 */
import { castText } from './coerce.js';
import { once } from './literals.js';
import { remainder } from './numbers.js';
import { SKETCH_COUNT } from './sketch-functions.js';
import { constantOf, same, type Signature } from './signature.js';
import { TIME_FUNCTIONS } from './functions-time.js';
import { numericOf, type Type, type TypeName } from './types.js';

const text = (
  args: readonly (TypeName | 'any')[],
  print: Signature['print'],
  result: Signature['result'] = 'text',
): Signature => ({ args, print, result });

/** A length or position: `integer` in PostgreSQL, BIGINT in DuckDB. */
const asInteger =
  (print: Signature['print']): Signature['print'] =>
  (args, types) =>
    `CAST(${print(args, types)} AS INTEGER)`;

const first = (types: readonly Type[]): Type => types[0]!;

/** The same function for integer, bigint, numeric and double, giving the type it was given. */
function onNumbers(name: string): Signature[] {
  return (['integer', 'bigint', 'numeric', 'double precision'] as const).map((type) => ({
    args: [type],
    result: first,
    print: same(name),
  }));
}

function onDouble(name: string, args = 1): Signature[] {
  return [{ args: new Array<TypeName>(args).fill('double precision'), result: 'double precision', print: same(name) }];
}

/** `round` and `trunc` to a number of digits, which must be constant: it decides the type. */
function toDigits(name: string): Signature[] {
  const digits = (_types: readonly Type[], args: readonly { kind: string }[]) =>
    Math.max(0, Math.min(16, Number(constantOf(args[1] as never) ?? 0)));
  return [
    {
      args: ['double precision'],
      result: 'double precision',
      print: name === 'round' ? ([x]) => `round_even(${x}, 0)` : same(name),
    },
    { args: ['numeric'], result: numericOf0, print: same(name) },
    {
      args: ['numeric', 'integer'],
      result: (types, args) => numericOf(digits(types, args)),
      print: ([x, n]) => `${name}(${x}, ${n})`,
      check: (args) => (constantOf(args[1]) === null ? `the digits of ${name} must be a constant` : null),
    },
  ];
}

function numericOf0(): Type {
  return numericOf(0);
}

/** `substr(text, start, length)`: PostgreSQL counts from before the first character when start is below 1. */
function substring(args: readonly string[]): string {
  const [value, start, length] = args;
  if (length === undefined) return once([value!, start!], (v, s) => `substring(${v}, greatest(${s}, 1))`);
  return once(
    [value!, start!, length],
    (v, s, l) =>
      `CASE WHEN ${l} < 0 THEN error('negative substring length not allowed') ELSE substring(${v}, greatest(${s}, 1), greatest(${l} + least(${s} - 1, 0), 0)) END`,
  );
}

function trim(name: string): Signature[] {
  return [text(['text'], ([x]) => `${name}(${x}, ' ')`), text(['text', 'text'], same(name))];
}

function pad(name: string): Signature[] {
  return [
    text(['text', 'integer'], ([x, n]) => `${name}(${x}, greatest(${n}, 0), ' ')`),
    text(['text', 'integer', 'text'], ([x, n, fill]) => `${name}(${x}, greatest(${n}, 0), ${fill})`),
  ];
}

/** Flags of a regular expression: i (case), g (all); checked so that DuckDB's own never get in. */
function checkFlags(position: number): NonNullable<Signature['check']> {
  return (args) => {
    const flags = constantOf(args[position]);
    return flags !== null && /^[gi]*$/.test(flags)
      ? null
      : "the flags of a regular expression must be a constant of 'g' and 'i'";
  };
}

/** A value as `concat` writes it: by the type's output, where a boolean is t or f, and not by a cast. */
function outputText(value: string, type: Type): string {
  if (type.name === 'boolean') return `substr(CAST(${value} AS VARCHAR), 1, 1)`;
  return castText(value, type, 'text', 'VARCHAR');
}

const TEXT_FUNCTIONS: Record<string, readonly Signature[]> = {
  lower: [text(['text'], same('lower'))],
  upper: [text(['text'], same('upper'))],
  length: [
    text(['text'], asInteger(same('length')), 'integer'),
    text(['bytea'], asInteger(same('octet_length')), 'integer'),
  ],
  char_length: [text(['text'], asInteger(same('length')), 'integer')],
  character_length: [text(['text'], asInteger(same('length')), 'integer')],
  octet_length: [
    text(['text'], asInteger(same('strlen')), 'integer'),
    text(['bytea'], asInteger(same('octet_length')), 'integer'),
  ],
  sketch_count: [{ args: ['bytea'], result: 'bigint', print: same(SKETCH_COUNT) }],
  convert_from: [
    {
      ...text(['bytea', 'text'], ([bytes]) => `decode(${bytes})`),
      check: ([, encoding]) =>
        /^(utf-?8|unicode)$/i.test(constantOf(encoding) ?? '') ? null : "convert_from reads 'UTF8' only, as a constant",
    },
  ],
  substr: [text(['text', 'integer'], substring), text(['text', 'integer', 'integer'], substring)],
  substring: [
    text(['text', 'integer'], substring),
    text(['text', 'integer', 'integer'], substring),
    text(['text', 'text'], ([x, pattern]) => `nullif(regexp_extract(${x}, ${pattern}), '')`),
  ],
  position: [
    text(
      ['text', 'text'],
      asInteger(([x, part]) => `instr(${x}, ${part})`),
      'integer',
    ),
  ],
  strpos: [
    text(
      ['text', 'text'],
      asInteger(([x, part]) => `instr(${x}, ${part})`),
      'integer',
    ),
  ],
  replace: [text(['text', 'text', 'text'], same('replace'))],
  btrim: trim('trim'),
  ltrim: trim('ltrim'),
  rtrim: trim('rtrim'),
  lpad: pad('lpad'),
  rpad: pad('rpad'),
  left: [text(['text', 'integer'], same('left'))],
  right: [text(['text', 'integer'], same('right'))],
  repeat: [text(['text', 'integer'], ([x, n]) => `repeat(${x}, least(greatest(${n}, 0), 10000))`)],
  reverse: [text(['text'], same('reverse'))],
  split_part: [
    text(['text', 'text', 'integer'], (args) =>
      once(
        args,
        (x, part, n) =>
          `CASE WHEN ${n} = 0 THEN error('field position must not be zero') WHEN ${part} = '' THEN CASE WHEN ${n} IN (1, -1) THEN ${x} ELSE '' END ELSE split_part(${x}, ${part}, ${n}) END`,
      ),
    ),
  ],
  starts_with: [text(['text', 'text'], same('starts_with'), 'boolean')],
  concat: [
    {
      args: ['any'],
      variadic: true,
      result: 'text',
      print: (args, types) => `concat(${args.map((arg, index) => outputText(arg, types[index]!)).join(', ')})`,
    },
  ],
  concat_ws: [
    {
      args: ['text', 'any'],
      variadic: true,
      result: 'text',
      print: ([by, ...rest], types) =>
        `concat_ws(${by}, ${rest.map((arg, index) => outputText(arg, types[index + 1]!)).join(', ')})`,
    },
  ],
  regexp_replace: [
    text(['text', 'text', 'text'], same('regexp_replace')),
    { args: ['text', 'text', 'text', 'text'], result: 'text', print: same('regexp_replace'), check: checkFlags(3) },
  ],
  regexp_like: [
    text(['text', 'text'], same('regexp_matches'), 'boolean'),
    { args: ['text', 'text', 'text'], result: 'boolean', print: same('regexp_matches'), check: checkFlags(2) },
  ],
  ascii: [text(['text'], asInteger(same('ascii')), 'integer')],
  chr: [text(['integer'], same('chr'))],
  md5: [text(['text'], same('md5'))],
};

const NUMBER_FUNCTIONS: Record<string, readonly Signature[]> = {
  abs: onNumbers('abs'),
  ceil: [
    { args: ['numeric'], result: numericOf0, print: same('ceil') },
    { args: ['double precision'], result: 'double precision', print: same('ceil') },
  ],
  ceiling: [
    { args: ['numeric'], result: numericOf0, print: same('ceil') },
    { args: ['double precision'], result: 'double precision', print: same('ceil') },
  ],
  floor: [
    { args: ['numeric'], result: numericOf0, print: same('floor') },
    { args: ['double precision'], result: 'double precision', print: same('floor') },
  ],
  round: toDigits('round'),
  trunc: toDigits('trunc'),
  sign: [
    { args: ['numeric'], result: numericOf0, print: ([x]) => `CAST(sign(${x}) AS DECIMAL(38,0))` },
    { args: ['double precision'], result: 'double precision', print: ([x]) => `CAST(sign(${x}) AS DOUBLE)` },
  ],
  mod: [
    { args: ['integer', 'integer'], result: 'integer', print: ([a, b]) => remainder(a!, b!) },
    { args: ['bigint', 'bigint'], result: 'bigint', print: ([a, b]) => remainder(a!, b!) },
    {
      args: ['numeric', 'numeric'],
      result: ([a, b]) => numericOf(Math.max(a!.scale, b!.scale)),
      print: ([a, b]) => remainder(a!, b!),
    },
  ],
  sqrt: onDouble('sqrt'),
  exp: onDouble('exp'),
  ln: onDouble('ln'),
  log: onDouble('log10'),
  log10: onDouble('log10'),
  power: onDouble('pow', 2),
  pow: onDouble('pow', 2),
};

const OTHER_FUNCTIONS: Record<string, readonly Signature[]> = {
  cardinality: [{ args: ['text[]'], result: 'integer', print: asInteger(([list]) => `len(${list})`) }],
  array_length: [
    {
      args: ['text[]', 'integer'],
      result: 'integer',
      print: ([list]) => `CAST(nullif(len(${list}), 0) AS INTEGER)`,
      check: (args) => (constantOf(args[1]) === '1' ? null : 'arrays have one dimension here: array_length(list, 1)'),
    },
  ],
  array_to_string: [
    { args: ['text[]', 'text'], result: 'text', print: ([list, by]) => `array_to_string(${list}, ${by})` },
  ],
  string_to_array: [
    {
      args: ['text', 'text'],
      result: 'text[]',
      print: (args) =>
        once(args, (x, by) => `CASE WHEN ${x} = '' THEN CAST([] AS VARCHAR[]) ELSE string_split(${x}, ${by}) END`),
    },
  ],
  array_position: [
    {
      args: ['text[]', 'text'],
      result: 'integer',
      print: asInteger(([list, item]) => `nullif(list_position(${list}, ${item}), 0)`),
    },
  ],
};

/** Every scalar function by its name in PostgreSQL. */
export const FUNCTIONS: ReadonlyMap<string, readonly Signature[]> = new Map([
  ...Object.entries(TEXT_FUNCTIONS),
  ...Object.entries(NUMBER_FUNCTIONS),
  ...Object.entries(OTHER_FUNCTIONS),
  ...Object.entries(TIME_FUNCTIONS),
]);

/** Set-returning functions, for FROM: the column's type and the text. */
export const SET_FUNCTIONS: ReadonlyMap<string, readonly Signature[]> = new Map<string, readonly Signature[]>([
  [
    'generate_series',
    [
      {
        args: ['bigint', 'bigint'],
        result: 'bigint',
        print: ([from, to]) => `unnest(generate_series(${from}, ${to}))`,
      },
      {
        args: ['bigint', 'bigint', 'bigint'],
        result: 'bigint',
        print: ([from, to, step]) => `unnest(generate_series(${from}, ${to}, ${step}))`,
      },
      {
        args: ['timestamptz', 'timestamptz', 'interval'],
        result: 'timestamptz',
        print: ([from, to, step]) => `unnest(generate_series(${from}, ${to}, ${step}))`,
      },
    ],
  ],
  ['unnest', [{ args: ['text[]'], result: 'text', print: same('unnest') }]],
]);
