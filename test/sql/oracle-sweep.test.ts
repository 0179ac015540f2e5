/** Regular expressions, letters and time zones against a real PostgreSQL, each by the thousand. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lowerText, upperText } from '../../src/sql/functions/text.js';
import { functionTable } from '../../src/sql/functions/index.js';
import type { EvaluateValues } from '../../src/sql/functions/registry.js';
import { timestampText } from '../../src/sql/calendar.js';
import type { SqlType } from '../../src/sql/plan.js';
import { zoneOf } from '../../src/sql/zones.js';
import { MillraceError } from '../../src/util/errors.js';
import { randomOf } from './oracle-rows.js';
import { startPostgres } from './postgres.js';
import type { TestPostgres } from './postgres.js';
import { rounds } from '../sim/rounds.js';

const SEED = Number(process.env['MILLRACE_SEED'] ?? 11);

let postgres: TestPostgres | undefined;
try {
  postgres = await startPostgres();
} catch (error) {
  console.warn(`oracle tests are skipped: ${String(error)}`);
}

function functionOf(name: string, ...params: SqlType[]): EvaluateValues {
  const entry = functionTable.overloads(name).find((each) => each.params.join() === params.join());
  return entry!.evaluate as EvaluateValues;
}

async function column(sql: string, values: unknown[]): Promise<(string | null)[]> {
  const { rows } = await postgres!.client.query({ text: sql, values, rowMode: 'array' });
  return (rows as (string | null)[][]).map(([value]) => value ?? null);
}

/** A random pattern over few letters: every way that longest and first match can come apart. */
function randomPattern(random: () => number, depth: number): string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const atom = (): string => {
    const roll = random();
    if (depth > 0 && roll < 0.3) return `(${roll < 0.1 ? '?:' : ''}${randomPattern(random, depth - 1)})`;
    return pick(['a', 'b', 'c', 'ab', '.', '[ab]', '[^a]', '[a-c]', '\\w', 'é', '[[:alpha:]]', 'B']);
  };
  const piece = (): string => atom() + pick(['', '', '', '*', '+', '?', '{2}', '{1,2}', '*?', '+?', '??']);
  const branch = (): string => Array.from({ length: 1 + Math.floor(random() * 3) }, piece).join('');
  return Array.from({ length: random() < 0.25 ? 2 : 1 }, branch).join('|');
}

