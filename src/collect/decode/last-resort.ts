/**
 * The last resort: one event by `JSON.parse`. It takes what the scanner refused but is right (an
 * exponent, a repeated key in a JSON value, deep nesting) and says what is wrong with the rest.
 *
 * It is the only judge of errors, so a mistake reads the same whichever path met it.
 */
import type { ColumnDefinition, Schema } from '../../event/schema.js';
import type { ErrorCode } from '../../util/errors.js';
import { exactInteger } from './exact.js';
import { findProblem } from './json-syntax.js';
import { membersOf, objectText, type Member } from './json-text.js';
import * as map from './memory-map.js';
import type { DecoderMemory } from './memory.js';

/** What is wrong with an event. */
export interface Verdict {
  readonly code: ErrorCode;
  readonly message: string;
  readonly path: string;
  /** Whether the bytes are no JSON at all. */
  readonly broken?: boolean;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

const EXPECTED: Record<ColumnDefinition['type'], string> = {
  uuid: 'a uuid of 36 characters, in a string',
  string: 'a string',
  dictionary: 'a string',
  list: 'a list of strings',
  bytes: 'base64, in a string',
  int64: 'a 64-bit integer, as a number or a decimal string',
  double: 'a number that a double can hold',
  decimal: 'a number below 10^12 with at most 6 digits behind the point, as a number or a decimal string',
  timestamp: 'whole ms since 1970, or an ISO 8601 time with a zone in a string',
  boolean: 'true or false',
  json: 'any JSON value',
};

/** Puts single events into the decoder's memory, at row ROW. */
export class LastResort {
  readonly #schema: Schema;
  readonly #memory: DecoderMemory;
  readonly #fill: ReadonlySet<number>;
  readonly #byName = new Map<string, number>();
  readonly #props: number;

  constructor(schema: Schema, memory: DecoderMemory, fill: ReadonlySet<number>) {
    this.#schema = schema;
    this.#memory = memory;
    this.#fill = fill;
    schema.columns.forEach((column, index) => this.#byName.set(column.name, index));
    this.#props = schema.columns.findIndex((column) => column.name === 'props' && column.type === 'json');
  }

  /** Reads the event in `bytes`; null when its columns are in the memory now. */
  put(bytes: Uint8Array): Verdict | null {
    const text = textOf(bytes);
    if (typeof text !== 'string') return text;
    const members = parse(text);
    if (!(members instanceof Map)) return members;
    const unknown = this.#takeUnknown(members);
    if ('code' in unknown) return unknown;
    this.#memory.scanner.beginRow();
    for (const [name, { value }] of members) {
      const index = this.#byName.get(name)!;
      if (value === 'null') continue;
      const verdict = this.#putValue(index, value);
      if (verdict !== null) return verdict;
      this.#memory.scanner.mark(this.#memory.column(index));
    }
    return this.#missing(members);
  }

  /** Moves unknown fields into `props`, or refuses them. */
  #takeUnknown(members: Map<string, Member>): Verdict | { readonly none: true } {
    const unknown = [...members].filter(([name]) => !this.#byName.has(name));
    if (unknown.length === 0) return { none: true };
    const [first] = unknown[0]!;
    const names = this.#schema.columns.map((column) => column.name).join(', ');
    if (this.#props < 0)
      return {
        code: 'EVENT_FIELD_UNKNOWN',
        message: `unknown field '${shortened(first)}'; expected any of ${names}`,
        path: first,
      };
    const props = members.get('props')?.value ?? 'null';
    if (props !== 'null' && !props.startsWith('{'))
      return {
        code: 'EVENT_TYPE',
        message: `'props' must be an object to take the unknown field '${shortened(first)}', found ${shortened(props)}`,
        path: 'props',
      };
    const merged = props === 'null' ? new Map<string, Member>() : membersOf(props);
    for (const [name, member] of unknown) {
      merged.delete(name);
      merged.set(name, member);
      members.delete(name);
    }
    members.set('props', { key: '"props"', value: objectText(merged.values()) });
    return { none: true };
  }

  #missing(members: ReadonlyMap<string, Member>): Verdict | null {
    const index = this.#schema.columns.findIndex(
      (column, i) =>
        !column.nullable &&
        i !== this.#schema.roles.receivedAt &&
        !this.#fill.has(i) &&
        (members.get(column.name)?.value ?? 'null') === 'null',
    );
    if (index < 0) return null;
    const { name, type } = this.#schema.columns[index]!;
    return { code: 'EVENT_FIELD_MISSING', message: `'${name}' is missing; expected ${EXPECTED[type]}`, path: name };
  }

