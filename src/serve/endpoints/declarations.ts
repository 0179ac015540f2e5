/**
 * What the leading comments of an endpoint's file declare.
 *
 *   -- @description Campaigns with the most clicks
 *   -- @param since timestamptz = '2026-01-01'  First window
 *   -- @param campaigns text[] = null           Only these
 *   -- @param limit integer = 10
 *   -- @cache 10 s
 *
 * A parameter is its name, a type of the query language, a default (a constant, `null`, or texts in parentheses for
 * a list), and words about it. One without a default must be given. Everything else that begins with `@` is a mistake.
 */
import { DURATION_EXAMPLE, parseDuration } from '../../config/units.js';
import { sqlError } from '../../util/sql-text.js';
import { SCALE_MAX, type TypeName } from '../query/types.js';

/** A parameter, as it was declared. */
export interface ParameterDeclaration {
  readonly name: string;
  readonly type: TypeName;
  /** Of a `numeric`, digits after the point; null: as many as the value has. */
  readonly scale: number | null;
  /** Texts of the value (several for a list), null for NULL; undefined: it must be given. */
  readonly byDefault: readonly string[] | null | undefined;
  readonly description: string;
  /** Where its name and its default stand in the file. */
  readonly index: number;
  readonly defaultIndex: number;
}

/** All that a file declares. */
export interface Declarations {
  readonly description: string;
  readonly parameters: readonly ParameterDeclaration[];
  /** How old an answer may be, ms; 0: as new as its rows. */
  readonly cacheMs: number;
}

/** Most parameters of one endpoint. */
export const PARAMETERS_MAX = 32;
/** Oldest answer that can be asked for. */
const CACHE_MS_MAX = 24 * 3_600_000;
/** Names of the query string that every endpoint has already. */
const TAKEN = ['tenant', 'format'];

const TYPES: Readonly<Record<string, TypeName>> = {
  boolean: 'boolean',
  bool: 'boolean',
  integer: 'integer',
  int: 'integer',
  bigint: 'bigint',
  numeric: 'numeric',
  'double precision': 'double precision',
  text: 'text',
  'text[]': 'text[]',
  timestamptz: 'timestamptz',
  timestamp: 'timestamp',
  date: 'date',
  time: 'time',
  interval: 'interval',
  uuid: 'uuid',
  json: 'json',
};
const TYPE_NAMES = [...new Set(Object.values(TYPES))].join(', ');

/** The text of a file and its name, for errors. */
export interface EndpointSource {
  readonly text: string;
  readonly file: string;
}

/** Throws a mistake at a place of the file. */
export function mistake({ text, file }: EndpointSource, index: number, message: string, instead?: string): never {
  throw sqlError('CONFIG_INVALID', message, { text, file, index }, instead);
}

/** Reads the comments before the statement. Throws CONFIG_INVALID with file, line, column and a caret. */
export function readDeclarations(source: EndpointSource): Declarations {
  const descriptions: string[] = [];
  const parameters: ParameterDeclaration[] = [];
  let cacheMs = 0;
  let start = 0;
  for (const line of source.text.split('\n')) {
    if (!/^\s*(--|$)/.test(line)) break;
    const found = /^(\s*--\s*)@(\w*)([ \t]*)/.exec(line);
    if (found !== null) {
      const at = new Reader(source, start + found[0].length, start + line.trimEnd().length);
      const nameAt = start + found[1]!.length;
      switch (found[2]) {
        case 'description':
          descriptions.push(at.rest());
          break;
        case 'param':
          parameters.push(readParameter(at, parameters));
          break;
        case 'cache':
          cacheMs = readCache(at);
          break;
        default:
          mistake(source, nameAt, `@${found[2]} is not known`, 'there are @description, @param, @cache');
      }
    }
    start += line.length + 1;
  }
  return { description: descriptions.join(' '), parameters, cacheMs };
}

