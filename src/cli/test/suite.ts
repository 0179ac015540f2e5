/** Test files: what they hold, and what is wrong with one that can't be read. */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { mistakesOf } from '../../config/issues.js';
import { readConfigFile } from '../../config/read-file.js';
import { parseDuration, DURATION_EXAMPLE } from '../../config/units.js';
import { MillraceError } from '../../util/errors.js';

const name = z.string().min(1, 'expected a name');
const row = z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())], {
  error: 'expected a row: { column: value, … } or [value, …]',
});
const length = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: `expected ${DURATION_EXAMPLE}` });
  return z.NEVER;
});

const expected = z
  .strictObject({
    view: name.optional(),
    query: z.string().optional(),
    rows: z.array(row),
    ordered: z.boolean().default(false),
  })
  .refine(({ view, query }) => (view === undefined) !== (query === undefined), 'expected either view or query');

const lateRows = z.array(z.record(z.string(), z.unknown()));

const step = z
  .strictObject({
    events: name.optional(),
    rows: z.array(row).optional(),
    at: z.string().optional(),
    advance: length.optional(),
    clock: z.string().optional(),
    flush: z.literal(true).optional(),
    sql: z.string().optional(),
    expect: expected.optional(),
    late: lateRows.optional(),
  })
  .refine(
    (given) =>
      ['events', 'advance', 'clock', 'flush', 'sql', 'expect', 'late'].filter((key) => key in given).length === 1,
    'expected one of events, advance, clock, flush, sql, expect, late',
  )
  .refine(
    (given) => (given.events === undefined) === (given.rows === undefined),
    'expected rows beside events, and nowhere else',
  )
  .refine((given) => given.at === undefined || given.events !== undefined, 'expected at only beside events');

const suite = z.strictObject({
  config: z.string().optional(),
  views: z.array(z.union([z.string(), z.strictObject({ sql: z.string() })])).optional(),
  setup: z.string().optional(),
  clock: z.string().optional(),
  cases: z
    .array(
      z.strictObject({
        name,
        clock: z.string().optional(),
        steps: z.array(step).default([]),
        expect: z.array(expected).default([]),
        late: lateRows.optional(),
      }),
    )
    .min(1, 'expected at least one case'),
});

/** A test file's content. */
export type Suite = z.output<typeof suite>;
/** One case. */
export type SuiteCase = Suite['cases'][number];
/** One step of a case. */
export type SuiteStep = SuiteCase['steps'][number];
/** Rows that a view or query must have. */
export type ExpectedRows = SuiteStep extends { expect?: infer E } ? NonNullable<E> : never;

/** A test file, read. */
export interface SuiteFile {
  /** Absolute. */
  readonly file: string;
  /** Where relative paths start. */
  readonly folder: string;
  readonly suite: Suite;
}

/** Reads a test file. Throws CONFIG_NOT_FOUND, and CONFIG_INVALID with every mistake. */
export async function readSuite(path: string): Promise<SuiteFile> {
  const file = resolve(path);
  const input = await readConfigFile(file);
  const parsed = suite.safeParse(input);
  if (parsed.success) return { file, folder: dirname(file), suite: parsed.data };
  const mistakes = mistakesOf(parsed.error.issues, input, keysAt);
  const lines = mistakes.map((mistake) => `  ${mistake.path === '' ? 'the file' : mistake.path}: ${mistake.message}`);
  throw new MillraceError('CONFIG_INVALID', `${path}:\n${lines.join('\n')}`, { place: path });
}

/** The names that can stand at a place, for suggestions. */
function keysAt(path: readonly PropertyKey[]): readonly string[] {
  const words = path.filter((part) => typeof part === 'string');
  const last = words.at(-1);
  if (last === undefined) return Object.keys(suite.shape);
  if (last === 'cases') return ['name', 'clock', 'steps', 'expect', 'late'];
  if (last === 'steps') return ['events', 'rows', 'at', 'advance', 'clock', 'flush', 'sql', 'expect', 'late'];
  return last === 'expect' ? ['view', 'query', 'rows', 'ordered'] : [];
}
