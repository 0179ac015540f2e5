/**
 * Reads sqllogictest files: the dialect of sqllogictest-rs, which RisingWave and DataFusion use, and SQLite's own.
 *
 * A file is records with blank lines between; see `Record` for what there is. `include`, `loop` and `foreach` are
 * resolved here, so that a runner sees one list. DuckDB's additions are read where they mean something here.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { globSync } from '../../src/config/glob.js';
import { loopValues, substituteLoop } from './loops.js';

/** How result rows are put in order before they are compared. */
export type SortMode = 'nosort' | 'rowsort' | 'valuesort';

/** Where a record stands. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** What an error must look like: a regular expression, or its whole text, or anything. */
export type ExpectedError =
  | { readonly kind: 'any' }
  | { readonly kind: 'pattern'; readonly pattern: RegExp }
  | { readonly kind: 'text'; readonly text: string };

/** What a statement must do. `count`: rows that it inserts or changes. */
export type Expectation =
  | { readonly kind: 'ok' }
  /** It may fail, or not. */
  | { readonly kind: 'maybe' }
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'error'; readonly error: ExpectedError }
  | {
      readonly kind: 'rows';
      /** A letter a column: T, I, R, B, D or `?`. Empty where the file says none. */
      readonly types: string;
      readonly sort: SortMode | undefined;
      readonly label: string | undefined;
      readonly lines: readonly string[];
    };

/** `skipif label` and `onlyif label` before a record. */
export interface Condition {
  readonly kind: 'skipif' | 'onlyif';
  readonly label: string;
}

/** One thing to do. */
export type Record =
  | {
      readonly kind: 'sql';
      readonly place: Place;
      readonly sql: string;
      readonly expectation: Expectation;
      readonly conditions: readonly Condition[];
    }
  | { readonly kind: 'sleep'; readonly place: Place; readonly ms: number }
  | { readonly kind: 'halt'; readonly place: Place; readonly conditions: readonly Condition[] }
  | { readonly kind: 'sortMode'; readonly place: Place; readonly mode: SortMode }
  | { readonly kind: 'substitution'; readonly place: Place; readonly on: boolean }
  /** `let a, b` before a query: its one row is what `$a` and `$b` stand for. */
  | { readonly kind: 'let'; readonly place: Place; readonly names: readonly string[]; readonly sql: string }
  /** What follows is left out, until it is said otherwise. */
  | { readonly kind: 'skip'; readonly place: Place; readonly on: boolean }
  /** What this runner does not do: it counts as left out. */
  | { readonly kind: 'left'; readonly place: Place; readonly what: string }
  | { readonly kind: 'subtest'; readonly place: Place; readonly name: string };

/** A file that is not sqllogictest. */
export class RecordError extends Error {
  constructor(place: Place, message: string) {
    super(`${place.file}:${place.line}: ${message}`);
  }
}

/** The records of a file and what it includes. Throws RecordError. */
export function readRecords(file: string): Record[] {
  return parseRecords(readFileSync(file, 'utf8'), file);
}

const DEPTH_MAX = 20;

/** The records of a text. `include` is relative to `file`. Throws RecordError. */
export function parseRecords(text: string, file: string, depth = 0, firstLine = 1): Record[] {
  return new Reader(text, file, depth, firstLine).read();
}

/** DuckDB's `require`: what a session here has, or what says nothing of SQL. Of anything else the file is left out. */
const HERE: ReadonlySet<string> = new Set([
  'json',
  'icu',
  'core_functions',
  'vector_size',
  'skip_reload',
  'noforcestorage',
]);

/** Words that begin a record or a directive. */
const WORDS: ReadonlySet<string> = new Set(
  (
    'statement query skipif onlyif halt include sleep control subtest connection hash-threshold system let loop foreach ' +
    'concurrentloop concurrentforeach endloop require mode set load reconnect'
  ).split(' '),
);

class Reader {
  readonly #lines: readonly string[];
  readonly #file: string;
  readonly #depth: number;
  readonly #firstLine: number;
  readonly #records: Record[] = [];
  #at = 0;
  #conditions: Condition[] = [];

  constructor(text: string, file: string, depth: number, firstLine: number) {
    this.#lines = text.split(/\r?\n/);
    this.#file = file;
    this.#depth = depth;
    this.#firstLine = firstLine;
  }

