import { afterAll, beforeAll } from 'vitest';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { sinkConformance } from '../../conformance/sinks.js';
import { startKafka, type Kafka } from '../../engines/kafka.js';
import { describeWith } from '../../engines/missing.js';
import { sinkContext, someRows } from '../support.js';
import { readTopic, settings } from './support.js';

describeWith(['kafka'], 'the sink kafka', () => {
  let engine: Kafka;
  beforeAll(async () => {
    engine = await startKafka({ settings: { 'message.max.bytes': 20_000, 'auto.create.topics.enable': false } });
  });
  afterAll(() => engine?.stop());

  let topics = 0;
  sinkConformance('kafka', async () => {
    const topic = `conformance-${topics++}`;
    const options = settings(engine.bootstrap, {
      topic,
      requestRowsMax: 20,
      setUp: { partitions: 1, replication: 1 },
    });
    return {
      // More requests at once keep no order; `sink.engines.ts` has them.
      make: () => createSink(options, sinkContext({ requestsMax: 1 })),
      read: async () => (await readTopic(engine.bootstrap, topic)).map(({ value }) => String(value['id'])),
      guarantee: 'at least once',
      ordered: true,
      poison: { ...someRows(1, 'poison')[0]!, id: 'poison-0', tenant: 'acme', note: 'x'.repeat(30_000) },
      outage: { away: () => engine.kill(), back: () => engine.restart() },
      close: async () => undefined,
    };
  });
});
