/** Functions in their processes: what they return, what they throw, when they hang, leak or end. */
import { afterEach, describe, expect, test } from 'vitest';
import { REDRIVE_SCHEMA } from '../../src/event/internal.js';
import { batchFromRows } from '../../src/event/rows.js';
import { edges, event, file, freshFolder, optionsOf, removeFolders, run, uuid, type Event } from './support.js';

afterEach(removeFolders);

interface Result {
  readonly rows: Event[];
  readonly quarantine: Event[];
  readonly edges: Record<string, number>;
  readonly said: string[];
  readonly restarts: number;
}

/** Runs a function's module over events. */
async function through(code: string, events: readonly Event[], step: Event = {}, rest: Event = {}): Promise<Result> {
  const folder = freshFolder();
  const path = file(folder, 'function.ts', code);
  const verb = step['batch'] === true ? 'batchFunction' : 'function';
  const { batch: _batch, ...settings } = step;
  const running = await run(
    folder,
    optionsOf({ out: { from: 'events', ...rest, steps: [{ [verb]: path, ...settings }] } }, folder),
  );
  await running.append(events);
  await running.drained();
  const result = {
    rows: running.rows('out'),
    quarantine: running.rows('quarantine'),
    edges: edges(running.log, 'transform.out'),
    said: running.said,
    restarts: running.status('out').stats.restarts,
  };
  await running.stop();
  return result;
}

const events = (count: number): Event[] =>
  Array.from({ length: count }, (_, i) => event(i, { clicks: i, kind: 'click' }));
const clicks = (rows: readonly Event[]) => rows.map((row) => row['clicks']);

describe('what a function returns', () => {
  test('the event, another, several, or null', async () => {
    const { rows, edges: counts } = await through(
      `export default (event, ctx) => {
        if (event.clicks === 0) return null;
        if (event.clicks === 1) return { ...event, user: ctx.stream + '/' + ctx.partition + '/' + ctx.offset + '/' + ctx.name };
        if (event.clicks === 2) return [event, { ...event, kind: 'view' }, { ...event, id: '${uuid(77)}' }];
        if (event.clicks === 3) return [];
        event.cost = 1.25;
        event.labels = ['a', 'b'];
        return event;
      }`,
      events(5),
    );
    expect(rows).toMatchObject([
      { id: uuid(1), user: 'events/0/1/out', kind: 'click' },
      { id: uuid(2), kind: 'click' },
      { kind: 'view' },
      { id: uuid(77) },
      { id: uuid(4), cost: '1.250000', labels: ['a', 'b'] },
    ]);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(5);
    expect(counts).toEqual({ read: 5, ok: 3, written: 5, 'filtered function': 2 });
  });

  test('what is no event of the output fails, and says which column', async () => {
    const {
      rows,
      quarantine,
      edges: counts,
    } = await through(
      `export default (event) => [undefined, 7, { ...event, clicks: 'many' }, { ...event, tenant: null }, { ...event, extra: 1 }, [event, 7], event][event.clicks];`,
      events(7),
    );
    expect(clicks(rows)).toEqual([6]);
    expect(quarantine.map(({ code, path }) => [code, path])).toEqual([
      ['TRANSFORM_FAILED', undefined],
      ['EVENT_TYPE', undefined],
      ['EVENT_TYPE', 'clicks'],
      ['EVENT_FIELD_MISSING', 'tenant'],
      ['EVENT_FIELD_UNKNOWN', 'extra'],
      ['EVENT_TYPE', undefined],
    ]);
    expect(quarantine[0]!['message']).toContain('returned nothing; return the event');
    expect(counts['read']).toBe(7);
  });

  test('another schema, by the imports of a module', async () => {
    const folder = freshFolder();
    file(folder, 'names.ts', `export const nameOf = (n: number): string => 'n' + n;`);
    const path = file(
      folder,
      'function.ts',
      `import { defineSchema, defineTransform } from 'millrace';
       import { createHash } from 'node:crypto';
       import { nameOf } from './names.js';
       const input = defineSchema({ columns: { tenant: 'dictionary', clicks: 'int64?' } });
       const output = defineSchema({ columns: { tenant: 'dictionary', name: 'string', hash: 'string' } });
       export default defineTransform({ input, output }, async (event) => ({
         tenant: event.tenant, name: nameOf(Number(event.clicks)), hash: createHash('md5').update(nameOf(1)).digest('hex'),
       }));`,
    );
    const schema = { columns: { tenant: 'dictionary', name: 'string', hash: 'string' }, tenant: 'tenant' };
    const running = await run(
      folder,
      optionsOf({ out: { from: 'events', schema, steps: [{ function: path }] } }, folder),
    );
    await running.append(events(2));
    await running.drained();
    expect(running.rows('out').map(({ name }) => name)).toEqual(['n0', 'n1']);
    await running.stop();
  });

  test('promises, up to the concurrency at once, in the order of the events', async () => {
    const { rows } = await through(
      `let now = 0, most = 0;
       export default async (event) => {
         most = Math.max(most, ++now);
         await new Promise((resolve) => setTimeout(resolve, (event.clicks * 7) % 5));
         now--;
         return { ...event, ratio: most };
       }`,
      events(100),
      { concurrency: 4 },
    );
    expect(clicks(rows)).toEqual(events(100).map((one) => one['clicks']));
    expect(Math.max(...rows.map(({ ratio }) => ratio as number))).toBe(4);
  });
});