  read(): Record[] {
    while (this.#at < this.#lines.length) {
      const line = this.#lines[this.#at]!;
      if (line.trim() === '' || line.startsWith('#')) this.#at++;
      else this.#record(line.trim());
    }
    return this.#records;
  }

  get #place(): Place {
    return { file: this.#file, line: this.#at + this.#firstLine };
  }

  #fail(message: string): never {
    throw new RecordError(this.#place, message);
  }

  #record(line: string): void {
    const [word = '', first = '', ...rest] = withoutRetry(line).split(/\s+/);
    const place = this.#place;
    const conditions = this.#conditions;
    switch (word) {
      case 'statement':
      case 'query': {
        this.#conditions = [];
        const expected = word === 'statement' ? this.#statement(line, first, rest) : this.#query(line, first, rest);
        this.#at++;
        const sql = this.#sql();
        this.#records.push({ kind: 'sql', place, sql, expectation: this.#results(expected), conditions });
        return;
      }
      case 'skipif':
      case 'onlyif':
        if (first === '') this.#fail(`${word} needs a label`);
        this.#conditions.push({ kind: word, label: first });
        break;
      case 'halt':
        this.#records.push({ kind: 'halt', place, conditions });
        this.#conditions = [];
        break;
      case 'let':
        this.#at++;
        this.#records.push({ kind: 'let', place, names: [first, ...rest].join(' ').split(/[\s,]+/), sql: this.#sql() });
        return;
      case 'include': {
        const paths = globSync(resolve(dirname(this.#file), first));
        if (paths.length === 0) this.#fail(`there is no file ${first}`);
        for (const path of paths) this.#include(path);
        break;
      }
      case 'sleep': {
        const text = [first, ...rest]
          .join('')
          .replace(/^(\d+)(milli|micro)?seconds?$/, (_, n, unit) => n + SECONDS[unit ?? '']!);
        this.#records.push({ kind: 'sleep', place, ms: durationMs(text) ?? this.#fail(`no duration: ${first}`) });
        break;
      }
      case 'control':
        this.#control(first, rest[0]);
        break;
      case 'subtest':
        this.#records.push({ kind: 'subtest', place, name: first });
        break;
      // Every connection is to the one pipeline, and a result says itself whether it is a hash.
      case 'connection':
      case 'hash-threshold':
        break;
      // A test runs no commands.
      case 'system':
        this.#records.push({ kind: 'left', place, what: 'system' });
        while ((this.#lines[this.#at] ?? '').trim() !== '') this.#at++;
        return;
      default:
        this.#directive(line, word, first, rest);
    }
    this.#at++;
  }

  /** DuckDB's own directives. */
  #directive(line: string, word: string, first: string, rest: readonly string[]): void {
    const place = this.#place;
    switch (word) {
      case 'loop':
      case 'concurrentloop':
      case 'foreach':
      case 'concurrentforeach':
        return this.#loop(first, loopValues(word, rest) ?? this.#fail(`no values: ${line}`));
      case 'require':
        if (!HERE.has(first) && !first.startsWith('no') && !first.startsWith('skip'))
          this.#records.push({ kind: 'skip', place, on: true });
        return;
      case 'mode':
        if (first === 'skip' || first === 'unskip') this.#records.push({ kind: 'skip', place, on: first === 'skip' });
        return;
      // One session is all there is, and nothing is drawn by chance.
      case 'reconnect':
      case 'load':
      case 'set':
        return;
      default:
        this.#fail(`"${word}" begins no record`);
    }
  }

  #loop(name: string, values: readonly string[]): void {
    const from = this.#at + 1;
    let open = 1;
    for (this.#at++; this.#at < this.#lines.length; this.#at++) {
      const [word] = this.#lines[this.#at]!.trim().split(/\s+/);
      if (/^(?:concurrent)?(?:loop|foreach)$/.test(word!)) open++;
      if (word === 'endloop' && --open === 0) break;
    }
    if (open > 0) this.#fail('a loop without endloop');
    const body = this.#lines.slice(from, this.#at).join('\n');
    for (const value of values)
      this.#records.push(
        ...parseRecords(substituteLoop(body, name, value), this.#file, this.#depth, from + this.#firstLine),
      );
  }

  #include(path: string): void {
    if (this.#depth >= DEPTH_MAX) this.#fail('include goes too deep');
    this.#records.push(...parseRecords(readFileSync(path, 'utf8'), path, this.#depth + 1));
  }

  #control(what: string, value: string | undefined): void {
    const place = this.#place;
    if (what === 'sortmode' && isSortMode(value)) this.#records.push({ kind: 'sortMode', place, mode: value });
    else if (what === 'substitution' && (value === 'on' || value === 'off'))
      this.#records.push({ kind: 'substitution', place, on: value === 'on' });
    // Both forms of a result are told apart by themselves.
    else if (what !== 'resultmode') this.#fail(`control ${what} ${value ?? ''} is not known`);
  }

  #statement(line: string, first: string, rest: readonly string[]): Expectation {
    if (first === 'ok') return { kind: 'ok' };
    if (first === 'maybe') return { kind: 'maybe' };
    if (first === 'error' || first === 'err') return { kind: 'error', error: this.#pattern(line) };
    const count = Number(rest[0]);
    if (first === 'count' && Number.isInteger(count)) return { kind: 'count', count };
    return this.#fail('statement is ok, error, maybe or count N');
  }

  #query(line: string, first: string, rest: readonly string[]): Expectation {
    if (first === 'error') return { kind: 'error', error: this.#pattern(line) };
    const types = isSortMode(first) ? '' : first;
    const words = types === '' && first !== '' ? [first, ...rest] : rest;
    const sort = words.find(isSortMode);
    const label = words.find((word) => !isSortMode(word));
    return { kind: 'rows', types, sort, label, lines: [] };
  }

  #pattern(line: string): ExpectedError {
    const [, flags, pattern] = /^\S+\s+err(?:or)?\s+(?:\(\?([ims]+)\))?(.+)$/.exec(line) ?? [];
    if (pattern === undefined) return { kind: 'any' };
    try {
      return { kind: 'pattern', pattern: new RegExp(pattern, flags) };
    } catch (error) {
      return this.#fail(`no regular expression: ${(error as Error).message}`);
    }
  }

