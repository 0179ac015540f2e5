import { beforeAll, describe, expect, it } from 'vitest';
import { MillraceError } from '../../../src/util/errors.js';
import { loadParser } from '../../../src/util/sql-text.js';
import { planEndpoint, type Endpoint } from '../../../src/serve/endpoints/plan.js';
import { catalogOf } from '../../../src/serve/query/catalog.js';
import { EVENTS, INTERNAL, viewDescription } from '../query/fixture.js';

const catalog = catalogOf(
  [
    { name: 'events', schema: EVENTS },
    { name: 'internal', schema: INTERNAL },
  ],
  [viewDescription('traffic'), viewDescription('totals', true)],
);

const plan = (text: string): Promise<Endpoint> => planEndpoint({ name: 'top', file: 'e/top.sql', text }, catalog);

async function mistakeOf(text: string): Promise<{ code: string; place: string | undefined; message: string }> {
  const error = await plan(text).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof MillraceError)) throw new Error(`no mistake was found in ${text}: ${String(error)}`);
  return { code: error.code, place: error.place, message: error.message };
}

beforeAll(loadParser);

describe('an endpoint', () => {
  it('is its declarations, its columns and what it reads', async () => {
    const endpoint = await plan(`-- The best campaigns.
-- @description Campaigns with the
-- @description most impressions
-- @param since timestamptz = '2026-01-01'  First window
-- @param least numeric(12, 2) = 1.50
-- @param name text = 'it''s'
-- @param only text[] = ('a', 'b')  Only these
-- @param note text = null
-- @param n integer
-- @cache 10 s

SELECT campaign, sum(cost) AS cost FROM traffic
WHERE window_start >= :since AND cost > :least AND campaign <> :name AND campaign = ANY (:only)
  AND (:note IS NULL OR campaign = :note)
GROUP BY campaign LIMIT :n`);
    expect(endpoint.description).toBe('Campaigns with the most impressions');
    expect(endpoint.cacheMs).toBe(10_000);
    expect(endpoint.relations).toEqual(['traffic']);
    expect(endpoint.operatorsOnly).toBe(false);
    expect(endpoint.columns).toEqual([
      { name: 'campaign', type: 'text' },
      { name: 'cost', type: 'numeric' },
    ]);
    expect(
      endpoint.parameters.map(({ name, type, scale, byDefault, description }) => [
        name,
        type,
        scale,
        byDefault,
        description,
      ]),
    ).toEqual([
      ['since', 'timestamptz', null, ['2026-01-01'], 'First window'],
      ['least', 'numeric', 2, ['1.50'], ''],
      ['name', 'text', null, ["it's"], ''],
      ['only', 'text[]', null, ['a', 'b'], 'Only these'],
      ['note', 'text', null, null, ''],
      ['n', 'integer', null, undefined, ''],
    ]);
  });

  it('keeps positions, and leaves casts, texts, names and comments alone', async () => {
    const text = `-- @param é_is_text text = 'x'
SELECT 1`;
    expect((await mistakeOf(text)).message).toContain('expected the name of a parameter');
    const { statement } = await plan(`-- @param kind text = 'click'
SELECT ':kind' AS a, kind::text AS ":kind", $q$:kind$q$ AS b /* :kind */, :kind::text AS c -- :kind
FROM events WHERE kind=:kind`);
    expect(statement).toBe(`-- @param kind text = 'click'
SELECT ':kind' AS a, kind::text AS ":kind", $q$:kind$q$ AS b /* :kind */, $1   ::text AS c -- :kind
FROM events WHERE kind=$1   `);
  });

  it('of rows of all tenants is for operators', async () => {
    expect((await plan('SELECT impressions FROM totals')).operatorsOnly).toBe(true);
    expect((await plan('SELECT secret FROM internal')).operatorsOnly).toBe(true);
  });

  it('may have ten parameters and more', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `p${index}`);
    const declared = names.map((name) => `-- @param ${name} integer = 1`).join('\n');
    const { statement } = await plan(`${declared}\nSELECT ${names.map((name) => `:${name}`).join(' + ')} AS sum`);
    expect(statement).toContain('$1  + $2  + ');
    expect(statement).toContain('$10 + $11  + $12  AS');
  });
});

describe('a mistake in an endpoint is found with its place', () => {
  const head = "-- @param kind text = 'click'\n";
  const cases: readonly (readonly [what: string, text: string, code: string, place: string, says: string])[] = [
    ['undeclared', `${head}SELECT :kind, :knd`, 'CONFIG_INVALID', '2:15', 'parameter ":knd" is not declared'],
    ['unused', `${head}SELECT 1`, 'CONFIG_INVALID', '1:11', 'parameter "kind" is not used'],
    ['declared twice', `${head}${head}SELECT :kind`, 'CONFIG_INVALID', '2:11', 'declared twice'],
    ['a taken name', '-- @param format text\nSELECT :format', 'CONFIG_INVALID', '1:11', 'means something'],
    ['no type', '-- @param kind\nSELECT :kind', 'CONFIG_INVALID', '1:15', "can't be a parameter's"],
    ['a wrong type', '-- @param kind color\nSELECT :kind', 'CONFIG_INVALID', '1:16', 'type "color"'],
    ['too many digits', '-- @param n numeric(40)\nSELECT :n', 'CONFIG_INVALID', '1:13', '38 digits'],
    ['a wrong default', "-- @param n integer = 'x'\nSELECT :n", 'SQL_TYPE', '1:23', 'invalid input syntax'],
    ['a bare default', '-- @param kind text = click\nSELECT :kind', 'CONFIG_INVALID', '1:23', 'expected a constant'],
    ['an open list', "-- @param a text[] = ('x'\nSELECT :a", 'CONFIG_INVALID', '1:26', 'expected , or )'],
    ['an unknown word', '-- @parm kind text\nSELECT 1', 'CONFIG_INVALID', '1:4', '@parm is not known'],
    ['a wrong age', '-- @cache soon\nSELECT 1', 'CONFIG_INVALID', '1:11', 'how old an answer may be'],
    ['two statements', 'SELECT 1; SELECT 2', 'SQL_UNSUPPORTED', '1:1', 'expected one statement'],
    ['no SELECT', 'DELETE FROM events', 'SQL_UNSUPPORTED', '1:1', 'only SELECT'],
    ['nothing', '-- @description x\n', 'SQL_SYNTAX', '1:1', 'found nothing'],
    ['an unknown relation', 'SELECT 1\nFROM evnts', 'SQL_UNKNOWN_RELATION', '2:6', '"evnts" does not exist'],
    ['an unknown column', `${head}SELECT knd FROM events WHERE kind = :kind`, 'SQL_UNKNOWN_COLUMN', '2:8', '"knd"'],
    ['a type that does not fit', `${head}SELECT 1 FROM events WHERE event_time > :kind`, 'SQL_TYPE', '2:39', '> text'],
    ['bad grammar', `${head}SELECT FROM WHERE :kind`, 'SQL_SYNTAX', '2:13', 'syntax error'],
    ['a number', 'SELECT $1', 'SQL_UNSUPPORTED', '1:8', 'a parameter ($1)'],
  ];
  it.each(cases)('%s', async (_, text, code, place, says) => {
    const found = await mistakeOf(text);
    expect(found).toMatchObject({ code, place: `e/top.sql:${place}` });
    expect(found.message).toContain(says);
    expect(found.message).toContain('\nLINE ');
    expect(found.message).not.toContain('$1 ');
  });
});