// Skipped where PostgreSQL's binaries do not run; the reason is printed above.
describe.skipIf(postgres === undefined)(`oracle sweep, seed ${SEED}`, () => {
  beforeAll(async () => {
    await postgres!.client.query(`
      CREATE FUNCTION try_replace(s text, p text, r text, f text) RETURNS text LANGUAGE plpgsql AS
      $$ BEGIN RETURN 'V' || regexp_replace(s, p, r, f); EXCEPTION WHEN OTHERS THEN RETURN 'E' || SQLERRM; END $$;
      CREATE FUNCTION try_find(s text, p text) RETURNS text LANGUAGE plpgsql AS
      $$ BEGIN RETURN 'V' || substring(s from p); EXCEPTION WHEN OTHERS THEN RETURN 'E' || SQLERRM; END $$;
      CREATE FUNCTION try_match(s text, p text) RETURNS text LANGUAGE plpgsql AS
      $$ BEGIN RETURN 'V' || (s ~ p) || (s ~* p); EXCEPTION WHEN OTHERS THEN RETURN 'E' || SQLERRM; END $$`);
  });
  afterAll(() => postgres?.stop());

  test('regular expressions match, find and replace the same', async () => {
    const random = randomOf(SEED);
    const cases = Array.from({ length: rounds(2_000, 6_000) }, () => {
      const anchored = (pattern: string): string =>
        random() < 0.25 && !pattern.includes('|') ? `${random() < 0.5 ? '^' : ''}${pattern}$` : pattern;
      const text = Array.from({ length: Math.floor(random() * 9) }, () => 'aabbcABé '[Math.floor(random() * 9)]!).join(
        '',
      );
      return {
        pattern: anchored(randomPattern(random, 2)),
        text,
        replacement: random() < 0.5 ? '<\\&>' : '<\\1\\2>',
        flags: ['', 'g', 'gi'][Math.floor(random() * 3)]!,
      };
    });
    const attempt = (run: () => unknown): string | null | undefined => {
      try {
        const value = run();
        return value === null ? null : `V${String(value)}`;
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        // A pattern that binding would refuse is an error of its row, with the refusal as its cause.
        const cause = error.cause instanceof MillraceError ? error.cause : error;
        return cause.code === 'SQL_UNSUPPORTED' ? undefined : `E${error.message}`;
      }
    };
    const texts = cases.map((each) => each.text);
    const patterns = cases.map((each) => each.pattern);
    const theirs = {
      replaced: await column(
        'SELECT try_replace(s, p, r, f) FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS c(s, p, r, f, n) ORDER BY n',
        [texts, patterns, cases.map((each) => each.replacement), cases.map((each) => each.flags)],
      ),
      found: await column(
        'SELECT try_find(s, p) FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS c(s, p, n) ORDER BY n',
        [texts, patterns],
      ),
      matched: await column(
        'SELECT try_match(s, p) FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS c(s, p, n) ORDER BY n',
        [texts, patterns],
      ),
    };
    const replace = functionOf('regexp_replace', 'text', 'text', 'text', 'text');
    const find = functionOf('substring', 'text', 'text');
    const match = functionOf('~', 'text', 'text');
    const matchAnyCase = functionOf('~*', 'text', 'text');
    const taken = { replaced: 0, found: 0, matched: 0 };
    const wrong: string[] = [];
    for (const [i, { pattern, text, replacement, flags }] of cases.entries()) {
      const ours = {
        replaced: attempt(() => replace(text, pattern, replacement, flags)),
        found: attempt(() => find(text, pattern)),
        matched: attempt(() => `${String(match(text, pattern))}${String(matchAnyCase(text, pattern))}`),
      };
      for (const what of ['replaced', 'found', 'matched'] as const) {
        if (ours[what] === undefined) continue;
        taken[what]++;
        if (ours[what] !== theirs[what][i])
          wrong.push(
            `${what} '${text}' by '${pattern}' ${replacement} ${flags}: ours ${ours[what]}, PostgreSQL ${theirs[what][i]}`,
          );
      }
    }
    console.log(`of ${cases.length} patterns taken: ${JSON.stringify(taken)}`);
    expect(wrong).toEqual([]);
    // The others are refused; if nearly all were, the comparison would be empty.
    expect(taken.replaced).toBeGreaterThan(cases.length / 4);
    expect(taken.matched).toBeGreaterThan(cases.length / 2);
  });

  test('lower and upper of every code point', async () => {
    const { rows } = await postgres!.client.query<{ n: number; l: string; u: string }>(
      'SELECT n, lower(chr(n)) AS l, upper(chr(n)) AS u FROM generate_series(1, 131071) AS n WHERE n NOT BETWEEN 55296 AND 57343',
    );
    const wrong = rows.filter(
      ({ n, l, u }) => lowerText(String.fromCodePoint(n)) !== l || upperText(String.fromCodePoint(n)) !== u,
    );
    // Node may know letters of a newer Unicode version: the pair is compared where PostgreSQL has both.
    const pairs = wrong.map(
      ({ n }) => `${String.fromCodePoint(n)}${lowerText(String.fromCodePoint(n))}${upperText(String.fromCodePoint(n))}`,
    );
    const assigned = await column(
      'SELECT unicode_assigned(p)::text FROM unnest($1::text[]) WITH ORDINALITY AS c(p, n) ORDER BY n',
      [pairs],
    );
    const known = wrong.filter((_, i) => assigned[i] === 'true');
    console.log(
      `${rows.length} code points, ${wrong.length} differ, ${known.length} of them in PostgreSQL's Unicode version`,
    );
    expect(wrong.length).toBeLessThan(200);
    expect(known.map(({ n, l, u }) => `${n.toString(16)} ${l} ${u}`)).toEqual([]);
  });

  test('wall clocks of every zone', async () => {
    const random = randomOf(SEED + 1);
    const names = Intl.supportedValuesOf('timeZone').filter((name) => name.includes('/'));
    const known = new Set(await column('SELECT name FROM pg_timezone_names', []));
    const zones = names.filter((name) => known.has(name));
    expect(zones.length).toBeGreaterThan(380);
    // 1902 to 2025: later rules may differ between the two time zone databases.
    const cases = zones.flatMap((zone) =>
      Array.from({ length: rounds(12, 40) }, () => ({
        zone,
        at: Math.floor((random() * 123 - 68) * 365.25) * 86_400_000 + Math.floor(random() * 96) * 900_000,
      })),
    );
    const args = [cases.map((each) => each.zone), cases.map((each) => timestampText(each.at, '+00'))];
    const local = await column(
      'SELECT ((t AT TIME ZONE z)::timestamp)::text FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS c(z, t, n) ORDER BY n',
      args,
    );
    const instant = await column(
      'SELECT ((t::timestamp) AT TIME ZONE z)::text FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS c(z, t, n) ORDER BY n',
      args,
    );
    const wrong = new Map<string, string>();
    for (const [i, { zone, at }] of cases.entries()) {
      const ours = [timestampText(at + zoneOf(zone).offsetMs(at)), timestampText(zoneOf(zone).instantOf(at), '+00')];
      if (ours[0] !== local[i] || ours[1] !== instant[i])
        wrong.set(
          zone,
          `${zone} ${timestampText(at)}: ours ${ours.join(' and ')}, PostgreSQL ${local[i]} and ${instant[i]}`,
        );
    }
    console.log(`${cases.length} instants of ${zones.length} zones`);
    expect([...wrong.values()]).toEqual([]);
  });
});
