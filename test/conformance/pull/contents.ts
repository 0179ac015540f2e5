/** What is in the table: definitions that change, checks and repairs, unusual values and names. */
import { describe, expect, test } from 'vitest';
import type { FeedColumn, FeedValue } from '../../../src/event/feed.js';
import { verify } from '../../../src/pull/verify.js';
import { minuteKey, traffic, type FeedColumns } from '../../pull/model-feed.js';
import { expectedRows, many, type Bench } from './bench.js';

/** Tests of migrating. */
export function migrating(bench: () => Bench): void {
  const other: FeedColumns = {
    key: [
      { name: 'window_start', type: 'timestamptz' },
      { name: 'window_end', type: 'timestamptz' },
      { name: 'campaign', type: 'text' },
      { name: 'country', type: 'text' },
    ],
    values: [{ name: 'clicks', type: 'bigint', additive: true }],
  };
  const row = (minute: number, clicks: number) => ({
    key: { ...minuteKey(minute, 'x'), country: 'de' },
    values: { clicks },
  });

  describe('another definition of the view', () => {
    test('brings new columns; those that are gone stay and become null; the swap is one', async () => {
      const it = bench();
      const { feed, worker, rows } = it;
      feed.change('acme', ...many(5));
      const puller = worker({ limit: 2 });
      await puller.catchUp();
      feed.redefine('2.2222222222222222', other);
      feed.change('acme', row(1, 7), row(2, 8), row(3, 9));
      for (;;) {
        const { isCurrent } = await puller.turn(0);
        if (isCurrent) break;
        expect(await rows()).toHaveLength(5);
      }
      expect(
        (await rows()).map(({ campaign, country, clicks, cost }) => ({ campaign, country, clicks, cost })),
      ).toEqual([7, 8, 9].map((clicks) => ({ campaign: 'x', country: 'de', clicks: String(clicks), cost: null })));
    });

    test('is moved to when it is ready; until then a worker goes on with the old one, also after a restart', async () => {
      const { feed, worker, rows } = bench();
      feed.change('acme', ...many(5));
      await worker().catchUp();
      feed.supersede('2.3333333333333333', other);
      const old = feed.replaced!;
      old.change('acme', traffic(0, 'c0', 70), { ...traffic(1, 'c1', 0), isDelete: true });
      feed.change('acme', row(1, 7));
      const listings: string[] = [];
      const puller = worker({ limit: 1, onListing: (why) => listings.push(why) });
      await puller.catchUp();
      expect(await rows()).toEqual(expectedRows(old, 'acme'));
      expect(listings).toEqual([]);
      feed.change('acme', row(2, 8));
      feed.isReady = true;
      old.change('acme', traffic(2, 'c2', 9));
      await puller.turn(0);
      expect(await rows()).toMatchObject(expectedRows(old, 'acme'));
      // A restart in the middle of the snapshot goes on with it.
      await puller.turn(0);
      await worker({ limit: 1, onListing: (why) => listings.push(why) }).catchUp();
      expect(listings).toEqual(['the view has another definition']);
      expect((await rows()).map(({ campaign, clicks, cost }) => ({ campaign, clicks, cost }))).toEqual(
        [7, 8].map((clicks) => ({ campaign: 'x', clicks: String(clicks), cost: null })),
      );
    });

    test('with a column of another type is refused: the message names it and says what to do', async () => {
      const { feed, worker, rows } = bench();
      feed.change('acme', ...many(2));
      const puller = worker();
      await puller.catchUp();
      const [clicks, cost] = feed.columns.values as [FeedColumn, FeedColumn];
      feed.redefine('2.4444444444444444', { key: feed.columns.key, values: [{ ...clicks, type: 'text' }, cost] });
      await expect(puller.catchUp()).rejects.toMatchObject({
        code: 'PULL_TABLE_CHANGED',
        message: expect.stringMatching(/"clicks".*, and the view's is text; .*--table/s),
      });
      expect(await rows()).toHaveLength(2);
    });
  });
}

/** Tests of verifying. */
export function verifying(bench: () => Bench): void {
  describe('verify', () => {
    test('finds what was changed by hand, says the day and the measure, and repairs it', async () => {
      const { feed, worker, client, under, agree } = bench();
      feed.limit = 2;
      const day = 24 * 60;
      feed.change('acme', ...many(5), ...many(5, 1, day), ...many(3, 1, 2 * day));
      const puller = worker();
      expect(await verify({ client: client(), puller, repairs: false })).toMatchObject({
        days: 3,
        rows: 13,
        differences: [],
      });
      await under.tamper(feed.view, 'c1', 1000);
      await under.tamper(feed.view, `c${day}`, null);
      const dry = await verify({ client: client(), puller, repairs: false });
      expect(dry.differences.map((one) => `${one.day} ${one.measure}`)).toEqual([
        '2026-01-31 clicks',
        '2026-02-01 rows',
        '2026-02-01 hash',
        '2026-02-01 clicks',
        '2026-02-01 cost',
      ]);
      expect(dry.differences[0]).toEqual({ day: '2026-01-31', measure: 'clicks', server: '15', own: '1013' });
      const repaired = await verify({ client: client(), puller, repairs: true });
      expect(repaired).toMatchObject({ differences: [], repaired: ['2026-01-31', '2026-02-01'], moving: [] });
      await agree();
      // It goes on from where it was.
      feed.change('acme', traffic(0, 'c0', 9));
      await puller.catchUp();
      await agree();
    });

    test('takes with a repair what changed elsewhere meanwhile', async () => {
      const { feed, worker, client, under, agree } = bench();
      feed.limit = 2;
      feed.change('acme', ...many(6), ...many(4, 1, 1440));
      const puller = worker();
      await puller.catchUp();
      await under.tamper(feed.view, 'c2', null);
      feed.intercept = ({ url }) => {
        if (url!.includes('/replay')) {
          feed.intercept = null;
          feed.change('acme', traffic(1440, 'c1440', 70), { ...traffic(3, 'c3', 0), isDelete: true });
        }
        return false;
      };
      expect((await verify({ client: client(), puller, repairs: true })).differences).toEqual([]);
      await agree();
    });
  });
}

/** Tests of values. */
export function values(bench: () => Bench): void {
  test('unusual values come as they are', async () => {
    const { feed, worker, rows, client } = bench();
    const names = ['i', 'n', 'exact', 'f', 'o', 'u', 'j', 't', 'ts', 'd', 'b'] as const;
    const types = [
      'bigint',
      'numeric',
      'numeric',
      'double precision',
      'boolean',
      'uuid',
      'json',
      'text',
      'timestamp',
      'date',
      'bytea',
    ] as const;
    const columns = names.map((name, n): FeedColumn => ({
      name,
      type: types[n]!,
      ...(name === 'exact' ? { scale: 18 } : {}),
    }));
    feed.columns = { key: feed.columns.key, values: columns };
    const digits = '12345678901234567890.123456789012345678';
    const uuid = '018f2d3a-0000-7000-8000-0123456789ab';
    const all: readonly (readonly FeedValue[])[] = [
      [
        '9223372036854775807',
        '0.000000000000000000000000000001',
        digits,
        'NaN',
        true,
        uuid,
        { b: [1, 'é', null], a: '"\\' },
        '\t\n\r\\N\\',
        '2026-01-31T12:00:00.123Z',
        '2026-01-31',
      ],
      [
        '-9223372036854775808',
        '-99999999999999999999999999999999999999999',
        '-0.000000000000000001',
        'Infinity',
        false,
        null,
        [],
        'NULL',
        '1970-01-01T00:00:00.000Z',
        '0001-01-01',
      ],
      [0, '0', '0.000000000000000000', '-Infinity', null, null, 'text', '', null, null],
      [9007199254740991, '1000', '1.000000000000000000', 0.1, null, null, 5, '😀 ü ﷽ {"a",b}', null, null],
      [null, null, null, 5e-324, null, null, false, '{}', null, null],
      [null, null, null, null, null, null, null, null, null, null],
    ];
    const bytes = ['AP+A', '', null, null, null, null];
    const campaigns = [null, '', 'null', '"quoted" \'text\' \\', '日本語 🎯', 'a'.repeat(2000)];
    all.forEach((cells, n) =>
      feed.change('acme', {
        key: minuteKey(0, campaigns[n]!),
        values: Object.fromEntries(names.map((name, at) => [name, name === 'b' ? bytes[n]! : cells[at]!])),
      }),
    );
    const expected = expectedRows(feed, 'acme');
    // By the stage, and as a single page.
    const puller = worker();
    await puller.catchUp();
    expect(await rows()).toEqual(expected);
    all.forEach((cells, n) =>
      feed.change('acme', {
        key: minuteKey(1, campaigns[n]!),
        values: Object.fromEntries(names.map((name, at) => [name, name === 'b' ? bytes[n]! : cells[at]!])),
      }),
    );
    await puller.catchUp();
    expect((await rows()).slice(6).map(({ window_start: _, window_end: __, _rev, _txn, ...row }) => row)).toEqual(
      expected.map(({ window_start: _, window_end: __, _rev, _txn, ...row }) => row),
    );
    expect((await verify({ client: client(), puller, repairs: false })).differences).toEqual([]);
  });

  test('names that a database could take for others are refused, with advice', async () => {
    const { feed, worker } = bench();
    const [clicks] = feed.columns.values as [FeedColumn];
    const refused = [
      [{ ...clicks, name: '_rev' }, /'_rev' begins with _.*rename it in the view with AS/],
      [{ ...clicks, name: 'CAMPAIGN' }, /'campaign' and 'CAMPAIGN' are one name/],
      [{ ...clicks, name: 'x'.repeat(64) }, /longer than 63 bytes/],
      [{ ...clicks, name: 'ctid' }, /can not be called 'ctid'/],
    ] as const;
    for (const [column, message] of refused) {
      feed.columns = { key: feed.columns.key, values: [column] };
      await expect(worker().catchUp()).rejects.toMatchObject({
        code: 'PULL_NAME_REFUSED',
        message: expect.stringMatching(message),
      });
    }
  });
}