function readParameter(at: Reader, before: readonly ParameterDeclaration[]): ParameterDeclaration {
  const index = at.index;
  const name = at.take(/[^\s=]+/y) ?? '';
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name))
    at.fail('expected the name of a parameter: lower case letters, digits and _, such as since', index);
  if (TAKEN.includes(name)) at.fail(`"${name}" means something to every endpoint; expected another name`, index);
  if (before.some((one) => one.name === name)) at.fail(`parameter "${name}" is declared twice`, index);
  if (before.length >= PARAMETERS_MAX) at.fail(`expected at most ${PARAMETERS_MAX} parameters`, index);
  const { type, scale } = readType(at);
  let byDefault: ParameterDeclaration['byDefault'];
  let defaultIndex = index;
  if (at.take(/=/y) !== null) {
    defaultIndex = at.index;
    byDefault = readDefault(at, type);
  }
  return { name, type, scale, byDefault, description: at.rest(), index, defaultIndex };
}

function readType(at: Reader): Pick<ParameterDeclaration, 'type' | 'scale'> {
  const index = at.index;
  const written = (at.take(/double\s+precision|\w+(\[\])?/iy) ?? '').toLowerCase().replace(/\s+/, ' ');
  const type = Object.hasOwn(TYPES, written) ? TYPES[written]! : undefined;
  if (type === undefined) return at.fail(`type "${written}" can't be a parameter's`, index, `there are ${TYPE_NAMES}`);
  const digits = type === 'numeric' ? at.take(/\(\s*\d+\s*(,\s*\d+\s*)?\)/y) : null;
  if (digits === null) return { type, scale: null };
  const [precision = 0, scale = 0] = digits.slice(1, -1).split(',').map(Number);
  if (precision < 1 || precision > 38 || scale > Math.min(precision, SCALE_MAX))
    at.fail(`expected at most 38 digits, of which at most ${SCALE_MAX} after the point`, index);
  return { type, scale };
}

const QUOTED = /'(?:[^']|'')*'/y;

function readDefault(at: Reader, type: TypeName): readonly string[] | null {
  const index = at.index;
  const quoted = (): string | null => {
    const text = at.take(QUOTED);
    return text === null ? null : text.slice(1, -1).replaceAll("''", "'");
  };
  if (type === 'text[]' && at.take(/\(/y) !== null) {
    const items: string[] = [];
    do items.push(quoted() ?? at.fail("expected a text such as 'spring'", at.index));
    while (at.take(/,/y) !== null);
    if (at.take(/\)/y) === null) at.fail('expected , or ) after a text', at.index);
    return items;
  }
  const text = quoted();
  if (text !== null && type !== 'text[]') return [text];
  const bare = text === null ? at.take(/[^\s']+/y) : null;
  if (bare?.toLowerCase() === 'null') return null;
  if (type === 'text[]') at.fail("expected null or texts in parentheses, such as ('spring', 'summer')", index);
  if (bare === null || (type !== 'boolean' && !/^[-+.0-9]/.test(bare)))
    at.fail("expected a constant: a number, true, false, null, or a text in 'quotes'", index);
  return [bare!];
}

function readCache(at: Reader): number {
  const index = at.index;
  const ms = parseDuration(at.rest());
  if (ms === undefined || ms < 1 || ms > CACHE_MS_MAX)
    return at.fail(`expected how old an answer may be, at most a day: ${DURATION_EXAMPLE}`, index);
  return ms;
}

/** Reads one line, a piece at a time. */
class Reader {
  index: number;
  readonly #source: EndpointSource;
  readonly #end: number;

  constructor(source: EndpointSource, index: number, end: number) {
    this.#source = source;
    this.index = Math.min(index, end);
    this.#end = end;
  }

  /** The piece that comes next, if it has this form (a sticky expression); blanks after it are passed over. */
  take(form: RegExp): string | null {
    form.lastIndex = this.index;
    const found = form.exec(this.#source.text.slice(0, this.#end))?.[0] ?? null;
    if (found === null) return null;
    this.index += found.length;
    while (this.index < this.#end && /\s/.test(this.#source.text[this.index]!)) this.index += 1;
    return found;
  }

  /** The rest of the line. */
  rest(): string {
    return this.#source.text.slice(this.index, this.#end).trim();
  }

  fail(message: string, index: number, instead?: string): never {
    return mistake(this.#source, index, message, instead);
  }
}