test('what is redriven has the stamp that it had before', async () => {
  const folder = freshFolder();
  const code = `export default (event, ctx) => {
    if (event.user === null) throw new Error('no user');
    return { ...event, clicks: event.received_at, ratio: ctx.receivedAt, country: ctx.offset + '' };
  };`;
  const path = file(folder, 'function.mjs', code);
  const options = optionsOf({ out: { from: 'events', steps: [{ function: path }] } }, folder);
  let running = await run(folder, options);
  for (const n of [1, 2]) {
    await running.append([event(n)]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await running.drained();
  const failed = running.rows('quarantine');
  await running.stop();
  file(folder, 'function.mjs', code.replace(`throw new Error('no user')`, `event.user = 'redriven'`));
  running = await run(folder, options);
  const rows = failed.map((row, i) => ({
    ...row,
    stage: 'transform',
    reader: 'out',
    quarantine_offset: i,
    received_at: 0,
  }));
  await running.log.append({ batches: [{ stream: 'redrive', rows: batchFromRows(REDRIVE_SCHEMA, rows) }] });
  await running.drained();
  const stamps = failed.map((row) => {
    const original = JSON.parse(Buffer.from(row['original'] as string, 'base64').toString()) as Event;
    return original['received_at'];
  });
  expect(new Set(stamps).size).toBe(2);
  expect(running.rows('out').map((row) => [row['user'], row['clicks'], row['ratio'], row['country']])).toEqual(
    stamps.map((stamp, i) => ['redriven', stamp, stamp, String(i)]),
  );
  await running.stop();
});

describe('what a function does wrong', () => {
  test('throwing fails that event alone, with the message and the event as it came', async () => {
    const {
      rows,
      quarantine,
      edges: counts,
      restarts,
    } = await through(
      `export default (event) => { event.kind = 'changed'; if (event.clicks % 3 === 1) throw new TypeError('no ' + event.clicks); return event; }`,
      events(6),
    );
    expect(clicks(rows)).toEqual([0, 2, 3, 5]);
    expect(
      quarantine.map(({ code, message, offset, stage, reader }) => [code, message, offset, stage, reader]),
    ).toEqual([
      ['TRANSFORM_FAILED', 'TypeError: no 1', 1, 'transform', 'out'],
      ['TRANSFORM_FAILED', 'TypeError: no 4', 4, 'transform', 'out'],
    ]);
    expect(JSON.parse(Buffer.from(quarantine[0]!['original'] as string, 'base64').toString())).toMatchObject({
      kind: 'click',
      clicks: 1,
    });
    expect(counts).toEqual({ read: 6, ok: 4, written: 4, 'quarantined TRANSFORM_FAILED': 2 });
    expect(restarts).toBe(0);
  });

  test('hanging ends its process; that event fails, the others pass', async () => {
    const { rows, quarantine, restarts } = await through(
      `export default (event) => { while (event.clicks === 2 || event.clicks === 5); return event; }`,
      events(8),
      { timeout: '300 ms' },
    );
    expect(clicks(rows)).toEqual([0, 1, 3, 4, 6, 7]);
    expect(quarantine.map(({ code, event_id }) => [code, event_id])).toEqual([
      ['TRANSFORM_TIMEOUT', uuid(2)],
      ['TRANSFORM_TIMEOUT', uuid(5)],
    ]);
    expect(restarts).toBe(3);
  });

  test('hanging behind an await is found by running one event at a time', async () => {
    const { rows, quarantine } = await through(
      `export default async (event) => {
         await new Promise((resolve) => setTimeout(resolve, 1));
         while (event.clicks === 4);
         return event;
       }`,
      events(10),
      { timeout: '300 ms', concurrency: 5 },
    );
    expect(clicks(rows)).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9]);
    expect(quarantine.map(({ code, event_id }) => [code, event_id])).toEqual([['TRANSFORM_TIMEOUT', uuid(4)]]);
  });

  test('a promise that never settles fails its event and holds up no other', async () => {
    const { rows, quarantine, restarts } = await through(
      `export default (event) => event.clicks === 1 ? new Promise(() => {}) : Promise.resolve(event);`,
      events(4),
      { timeout: '200 ms' },
    );
    expect(clicks(rows)).toEqual([0, 2, 3]);
    expect(quarantine).toMatchObject([{ code: 'TRANSFORM_TIMEOUT', event_id: uuid(1) }]);
    expect(restarts).toBe(0);
  });

  test('needing too much memory at once fails that event', async () => {
    const { rows, quarantine, restarts } = await through(
      `export default (event) => {
         const list = new Array(event.clicks === 3 ? 60_000_000 : 10).fill(event.clicks + 0.5);
         return { ...event, ratio: list.at(-1) };
       }`,
      events(6),
      { memory: '64 MiB', timeout: '20 s' },
    );
    expect(clicks(rows)).toEqual([0, 1, 2, 4, 5]);
    expect(quarantine).toMatchObject([
      { code: 'TRANSFORM_MEMORY', event_id: uuid(3), message: 'the function needed more than 64 MiB' },
    ]);
    expect(restarts).toBe(2);
  });

  test('a leak over many batches fails no event', async () => {
    const folder = freshFolder();
    const path = file(
      folder,
      'function.ts',
      `const kept = [];
       export default (event) => { kept.push(new Array(1_000_000).fill(event.clicks + 0.5)); return event; }`,
    );
    const step = { function: path, memory: '64 MiB', timeout: '20 s' };
    const running = await run(folder, optionsOf({ out: { from: 'events', steps: [step] } }, folder));
    for (let i = 0; i < 12; i++) {
      await running.append([event(i, { clicks: i })]);
      await running.drained();
    }
    expect(clicks(running.rows('out'))).toEqual(events(12).map((one) => one['clicks']));
    expect(running.rows('quarantine')).toEqual([]);
    expect(running.status('out').stats.restarts).toBeGreaterThan(0);
    await running.stop();
  });

  test('ending its process fails that event', async () => {
    const { rows, quarantine } = await through(
      `export default (event) => { if (event.clicks === 2) process.exit(3); return event; }`,
      events(5),
    );
    expect(clicks(rows)).toEqual([0, 1, 3, 4]);
    expect(quarantine).toMatchObject([{ code: 'TRANSFORM_FAILED', event_id: uuid(2) }]);
    expect(quarantine[0]!['message']).toContain('ended its process (code 3)');
  });

  test('a module that can not be loaded stalls the transform and says why; nothing is lost', async () => {
    const folder = freshFolder();
    const path = file(folder, 'function.ts', `export const notDefault = 1;`);
    const running = await run(folder, optionsOf({ out: { from: 'events', steps: [{ function: path }] } }, folder));
    await running.append(events(3));
    while (running.said.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(running.said[0]).toContain('stalled CONFIG_INVALID');
    expect(running.said[0]).toContain('expected a function as default export, found none');
    expect(running.rows('out')).toEqual([]);
    await running.stop();
    file(folder, 'function.ts', `export default (event) => event;`);
    const again = await run(folder, optionsOf({ out: { from: 'events', steps: [{ function: path }] } }, folder));
    await again.drained();
    expect(again.rows('out')).toHaveLength(3);
    await again.stop();
  });

  test('messages are passed on, a few a batch', async () => {
    const { said } = await through(
      `export default (event, ctx) => { ctx.log('saw ' + event.clicks); return event; }`,
      events(100),
    );
    expect(said.filter((line) => line.startsWith('out info saw '))).toHaveLength(20);
    expect(said).toContain('out info … and 80 more messages of one batch');
  });
});

describe('a function over batches', () => {
  test('reads, sets and keeps', async () => {
    const { rows, edges: counts } = await through(
      `import { defineBatchTransform, defineSchema } from 'millrace';
       const schema = defineSchema({ columns: { kind: 'dictionary?', clicks: 'int64?', ratio: 'double?', cost: 'decimal?', user: 'string?' } });
       export default defineBatchTransform(schema, (batch, ctx) => {
         const clicks = batch.numbers('clicks');
         return batch
           .set('ratio', clicks.map((n) => n === 3 ? NaN : n / 2))
           .set('cost', clicks.map((n) => n * 0.1))
           .set('user', batch.values('clicks').map((n) => ctx.stream + n))
           .mapTexts('kind', (kind) => kind.toUpperCase())
           .filter((row) => clicks[row] % 2 === 1);
       });`,
      events(6),
      { batch: true },
    );
    expect(rows.map(({ clicks: n, ratio, cost, user, kind }) => [n, ratio, cost, user, kind])).toEqual([
      [1, 0.5, '0.100000', 'events1', 'CLICK'],
      [3, undefined, '0.300000', 'events3', 'CLICK'],
      [5, 2.5, '0.500000', 'events5', 'CLICK'],
    ]);
    expect(counts).toEqual({ read: 6, ok: 3, written: 3, 'filtered function': 3 });
  });

  test('columns that only the output has, and rows several times', async () => {
    const schema = { columns: { tenant: 'dictionary', clicks: 'int64?', twice: 'string?' }, tenant: 'tenant' };
    const { rows, edges: counts } = await through(
      `export default (batch) => batch.set('twice', batch.values('clicks').map((n) => n + '!')).pick([0, 0, 2]);`,
      events(3),
      { batch: true },
      { schema },
    );
    expect(rows.map(({ twice }) => twice)).toEqual(['0!', '0!', '2!']);
    expect(counts).toEqual({ read: 3, ok: 2, written: 3, 'filtered function': 1 });
  });

  test('throwing is narrowed down to the events at fault', async () => {
    const { rows, quarantine } = await through(
      `export default (batch) => {
         for (const n of batch.values('clicks')) if (n === 3 || n === 11) throw new Error('no ' + n);
         return batch;
       }`,
      events(16),
      { batch: true },
    );
    expect(clicks(rows)).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15]);
    expect(quarantine.map(({ message }) => message)).toEqual(['Error: no 3', 'Error: no 11']);
  });

  test('hanging is narrowed down to the event at fault', async () => {
    const { rows, quarantine } = await through(
      `export default (batch) => { while (batch.values('clicks').includes(5)); return batch; }`,
      events(8),
      { batch: true, timeout: '250 ms' },
    );
    expect(clicks(rows)).toEqual([0, 1, 2, 3, 4, 6, 7]);
    expect(quarantine).toMatchObject([{ code: 'TRANSFORM_TIMEOUT', event_id: uuid(5) }]);
  });

  test('returning something else fails, and says what', async () => {
    const { quarantine } = await through(`export default () => 7;`, events(2), { batch: true });
    expect(quarantine.map(({ message }) => message)).toEqual(
      Array(2).fill('the function returned no batch; return the batch, or null to drop all of it'),
    );
  });
});
