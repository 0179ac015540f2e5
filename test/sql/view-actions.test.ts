import { beforeAll, describe, expect, test } from 'vitest';
import { adEvents } from '../../src/event/ad-events.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { guardedStreams } from '../../src/guards.js';
import { planHash } from '../../src/mill/plan-hash.js';
import { parseViews } from '../../src/sql/parse.js';
import { planView, type StandingPlan } from '../../src/sql/standing.js';
import { loadParser } from '../../src/util/sql-text.js';

const bare = defineSchema({
  columns: { id: 'string', at: 'timestamp', tenant_id: 'dictionary', ip: 'string?', n: 'int64?' },
  tenant: 'tenant_id',
  eventId: 'id',
  eventTime: 'at',
});
const STREAMS = new Map([
  ['events', { name: 'events', schema: adEvents() }],
  ['bare', { name: 'bare', schema: bare }],
]);

beforeAll(() => loadParser());

async function plan(options: string, source = 'events', columns = 'ip, count(*) AS n'): Promise<StandingPlan> {
  const time = source === 'events' ? 'event_time' : 'at';
  const sql = `CREATE MATERIALIZED VIEW v${options === '' ? '' : ` WITH (${options})`} AS
SELECT ${columns}, window_end FROM TUMBLE(${source}, ${time}, INTERVAL '1 minute')
GROUP BY ip, window_start, window_end${columns.includes('user_id') ? ', user_id' : ''}`;
  const [view] = await parseViews(sql);
  return planView(view!, STREAMS);
}
const refusal = async (options: string, source?: string, columns?: string): Promise<string> =>
  plan(options, source, columns).then(
    () => 'no error',
    (error: Error) => error.message,
  );

describe('the options of a guard', () => {
  test('have defaults', async () => {
    expect((await plan("guard = 'ip'")).guard).toEqual({
      columns: ['ip'],
      action: 'label',
      label: 'v',
      url: null,
      forMs: 600_000,
    });
    expect((await plan('')).guard).toBeUndefined();
  });

  test('are read', async () => {
    const options = `guard = 'ip, user_id', guard_action = 'redirect', guard_label = 'hot',
      guard_url = 'https://x.example/', guard_for = '1 hour'`;
    expect((await plan(options, 'events', 'ip, user_id')).guard).toEqual({
      columns: ['ip', 'user_id'],
      action: 'redirect',
      label: 'hot',
      url: 'https://x.example/',
      forMs: 3_600_000,
    });
  });

  test.each([
    ["guard = 'nix'", /the view has no column "nix"[\s\S]*ip, n, window_end/],
    ["guard = 'window_end'", /"window_end" is of type timestamp with time zone, and can't be a key/],
    ["guard = 'ip, ip'", /expected 1 to 4 columns, each once/],
    ["guard = 'ip', guard_action = 'kill'", /guard_action must be 'label', 'block' or 'redirect', not "kill"/],
    ["guard = 'ip', guard_action = 'redirect'", /needs a guard_url/],
    ["guard = 'ip', guard_url = 'https://x.example'", /a guard that labels sends nobody elsewhere/],
    ["guard = 'ip', guard_action = 'block', guard_url = 'javascript:x'", /guard_url must be a URL/],
    ["guard = 'ip', guard_label = 'a b'", /guard_label must be a label/],
    ["guard = 'ip', guard_for = 'soon'", /guard_for must be a length of time, not "soon"/],
    ["guard_label = 'x'", /guard_label is given without guard/],
    ["alert_every = '1 hour'", /alert_every is given without alert/],
    ["alert = 'ftp://x'", /alert must be a URL/],
    ["alert = 'https://x.example', alert_headers = 'Host: y'", /"Host: y" is no header that can be set/],
    ["alert = 'https://x.example', alert_every = '0'", /alert_every must be a length of time of at least 1 second/],
  ])('%s is refused with a reason', async (options, reason) => {
    const message = await refusal(options);
    expect(message).toMatch(reason);
    expect(message).toContain('^');
  });

  test('name a column that events have too, in a stream with labels', async () => {
    expect(await refusal("guard = 'n'")).toMatch(/no event can be guarded: events has no column "n"/);
    expect(await refusal("guard = 'ip'", 'bare')).toMatch(
      /bare has no column "labels" of type list[\s\S]*labels: 'list\?'/,
    );
    expect(await refusal("guard = 'ip', guard_action = 'block'", 'bare')).toBe('no error');
    expect(await refusal("guard = 'n', guard_action = 'block'", 'bare', "'x' || ip AS n")).toMatch(
      /"n" is bigint in bare, and text in the view/,
    );
  });

  test('do not change what the view computes', async () => {
    const hashes = await Promise.all(
      ['', "guard = 'ip'", "guard = 'ip', guard_for = '1 hour'", "alert = 'https://x.example'"].map(async (options) =>
        planHash(await plan(options)),
      ),
    );
    expect(new Set(hashes).size).toBe(1);
  });
});

test('the options of an alert are read', async () => {
  const options = `alert = 'https://x.example/hook', alert_headers = 'Authorization: Bearer a:b; X-Team: fraud',
    alert_key = 'ip', alert_every = '1 hour'`;
  expect((await plan(options)).alert).toEqual({
    url: 'https://x.example/hook',
    headers: { Authorization: 'Bearer a:b', 'X-Team': 'fraud' },
    columns: ['ip'],
    everyMs: 3_600_000,
  });
});

test('a guard acts where events come in: on the stream, or on what a transform makes it from', async () => {
  const stream = (name: string, schema: typeof bare, derived = false) => ({
    name,
    schema,
    partitions: 1,
    clock: 'arrival' as const,
    retentionMs: 1,
    bytesMax: 1,
    policy: 'refuse' as const,
    lake: false,
    derived,
  });
  const guard = await plan("guard = 'ip', guard_action = 'block'", 'bare');
  const transform = (from: string, to: string) => ({ from, to }) as never;
  expect(guardedStreams(guard, { streams: [stream('bare', bare), stream('raw', bare)], transforms: [] })).toEqual([
    'bare',
  ]);
  const chain = {
    streams: [stream('raw', bare), stream('middle', bare, true), stream('bare', bare, true)],
    transforms: [transform('raw', 'middle'), transform('middle', 'bare')],
  };
  expect(guardedStreams(guard, chain)).toEqual(['raw']);
  expect(() => guardedStreams(guard, { streams: [stream('bare', bare, true)], transforms: [] })).toThrow(
    /view v: no event can be guarded: the view reads no stream that events come into/,
  );
});
