import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createSink } from '../../src/deliver/sinks/index.js';
import { ComeAgain, Refused } from '../../src/deliver/sink.js';
import { Bench, deliveryOptions, freshFolder, removeFolders, sinkContext, someRows, until } from './support.js';
import { RecordingSink } from './recording-sink.js';

let bench: Bench;
afterEach(async () => {
  await bench.close();
  removeFolders();
});

const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id);

describe('a delivery', () => {
  test('brings every row once and closes its account', async () => {
    bench = await new Bench({ partitions: 3 }).open();
    const sink = new RecordingSink({ rowsMax: 7 });
    const rows = someRows(100);
    await bench.append(rows.slice(0, 60));
    const { stage } = await bench.start(sink);
    await bench.append(rows.slice(60));
    await bench.drained();
    expect(sink.ids().toSorted()).toEqual(idsOf(rows).toSorted());
    expect(bench.edges()).toMatchObject({ read: 100, ok: 100 });
    expect(stage.status()).toMatchObject({ pendingRows: 0, totals: { read: 100, ok: 100, missing: 0 } });
  });

  test('keeps the order of rows within a partition when requests go out one by one', async () => {
    bench = await new Bench().open();
    const sink = new RecordingSink({ rowsMax: 3 });
    await bench.start(sink, deliveryOptions({ bufferRowsMax: 10 }));
    for (let n = 0; n < 10; n++) await bench.append(someRows(9, 'e', n * 9));
    await bench.drained();
    expect(sink.ids()).toEqual(Array.from({ length: 90 }, (_, n) => `e-${n}`));
    expect(sink.underWayMax).toBe(1);
  });

  test('commits the range before anything goes out, and sends the same requests after a crash', async () => {
    bench = await new Bench({ partitions: 2 }).open();
    const sink = new RecordingSink({ rowsMax: 4 });
    const planned: number[] = [];
    let fail = true;
    sink.before = ({ attempt }) => {
      planned.push(JSON.parse(new TextDecoder().decode(bench.log.reader('deliver.out')?.state)).planned.length);
      if (fail && attempt === 0 && sink.seen.length === 3) throw new Error('the other end is gone');
    };
    await bench.append(someRows(30));
    await bench.start(sink, deliveryOptions({ retry: { minMs: 60_000, maxMs: 60_000, deadlineMs: null } }));
    await until('three requests', () => sink.seen.length === 3);
    await bench.append(someRows(10, 'f'));
    await bench.restart();
    fail = false;
    const before = sink.seen.splice(0);
    await bench.start(sink);
    await bench.drained();
    expect(planned.every((count) => count >= 1)).toBe(true);
    expect(sink.seen.slice(0, 3)).toEqual(before);
    expect(sink.ids().toSorted()).toEqual([...idsOf(someRows(30)), ...idsOf(someRows(10, 'f'))].toSorted());
    expect(bench.edges()).toMatchObject({ read: 40, ok: 40 });
  });

  test('that begins with what comes keeps its beginning, also when it stops before its first commit', async () => {
    bench = await new Bench({ partitions: 2 }).open();
    const sink = new RecordingSink();
    await bench.append(someRows(20, 'old'));
    const options = deliveryOptions({ start: 'newest', bufferMs: 60_000 });
    const { loop } = await bench.start(sink, options);
    await until('running', () => loop.status().state === 'running');
    await bench.append(someRows(20, 'new'));
    await bench.restart();
    expect(bench.log.reader('deliver.out')).toBeUndefined();
    await bench.start(sink, options);
    await bench.drained();
    expect(sink.ids().toSorted()).toEqual(idsOf(someRows(20, 'new')).toSorted());
  });

  test('sends a refused request in halves and quarantines the row at fault', async () => {
    bench = await new Bench().open();
    const sink = new RecordingSink();
    sink.before = ({ rows }) => {
      for (let row = 0; row < rows.count; row++)
        if (rows.eventId(row) === 'e-13') throw new Refused('not this one', { divisible: true });
    };
    await bench.append(someRows(40));
    await bench.start(sink);
    await bench.drained();
    expect(sink.ids().toSorted()).toEqual(
      idsOf(someRows(40))
        .filter((id) => id !== 'e-13')
        .toSorted(),
    );
    const [row, ...others] = bench.rows('quarantine');
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      tenant: 'bolt',
      stage: 'deliver',
      reader: 'out',
      stream: 'events',
      code: 'DELIVERY_REFUSED',
      message: 'not this one',
      partition: 0,
      offset: 13,
      event_id: 'e-13',
      attempts: 1,
    });
    expect(JSON.parse(Buffer.from(String(row!['original']), 'base64').toString())).toMatchObject({
      id: 'e-13',
      count: 13,
    });
    expect(bench.edges()).toMatchObject({ read: 40, ok: 39, 'quarantined DELIVERY_REFUSED': 1 });
  });

  test('sends only those rows again for which there was no room', async () => {
    bench = await new Bench().open();
    const sink = new RecordingSink();
    sink.before = ({ rows, attempt }, receipt) => {
      if (attempt < 2) for (let row = 0; row < rows.count; row += 2) receipt.again(row);
    };
    await bench.append(someRows(8));
    await bench.start(sink);
    await bench.drained();
    expect(sink.seen.map(({ ids }) => ids.length)).toEqual([4, 2, 2]);
    expect(sink.ids().toSorted()).toEqual(idsOf(someRows(8)).toSorted());
  });

  test('at the deadline rows go to the quarantine, and the next ones are tried', async () => {
    bench = await new Bench().open();
    const sink = new RecordingSink();
    sink.before = ({ rows }) => {
      if (rows.eventId(0)!.startsWith('e')) throw new ComeAgain('down', null);
    };
    await bench.append(someRows(5));
    await bench.start(sink, deliveryOptions({ retry: { minMs: 5, maxMs: 10, deadlineMs: 60 } }));
    await until('the quarantine', () => bench.rows('quarantine').length === 5);
    await bench.append(someRows(5, 'f'));
    await bench.drained();
    expect(sink.ids()).toEqual(idsOf(someRows(5, 'f')));
    expect(bench.rows('quarantine')[0]).toMatchObject({ code: 'DELIVERY_GAVE_UP', message: 'down' });
    expect(Number(bench.rows('quarantine')[0]!['attempts'])).toBeGreaterThan(1);
  });

  test('a row that the sink does not speak of is missing in the account of its tenant and minute', async () => {
    bench = await new Bench().open();
    const sink = new RecordingSink();
    const send = sink.send.bind(sink);
    sink.send = async (request, receipt) => {
      await send(request, receipt);
      receipt.marks[4] = 0;
    };
    await bench.append(someRows(9));
    const { stage } = await bench.start(sink);
    await bench.drained();
    const byTenant = new Map<string, number>();
    for (const { tenant, outcome, events } of bench.rows('edges'))
      byTenant.set(
        String(tenant),
        (byTenant.get(String(tenant)) ?? 0) + (outcome === 'read' ? Number(events) : -Number(events)),
      );
    expect(byTenant).toEqual(
      new Map([
        ['acme', 0],
        ['bolt', 1],
        ['crux', 0],
      ]),
    );
    expect(stage.status().totals.missing).toBe(1);
  });

  test('takes no more than it can hold while the sink is away, and all of it afterwards', async () => {
    bench = await new Bench().open();
    const sink = new RecordingSink();
    let away = true;
    sink.before = () => {
      if (away) throw new ComeAgain('away', null);
    };
    const { stage, loop } = await bench.start(sink, deliveryOptions({ bufferRowsMax: 50 }));
    for (let n = 0; n < 20; n++) await bench.append(someRows(50, 'e', n * 50));
    await until('the breaker', () => stage.status().breaker !== 'closed');
    expect(loop.status().rowsRead).toBeLessThanOrEqual(200);
    expect(stage.status().pendingRows).toBe(1000);
    away = false;
    await bench.drained();
    expect(sink.ids()).toHaveLength(1000);
    expect(stage.status()).toMatchObject({ breaker: 'closed', pendingRows: 0 });
  });

  test('filters by SQL, counts what it left out, and quarantines what can not be evaluated', async () => {
    bench = await new Bench().open();
    const sink = new RecordingSink();
    await bench.append(someRows(10));
    await bench.start(sink, deliveryOptions({ filter: "kind = 'click' AND 8 / (count - 4) <> 100" }));
    await bench.drained();
    expect(sink.ids()).toEqual(['e-0', 'e-2', 'e-6', 'e-8']);
    expect(bench.edges()).toMatchObject({ read: 10, ok: 4, 'filtered filter': 5, 'quarantined SQL_RUNTIME': 1 });
  });

  test('pauses and goes on', async () => {
    bench = await new Bench().open();
    const sink = new RecordingSink();
    const { stage } = await bench.start(sink);
    await bench.append(someRows(3));
    await bench.drained();
    stage.paused = true;
    await bench.append(someRows(3, 'f'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(sink.ids()).toHaveLength(3);
    expect(stage.status()).toMatchObject({ paused: true, pendingRows: 3 });
    expect(stage.status().oldestMs).toBeGreaterThanOrEqual(100);
    await bench.restart();
    const again = await bench.start(sink);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(again.stage.status()).toMatchObject({ paused: true, pendingRows: 3 });
    again.stage.paused = false;
    await bench.drained();
    expect(sink.ids()).toHaveLength(6);
    expect(again.stage.status().oldestMs).toBe(0);
  });

  test('writes lines into a file and mends a torn end', async () => {
    bench = await new Bench().open();
    const path = join(freshFolder(), 'out.ndjson');
    writeFileSync(path, '{"id":"whole"}\n{"id":"to');
    await bench.append(someRows(4));
    await bench.start(createSink({ type: 'file', path }, sinkContext()));
    await bench.drained();
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(['whole', 'e-0', 'e-1', 'e-2', 'e-3']);
  });
});
