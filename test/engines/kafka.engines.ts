import { Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startKafka, type Kafka } from './kafka.js';
import { describeWith } from './missing.js';

describeWith(['kafka'], 'Kafka', () => {
  let engine: Kafka;
  beforeAll(async () => {
    engine = await startKafka({ settings: { 'message.max.bytes': 10_000 } });
  });
  afterAll(() => engine?.stop());

  function producer(): Producer<string, string, string, string> {
    return new Producer({
      clientId: 'test',
      bootstrapBrokers: [engine.bootstrap],
      serializers: stringSerializers,
      autocreateTopics: true,
      idempotent: true,
    });
  }

  async function send(messages: readonly { key: string; value: string }[]): Promise<void> {
    const client = producer();
    try {
      await client.send({ messages: messages.map((message) => ({ topic: 'events', ...message })), acks: -1 });
    } finally {
      await client.close();
    }
  }

  async function read(count: number): Promise<string[]> {
    const consumer = new Consumer({
      groupId: `reader-${process.hrtime.bigint()}`,
      clientId: 'test',
      bootstrapBrokers: [engine.bootstrap],
      deserializers: stringDeserializers,
    });
    const values: string[] = [];
    const stream = await consumer.consume({ topics: ['events'], mode: 'earliest', autocommit: false });
    for await (const message of stream) {
      values.push(message.value!);
      if (values.length === count) break;
    }
    await consumer.close(true);
    return values.toSorted();
  }

  const messages = Array.from({ length: 50 }, (_, i) => ({
    key: `k${i % 7}`,
    value: `v${String(i).padStart(2, '0')}`,
  }));
  const values = messages.map(({ value }) => value);

  test('keeps what it acknowledged over kill -9, and takes more after it', async () => {
    await send(messages.slice(0, 40));
    await engine.kill();
    expect(engine.pid).toBeUndefined();
    await engine.restart();
    await send(messages.slice(40));
    expect(await read(50)).toEqual(values);
  });

  test('a graceful restart keeps it as well', async () => {
    await engine.restart();
    expect(await read(50)).toEqual(values);
  });

  test('has the settings asked for', async () => {
    await expect(send([{ key: 'k', value: 'x'.repeat(20_000) }])).rejects.toThrow();
  });
});
