/** What each verb makes of events, written out. */
import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { event, file, freshFolder, mistake, once, optionsOf, removeFolders, run, uuid, type Event } from './support.js';

afterEach(removeFolders);

const through = (step: Event, events: readonly Event[], folder?: string) =>
  once({ out: { from: 'events', steps: [step] } }, events, folder);

const column = (rows: readonly Event[], name: string) => rows.map((row) => row[name]);

describe('mask', () => {
  test('stars for all but the last characters, by code point', async () => {
    const texts = ['user-1234', 'abc', '', 'né日本語x', null];
    const { rows } = await through(
      { mask: { user: { keepLast: 4 }, country: { keepLast: 0 } } },
      texts.map((user, i) => event(i, { user, country: 'DE' })),
    );
    expect(column(rows, 'user')).toEqual(['*****1234', 'abc', '', '**日本語x', undefined]);
    expect(new Set(column(rows, 'country'))).toEqual(new Set(['**']));
  });

  test('the network of an address, and nothing of what is none', async () => {
    const ips = [
      '192.0.2.77',
      '2001:db8:1234:5678::1',
      '::1',
      '::ffff:203.0.113.9',
      'fe80::1%eth0',
      '2001:db8::1:2:3',
      'somebody',
      '10.0.0.1, 10.0.0.2',
    ];
    const { rows } = await through(
      { mask: { ip: 'ip' } },
      ips.map((ip, i) => event(i, { ip })),
    );
    expect(column(rows, 'ip')).toEqual([
      '192.0.2.0',
      '2001:db8:1234::',
      '::',
      '::ffff:203.0.113.0',
      'fe80::',
      '2001:db8::',
      undefined,
      undefined,
    ]);
  });

  test('never the tenant or the id', async () => {
    expect(await mistake([{ mask: { tenant: 'ip' } }])).toContain(
      "column 'tenant' is the stream's tenant and must stay",
    );
    expect(await mistake([{ mask: { clicks: 'ip' } }])).toBe(
      "transforms.out.steps[0].mask.clicks: column 'clicks' is int64; expected string or dictionary, such as tenant, kind, country, user, ip, agent",
    );
  });
});