  #putValue(index: number, value: string): Verdict | null {
    const { type, name } = this.#schema.columns[index]!;
    if (index === this.#schema.roles.receivedAt) return null;
    if (type === 'list') return this.#putList(index, value);
    if (type === 'json') {
      const { at, length } = this.#write(value);
      this.#memory.scanner.putWord(this.#memory.column(index), at, length);
      return null;
    }
    const wrong: Verdict = {
      code: 'EVENT_TYPE',
      message: `'${name}': expected ${EXPECTED[type]}, found ${shortened(value)}`,
      path: name,
    };
    if (value.startsWith('"')) return this.#putString(index, JSON.parse(value) as string) ? null : wrong;
    if (value === 'true' || value === 'false')
      return type === 'boolean' && this.#putWord(index, value === 'true' ? 1n : 0n) ? null : wrong;
    if (value.startsWith('[') || value.startsWith('{')) return wrong;
    return this.#putNumber(index, value) ? null : wrong;
  }

  #putString(index: number, text: string): boolean {
    const { type } = this.#schema.columns[index]!;
    if (type === 'int64' || type === 'decimal') return this.#putExact(index, text, type);
    const { at, length } = this.#write(text);
    return this.#memory.scanner.putString(this.#memory.column(index), this.#memory.get(map.ROW), at, length) !== 0;
  }

  #putNumber(index: number, text: string): boolean {
    const { type } = this.#schema.columns[index]!;
    if (type === 'int64' || type === 'decimal' || type === 'timestamp') return this.#putExact(index, text, type);
    const value = Number(text);
    return (
      type === 'double' &&
      Number.isFinite(value) &&
      this.#putWord(index, new BigUint64Array(Float64Array.of(value).buffer)[0]!)
    );
  }

  #putExact(index: number, text: string, type: 'int64' | 'decimal' | 'timestamp'): boolean {
    const value = exactInteger(text, type === 'decimal' ? 6 : 0);
    if (typeof value !== 'bigint') return false;
    const size = value < 0n ? -value : value;
    if (
      type === 'decimal'
        ? size >= 10n ** 18n
        : type === 'timestamp'
          ? size > 8_640_000_000_000_000n
          : BigInt.asIntN(64, value) !== value
    )
      return false;
    return this.#putWord(index, value);
  }

  #putList(index: number, value: string): Verdict | null {
    const { name } = this.#schema.columns[index]!;
    const wrong = (path: string, found: string): Verdict => ({
      code: 'EVENT_TYPE',
      message: `'${path}': expected ${path === name ? EXPECTED.list : 'a string'}, found ${shortened(found)}`,
      path,
    });
    if (!value.startsWith('[')) return wrong(name, value);
    const items = JSON.parse(value) as unknown[];
    const first = this.#memory.get(map.POOL);
    const column = this.#memory.column(index);
    for (const [i, item] of items.entries()) {
      if (typeof item !== 'string') return wrong(`${name}[${i}]`, JSON.stringify(item));
      const { at, length } = this.#write(item);
      this.#memory.scanner.putItem(first + i, at, length);
    }
    this.#memory.set(map.POOL, first + items.length);
    this.#memory.scanner.putWord(column, first, items.length);
    return null;
  }

  #putWord(index: number, value: bigint): boolean {
    this.#memory.scanner.putWord(
      this.#memory.column(index),
      Number(value & 0xffffffffn),
      Number((value >> 32n) & 0xffffffffn),
    );
    return true;
  }

  /** Writes text behind what the scratch region holds, with a zero byte after it, at which scans stop. */
  #write(text: string): { at: number; length: number } {
    const at = this.#memory.get(map.SCRATCH);
    const { written } = encoder.encodeInto(text, this.#memory.bytes.subarray(at, this.#memory.get(map.POOL_AT) - 1));
    this.#memory.bytes[at + written] = 0;
    this.#memory.set(map.SCRATCH, at + written + 1);
    return { at, length: written };
  }
}

function textOf(bytes: Uint8Array): string | Verdict {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { code: 'EVENT_MALFORMED', message: 'not UTF-8; expected JSON in UTF-8', path: '', broken: true };
  }
}

function parse(text: string): Map<string, Member> | Verdict {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { code: 'EVENT_MALFORMED', message: syntaxMessage(text), path: '', broken: true };
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return membersOf(text);
  return { code: 'EVENT_MALFORMED', message: `expected an object, found ${shortened(text)}`, path: '' };
}

/** Positions count in bytes, as people look for them in a file. */
function syntaxMessage(text: string): string {
  const { position, expected, found } = findProblem(text);
  return `not JSON at byte ${Buffer.byteLength(text.slice(0, position))} of the event: expected ${expected}, found ${found}`;
}

/** At most 60 characters of `text`. */
function shortened(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
