import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Receipt, ROW } from '../../../src/deliver/receipt.js';
import type { CutRows } from '../../../src/deliver/rows.js';
import { ComeAgain, type Sink } from '../../../src/deliver/sink.js';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { partitionOf } from '../../../src/deliver/sinks/kafka/messages.js';
import { startKafka, type Kafka } from '../../engines/kafka.js';
import { describeWith } from '../../engines/missing.js';
import { Bench, cutRows, deliveryOptions, removeFolders, sinkContext, someRows, until } from '../support.js';
import { openPassage, readTopic, settings, type Passage } from './support.js';

const CUT = { delivery: 'out', stream: 'events', range: 'events/0:0-9', receivedAt: 0, replay: null };
const USER = { name: 'millrace', password: 'not-told-to-anyone' };

describeWith(['kafka'], 'messages in Kafka', () => {
  let engine: Kafka;
  let passage: Passage;
  let bench: Bench | null = null;
  let sink: Sink | null = null;
  let topic = '';
  let topics = 0;

  beforeAll(async () => {
    // Clients come back through the passage, whatever they asked first.
    passage = await openPassage(() => engine.bootstrap);
    // Rows made by hand have no stamp: their messages are as old as 1970, and would be deleted.
    engine = await startKafka({
      user: USER,
      advertised: passage.address,
      settings: { 'message.max.bytes': 20_000, 'auto.create.topics.enable': false, 'log.retention.ms': -1 },
    });
  });
  afterAll(async () => {
    await passage?.close();
    await engine?.stop();
  });
  beforeEach(() => {
    topic = `events-${topics++}`;
  });
  afterEach(async () => {
    await sink?.close();
    await bench?.close();
    sink = bench = null;
    removeFolders();
  });

  type Settings = Parameters<typeof settings>[1];
  const make = (rest: Settings = {}, requestsMax = 1): Sink =>
    createSink(
      settings(engine.bootstrap, { topic, setUp: { partitions: 4, replication: 1 }, ...rest }),
      sinkContext({ requestsMax }),
    );
  const open = async (rest: Settings = {}, requestsMax = 1): Promise<Sink> => {
    sink = make(rest, requestsMax);
    await sink.open(new AbortController().signal);
    return sink;
  };
  const send = async (rows: CutRows, id: string, replay: string | null = null): Promise<Receipt> => {
    const receipt = new Receipt(rows.count);
    await sink!.send(
      { id, rows, attempt: 0, isRest: false, cut: { ...CUT, replay } },
      receipt,
      new AbortController().signal,
    );
    return receipt;
  };
  const messagesFound = async () =>
    (await readTopic(engine.bootstrap, topic)).filter(({ value }) => !String(value['id']).startsWith('ready'));
  const found = async (): Promise<string[]> =>
    (await messagesFound()).map(({ value }) => String(value['id'])).toSorted();
  /** Waits until the partitions of a new topic have leaders. */
  const ready = (): Promise<void> =>
    until('leaders', () =>
      send(cutRows(someRows(6, 'ready')), 'ready').then(
        () => true,
        () => false,
      ),
    );
  const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id).toSorted();

  test.each(['none', 'gzip'] as const)(
    'with compression %s: key, value, headers, partition, time',
    async (compression) => {
      await open({ compression });
      await ready();
      const rows = cutRows(someRows(30));
      const receipt = await send(rows, 'a', 'again-1');
      expect(receipt.count(ROW.taken)).toBe(30);
      const messages = await messagesFound();
      expect(messages).toHaveLength(30);
      for (const { partition, key, value, text, headers, timestamp } of messages) {
        expect(key).toBe(value['tenant']);
        expect(partition).toBe(partitionOf(Buffer.from(key!), 4));
        expect(headers).toEqual({ 'millrace-event-id': value['id'], 'millrace-replay': 'again-1' });
        expect(timestamp).toBe(value['received_at'] ?? 0);
        expect(text).not.toContain('\n');
      }
    },
  );

  test('rows of a key keep their order over partitions and restarts of the broker', async () => {
    bench = await new Bench().open();
    const { stage } = await bench.start(
      make({ requestRowsMax: 25, timeout: '2 s' }),
      deliveryOptions({ bufferRowsMax: 100, requestsMax: 1 }),
    );
    for (let n = 0; n < 12; n++) {
      await bench.append(someRows(50, 'e', n * 50));
      if (n === 4) await engine.kill();
      if (n === 8) await engine.restart();
    }
    await bench.drained();
    expect(stage.status().failures).toBeGreaterThan(0);
    const messages = await messagesFound();
    for (const tenant of ['acme', 'bolt', 'crux']) {
      const ids = messages.filter(({ key }) => key === tenant).map(({ value }) => String(value['id']));
      const numbers = [...new Set(ids)].map((id) => Number(id.slice(2)));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
    expect(new Set(messages.map(({ value }) => value['id'])).size).toBe(600);
    expect(bench.edges()).toMatchObject({ read: 600, ok: 600 });
  });

  /** Attempts of the client in one send: this many lost answers, and the sink has to try again. */
  const ATTEMPTS = 3;

  test('a request whose answer is lost counts once when it goes out again', async () => {
    await open();
    await ready();
    await send(cutRows(someRows(5, 'before')), 'before');
    const rows = cutRows(someRows(20));
    passage.lose(2);
    await send(rows, 'a');
    passage.lose(ATTEMPTS);
    await expect(send(cutRows(someRows(20, 'f')), 'b')).rejects.toThrow(ComeAgain);
    await send(cutRows(someRows(20, 'f')), 'b');
    expect(passage.lost()).toBe(2 + ATTEMPTS);
    await send(cutRows(someRows(5, 'after')), 'after');
    const all = [...someRows(20), ...someRows(20, 'f'), ...someRows(5, 'before'), ...someRows(5, 'after')];
    expect(await found()).toEqual(idsOf(all));
  });

  test('what follows a lost answer is not taken for a resend', async () => {
    await open();
    await ready();
    passage.lose(ATTEMPTS);
    await expect(send(cutRows(someRows(20)), 'a')).rejects.toThrow(ComeAgain);
    // As many rows with the same keys: the same numbers, if it were the same producer.
    await send(cutRows(someRows(20, 'f')), 'b');
    passage.lose(ATTEMPTS);
    await expect(send(cutRows(someRows(20, 'g')), 'c')).rejects.toThrow(ComeAgain);
    await send(cutRows(someRows(20, 'g')).part(0, 18), 'c');
    expect(await found()).toEqual(
      idsOf([...someRows(20), ...someRows(20, 'f'), ...someRows(20, 'g'), ...someRows(18, 'g')]),
    );
  });

  test('requests at once do not take each other’s numbers', async () => {
    await open({}, 4);
    await ready();
    const rounds = Array.from({ length: 40 }, (_, n) => n);
    const runners = Array.from({ length: 4 }, async () => {
      for (let n = rounds.shift(); n !== undefined; n = rounds.shift())
        await send(cutRows(someRows(9, `r${n}`)), `r${n}`);
    });
    await Promise.all(runners);
    const all = await found();
    expect(all).toHaveLength(360);
    expect(new Set(all).size).toBe(360);
  });

  test('a row that is too large is refused, and no other row is there twice', async () => {
    await open();
    await ready();
    const rows = someRows(60).map((row, n) => (n === 31 ? { ...row, note: 'x'.repeat(30_000) } : row));
    const receipt = await send(cutRows(rows), 'a');
    expect(receipt.count(ROW.taken)).toBe(59);
    expect([...receipt.refusals]).toEqual([
      [31, { code: 'DELIVERY_REFUSED', message: expect.stringMatching(/^MESSAGE_TOO_LARGE/) }],
    ]);
    expect(await found()).toEqual(idsOf(rows.filter((_, n) => n !== 31)));
    expect(receipt.objects).toBe(59);
  });

  test('a batch that is too large goes in smaller ones, in order', async () => {
    await open({ key: 'kind' });
    await ready();
    const rows = someRows(200).map((row) => ({ ...row, kind: 'click', note: 'y'.repeat(700) }));
    const receipt = await send(cutRows(rows), 'a');
    expect(receipt.count(ROW.taken)).toBe(200);
    const messages = await messagesFound();
    expect(messages.map(({ value }) => value['id'])).toEqual(rows.map(({ id }) => id));
  });

  test('a broker that hangs holds no stop, and is not waited for longer than `timeout`', async () => {
    await open({ timeout: '500 ms' });
    await ready();
    await send(cutRows(someRows(3, 'before')), 'before');
    passage.hang();
    const rows = cutRows(someRows(20));
    await expect(send(rows, 'a')).rejects.toThrow(/no answer within 500 ms|timed out/);
    await sink!.close();
    await open({ timeout: '1 h' });
    const controller = new AbortController();
    const sending = sink!.send(
      { id: 'a', rows, attempt: 0, isRest: false, cut: CUT },
      new Receipt(20),
      controller.signal,
    );
    setTimeout(() => controller.abort(new Error('stop')), 50);
    await expect(sending).rejects.toThrow('stop');
    passage.heal();
    await send(rows, 'a');
    expect(await found()).toEqual(idsOf([...someRows(3, 'before'), ...someRows(20)]));
  });

  test('without the topic the rows wait, the delivery says why, and then they arrive', async () => {
    bench = await new Bench().open();
    await bench.append(someRows(4));
    const { stage } = await bench.start(make({ setUp: undefined }));
    await until('the reason', () =>
      stage.status().errors.some(({ message }) => /Unknown topic events-\d+.*let `setUp` make it/.test(message)),
    );
    await open();
    await bench.drained();
    expect(await found()).toEqual(idsOf(someRows(4)));
    expect(bench.rows('quarantine')).toEqual([]);
  });

  test.each(['plain', 'scram-sha-256'] as const)(
    'with SASL %s; a wrong password is told, and not shown',
    async (mechanism) => {
      await open();
      await sink!.close();
      const sasl = { mechanism, user: USER.name, password: USER.password };
      await open({ brokers: engine.secured, sasl });
      await send(cutRows(someRows(7)), 'a');
      expect(await found()).toEqual(idsOf(someRows(7)));
      await sink!.close();
      const wrong = open({ brokers: engine.secured, sasl: { ...sasl, password: 'guessed-0' } });
      await expect(wrong).rejects.toThrow(/until `sasl` is mended/);
      await expect(wrong).rejects.not.toThrow(/guessed-0/);
    },
  );
});