test('hash: a keyed hash of texts and uuids, the same in every column', async () => {
  const secret = 'a secret of some length';
  const { rows } = await through({ hash: { columns: ['user', 'country', 'device'], secret } }, [
    event(1, { user: 'ann', country: 'ann', device: uuid(7) }),
    event(2, { country: 'ann' }),
  ]);
  const expected = createHmac('sha256', secret).update('ann').digest('hex');
  expect(rows[0]).toMatchObject({ user: expected, country: expected });
  expect(rows[1]).toMatchObject({ country: expected });
  expect(rows[1]).not.toHaveProperty('user');
  expect(rows[0]!['device']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(rows[0]!['device']).not.toBe(uuid(7));
  expect(await mistake([{ hash: { columns: ['tenant'], secret } }])).toContain('must stay as it is');
});

describe('split', () => {
  test('one event an item of a list; the first keeps the id, each other has its own', async () => {
    const { rows, edges } = await through({ split: { column: 'labels', as: 'label' } }, [
      event(1, { labels: ['a', 'b', 'c'], clicks: 5 }),
      event(2, { labels: [] }),
      event(3),
      event(4, { labels: ['z'] }),
    ]);
    expect(column(rows, 'label')).toEqual(['a', 'b', 'c', 'z']);
    expect(column(rows, 'clicks')).toEqual([5, 5, 5, undefined]);
    const ids = column(rows, 'id');
    expect([ids[0], ids[3]]).toEqual([uuid(1), uuid(4)]);
    expect(new Set(ids).size).toBe(4);
    expect(edges).toEqual({ read: 4, ok: 2, written: 4, 'filtered split': 2 });
    const again = await through({ split: { column: 'labels', as: 'label' } }, [event(1, { labels: ['a', 'b', 'c'] })]);
    expect(column(again.rows, 'id')).toEqual(ids.slice(0, 3));
  });

  test('one event an item of an array in json; what is no array fails', async () => {
    const { rows, quarantine } = await through({ split: { column: 'props', as: 'item' } }, [
      event(1, { props: [{ sku: 'x' }, 7] }),
      event(2, { props: { a: 1 } }),
    ]);
    expect(column(rows, 'item')).toEqual([{ sku: 'x' }, 7]);
    expect(quarantine).toMatchObject([
      { code: 'EVENT_TYPE', event_id: uuid(2), message: "column 'props' holds no array" },
    ]);
  });

  test('one event a condition that is true', async () => {
    const cases = { dear: 'cost > 10', click: "kind = 'click'", all: 'true' };
    const { rows } = await through({ split: { cases, as: 'route' } }, [
      event(1, { cost: '11', kind: 'click' }),
      event(2, { cost: '1' }),
    ]);
    expect(rows.map(({ at, route }) => [Number(at) % 10, route])).toEqual([
      [1, 'dear'],
      [1, 'click'],
      [1, 'all'],
      [2, 'all'],
    ]);
  });

  test('an event of which a part fails later comes out not at all, and is redriven as a whole', async () => {
    const { rows, quarantine, edges } = await once(
      {
        out: {
          from: 'events',
          steps: [
            { split: { column: 'labels', as: 'label' } },
            { set: { ratio: '1::double precision / label::double precision' } },
          ],
        },
      },
      [event(1, { labels: ['1', '0', '2'] }), event(2, { labels: ['4'] })],
    );
    expect(column(rows, 'ratio')).toEqual([0.25]);
    expect(quarantine).toMatchObject([{ event_id: uuid(1), code: 'SQL_RUNTIME' }]);
    expect(edges).toEqual({ read: 2, ok: 1, written: 1, 'quarantined SQL_RUNTIME': 1 });
  });

  test('an event of too many items fails', async () => {
    const labels = Array.from({ length: 1_001 }, (_, i) => `l${i}`);
    const { rows, quarantine } = await through({ split: { column: 'labels', as: 'label' } }, [
      event(1, { labels }),
      event(2, { labels: ['a'] }),
    ]);
    expect(rows).toHaveLength(1);
    expect(quarantine).toMatchObject([{ code: 'EVENT_TOO_LARGE' }]);
  });
});

describe('sample', () => {
  const events = Array.from({ length: 2_000 }, (_, i) => event(i, { user: `u${i % 100}`, clicks: i % 10 }));

  test('about its part, the same at every run', async () => {
    const first = await through({ sample: { rate: 0.25 } }, events);
    expect(first.rows.length).toBeGreaterThan(400);
    expect(first.rows.length).toBeLessThan(600);
    expect(first.edges).toEqual({
      read: 2_000,
      ok: first.rows.length,
      written: first.rows.length,
      'filtered sample': 2_000 - first.rows.length,
    });
    const second = await through({ sample: { rate: 0.25 } }, events.toReversed());
    expect(new Set(column(second.rows, 'id'))).toEqual(new Set(column(first.rows, 'id')));
  });

  test.each(['user', 'clicks', 'tenant'])('all events of one %s or none', async (by) => {
    const { rows } = await through({ sample: { rate: 0.5, by } }, events);
    const kept = new Set(column(rows, by));
    expect(rows).toHaveLength(events.filter((one) => kept.has(one[by])).length);
    expect(rows.length).toBeLessThan(2_000);
  });

  test('0 passes none, 1 passes all', async () => {
    expect((await through({ sample: { rate: 0 } }, events)).rows).toHaveLength(0);
    expect((await through({ sample: { rate: 1 } }, events)).rows).toHaveLength(2_000);
  });
});

test('flatten: fields of json as columns; missing is NULL, what does not fit fails', async () => {
  const fields = {
    sku: 'dictionary',
    source: { path: 'utm.source', type: 'string' },
    price: 'decimal',
    many: 'list',
    big: 'int64',
    when: 'timestamp',
    on: 'boolean',
    rest: 'json',
  };
  const { rows, quarantine } = await through({ flatten: { column: 'props', fields } }, [
    event(1, {
      props: {
        sku: 'a',
        utm: { source: 'ad' },
        price: 1.25,
        many: ['x', 'y'],
        big: '9007199254740993',
        when: '2026-01-02T03:04:05Z',
        on: true,
        rest: { a: [1] },
      },
    }),
    event(2, { props: { sku: 7, utm: 'none', price: '0.000001', when: 5 } }),
    event(3),
    event(4, { props: { big: 1.5 } }),
    event(5, { props: { sku: { no: 1 }, price: 'x' } }),
    event(6, { props: [1] }),
  ]);
  const picked = rows.map((row) =>
    Object.fromEntries(Object.keys(fields).flatMap((name) => (name in row ? [[name, row[name]]] : []))),
  );
  expect(picked).toEqual([
    {
      sku: 'a',
      source: 'ad',
      price: '1.250000',
      many: ['x', 'y'],
      big: '9007199254740993',
      when: Date.UTC(2026, 0, 2, 3, 4, 5),
      on: true,
      rest: { a: [1] },
    },
    { sku: '7', price: '0.000001', when: 5 },
    {},
    {},
  ]);
  expect(rows[0]).toHaveProperty('props');
  expect(quarantine.map(({ path, message }) => [path, message])).toEqual([
    ['big', "'big' is 1.5; expected int64"],
    ['sku', `'sku' is {"no":1}; expected dictionary`],
  ]);
  expect(await mistake([{ flatten: { column: 'kind', fields: { a: 'string' } } }])).toContain(
    "column 'kind' is dictionary; expected json, such as props",
  );
  expect(await mistake([{ flatten: { column: 'props', fields: { kind: 'string' } } }])).toContain(
    "there is a column 'kind' already",
  );
});

describe('lookup', () => {
  const step = (path: string, rest: Event = {}) => ({
    lookup: {
      file: path,
      key: 'country',
      fileKey: 'code',
      columns: { name: 'string', area: { field: 'km2', type: 'int64' } },
      ...rest,
    },
  });
  const events = [event(1, { country: 'DE' }), event(2, { country: 'XX' }), event(3), event(4, { country: 'FR' })];

  test.each([
    ['countries.csv', 'code,name,km2\nDE,Germany,357592\nFR,"France, la",\n'],
    ['countries.json', '[{"code":"DE","name":"Germany","km2":357592},{"code":"FR","name":"France, la","km2":null}]'],
    ['countries.json', '{"DE":{"name":"Germany","km2":357592},"FR":{"name":"France, la"}}'],
    ['countries.ndjson', '{"code":"DE","name":"Germany","km2":"357592"}\n{"code":"FR","name":"France, la"}\n'],
  ])('%s by key', async (name, text) => {
    const folder = freshFolder();
    const { rows } = await through(step(file(folder, name, text)), events, folder);
    expect(rows.map((row) => [row['name'], row['area']])).toEqual([
      ['Germany', 357592],
      [undefined, undefined],
      [undefined, undefined],
      ['France, la', undefined],
    ]);
  });

  test('a key that is not there: dropped or quarantined, as is said', async () => {
    const folder = freshFolder();
    const path = file(folder, 'countries.csv', 'code,name,km2\nDE,Germany,1\nFR,France,2\n');
    expect((await through(step(path, { missing: 'drop' }), events, folder)).edges).toEqual({
      read: 4,
      ok: 2,
      written: 2,
      'filtered lookup': 2,
    });
    const other = freshFolder();
    const { quarantine } = await through(step(path, { missing: 'quarantine' }), events, other);
    expect(quarantine).toMatchObject([{ code: 'TRANSFORM_FAILED', path: 'country' }, { code: 'TRANSFORM_FAILED' }]);
  });

  test('a file that changes is read again; one that is broken is not, and the old rows stay', async () => {
    const folder = freshFolder();
    const path = file(folder, 'countries.csv', 'code,name,km2\nDE,Germany,1\n');
    let ms = 0;
    const clock = {
      now: () => Date.now(),
      monotonic: () => (ms += 10_000),
      after: (delayMs: number, act: () => void) => {
        const timer = setTimeout(act, delayMs);
        return () => clearTimeout(timer);
      },
    };
    const running = await run(folder, optionsOf({ out: { from: 'events', steps: [step(path)] } }, folder), { clock });
    const nameOf = async (n: number) => {
      await running.append([event(n, { country: 'DE' })]);
      await running.drained();
      return running.rows('out').at(-1)!['name'];
    };
    expect(await nameOf(1)).toBe('Germany');
    file(folder, 'countries.csv', 'code,name,km2\nDE,Deutschland,1\n');
    let n = 2;
    while ((await nameOf(n++)) !== 'Deutschland') expect(n).toBeLessThan(500);
    file(folder, 'countries.csv', 'kode,name\nDE,Broken\n');
    while (!running.said.some((line) => line.includes("row 1 has no 'code'; it has kode, name"))) {
      expect(await nameOf(n++)).toBe('Deutschland');
      expect(n).toBeLessThan(1_000);
    }
    expect(await nameOf(n)).toBe('Deutschland');
    await running.stop();
  });

  test('a file with more rows than allowed stalls the transform and says so', async () => {
    const folder = freshFolder();
    const path = file(folder, 'countries.csv', 'code,name,km2\nDE,Germany,1\nFR,France,2\n');
    const running = await run(
      folder,
      optionsOf({ out: { from: 'events', steps: [step(path, { rowsMax: 1 })] } }, folder),
    );
    while (running.said.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(running.said[0]).toContain('stalled CONFIG_INVALID');
    expect(running.said[0]).toContain('more than 1 rows (lookup.rowsMax)');
    await running.stop();
  });
});

test('enrich: what a user agent says', async () => {
  const agents = [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
    'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36',
    'Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Safari/537.36',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:127.0) Gecko/20100101 Firefox/127.0',
    'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
    'curl/8.5.0',
    'Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/79.0.3945.79 Safari/537.36 WebAppManager',
    null,
  ];
  const { rows } = await through(
    { enrich: { userAgent: 'agent' } },
    agents.map((agent, i) => event(i, { agent })),
  );
  expect(rows.map((row) => ['browser', 'os', 'device', 'bot'].map((name) => row[`agent_${name}`] ?? null))).toEqual([
    ['Edge', 'Windows', 'desktop', false],
    ['Safari', 'iOS', 'mobile', false],
    ['Chrome', 'Android', 'mobile', false],
    ['Samsung Internet', 'Android', 'tablet', false],
    ['Firefox', 'macOS', 'desktop', false],
    [null, null, null, true],
    [null, null, null, true],
    ['Chrome', 'webOS', 'tv', false],
    [null, null, null, null],
  ]);
});