  #sql(): string {
    const lines: string[] = [];
    for (; this.#at < this.#lines.length; this.#at++) {
      const line = this.#lines[this.#at]!;
      if (line.trim() === '' || line === '----') break;
      lines.push(line);
    }
    if (lines.length === 0) this.#fail('a record without SQL');
    return lines.join('\n');
  }

  /** What stands behind `----`. */
  #results(expected: Expectation): Expectation {
    if (this.#lines[this.#at] !== '----') return expected;
    this.#at++;
    if (expected.kind === 'error') {
      if (expected.error.kind === 'pattern') {
        if ((this.#lines[this.#at] ?? '').trim() === '') return expected;
        this.#fail('an error with a pattern has no text behind ----');
      }
      return { kind: 'error', error: { kind: 'text', text: this.#untilTwoBlanks() } };
    }
    if (expected.kind === 'maybe') {
      this.#untilTwoBlanks();
      return expected;
    }
    if (expected.kind !== 'rows') this.#fail('a statement has no result');
    const lines: string[] = [];
    for (; this.#at < this.#lines.length && this.#lines[this.#at]!.trim() !== ''; this.#at++)
      lines.push(this.#lines[this.#at]!);
    return { ...expected, lines };
  }

  /** The text of an error may hold blank lines; two of them end it, or one before the next record. */
  #untilTwoBlanks(): string {
    const lines: string[] = [];
    for (; this.#at < this.#lines.length; this.#at++) {
      const next = (this.#lines[this.#at + 1] ?? '').trim();
      const begins = next === '' || next.startsWith('#') || WORDS.has(next.split(/\s/)[0]!);
      if (this.#lines[this.#at]!.trim() === '' && begins) break;
      lines.push(this.#lines[this.#at]!);
    }
    return lines.join('\n').trim();
  }
}

/** `retry 3 backoff 5s` is for servers that answer later; here the answer is there at once. */
function withoutRetry(line: string): string {
  return line.replace(/\s+retry\s+\d+\s+backoff\s+\S+\s*$/, '');
}

function isSortMode(word: string | undefined): word is SortMode {
  return word === 'nosort' || word === 'rowsort' || word === 'valuesort';
}

/** DuckDB's `sleep 5 milliseconds`. */
const SECONDS: Readonly<{ [prefix: string]: string }> = { '': 's', milli: 'ms', micro: 'us' };

const UNITS: Readonly<{ [unit: string]: number }> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  sec: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
};

function durationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}
