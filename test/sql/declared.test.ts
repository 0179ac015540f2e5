/** What views take from the streams that SQL declares. */
import { describe, expect, test } from 'vitest';
import { declare } from '../../src/sql/declared.js';
import { readSqlFiles } from '../../src/sql/sql-files.js';
import { planFile } from '../docs/views.js';

const SOURCES = `
CREATE SOURCE a (k text, at timestamptz, WATERMARK FOR at AS at - INTERVAL '5 seconds');
CREATE SOURCE b (k text, at timestamptz, WATERMARK FOR at AS at - INTERVAL '1 minute');
CREATE SOURCE c (k text, at timestamptz) WITH (event_time = 'at');
CREATE TABLE t (k text PRIMARY KEY, n bigint);
`;
const SECOND_MS = 1000;
const WEEK_MS = 7 * 86_400_000;

describe('a view waits as the watermarks of its streams say', () => {
  test.each([
    ['of one stream', 'SELECT k FROM a', 5 * SECOND_MS, 0],
    ['the longest of several', 'SELECT k FROM a UNION ALL SELECT k FROM b', 60 * SECOND_MS, 0],
    ['whatever tables it reads', 'SELECT a.k, n FROM a JOIN t ON a.k = t.k', 5 * SECOND_MS, 0],
    ['not where a stream has none', 'SELECT k FROM a UNION ALL SELECT k FROM c', 10 * SECOND_MS, WEEK_MS],
  ])('%s', async (_, select, lagMs, allowedLatenessMs) => {
    const [plan] = await planFile(`${SOURCES} CREATE MATERIALIZED VIEW v AS ${select}`);
    expect(plan).toMatchObject({ lagMs, allowedLatenessMs });
  });

  test('unless it says otherwise', async () => {
    const options = "WITH (watermark_lag = '1 second', allowed_lateness = '1 hour')";
    const [plan] = await planFile(`${SOURCES} CREATE MATERIALIZED VIEW v ${options} AS SELECT k FROM a`);
    expect(plan).toMatchObject({ lagMs: SECOND_MS, allowedLatenessMs: 3600 * SECOND_MS });
  });
});

describe('a table over a stream', () => {
  const table = (columns: string): Promise<unknown> =>
    planFile(`CREATE TABLE t (${columns}) WITH (stream = 'events');
      CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM t`);

  test('takes text, however it is stored', async () => {
    await expect(table('user_id text PRIMARY KEY, campaign_id text')).resolves.toHaveLength(1);
  });

  test('says what the stream has', async () => {
    await expect(table('user_id text PRIMARY KEY, cost text')).rejects.toThrow(
      'column "cost" of stream "events" is of type numeric, not text',
    );
    await expect(table('user_id text PRIMARY KEY, nope text')).rejects.toThrow('has no column "nope"');
  });
});

describe('the clock of a declared stream', () => {
  const clockOf = async (options: string): Promise<string | undefined> => {
    const { relations } = await readSqlFiles([
      { text: `CREATE SOURCE s (at timestamptz, WATERMARK FOR at AS at - INTERVAL '1 second')${options}` },
    ]);
    return declare(relations, new Map()).streams[0]?.clock;
  };

  test('is that of its events where it has a watermark, unless it says otherwise', async () => {
    expect(await clockOf('')).toBe('event');
    expect(await clockOf(" WITH (clock = 'arrival')")).toBe('arrival');
    await expect(clockOf(" WITH (clock = 'wall')")).rejects.toThrow("clock is 'arrival' or 'event', not 'wall'");
  });
});
