import { createServer, connect, type Socket } from 'node:net';
import { Admin, Consumer } from '@platformatic/kafka';
import type { z } from 'zod';
import type { SinkOptionsOf } from '../../../src/config/sinks/index.js';
import { kafkaSinkField } from '../../../src/config/sinks/kafka.js';

/** Settings of a sink, parsed. */
export function settings(
  brokers: string | string[],
  rest: Partial<z.input<typeof kafkaSinkField>> = {},
): SinkOptionsOf<'kafka'> {
  return kafkaSinkField.parse({ type: 'kafka', brokers, topic: 'events', timeout: '5 s', ...rest });
}

/** A message as a consumer sees it. */
export interface Found {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly value: Record<string, unknown>;
  readonly text: string;
  readonly headers: Record<string, string>;
  readonly timestamp: number;
}

let readers = 0;

/** All messages of a topic, by partition and offset; none where there is no such topic. */
export async function readTopic(broker: string, topic: string): Promise<Found[]> {
  const clientId = 'millrace-test';
  const admin = new Admin({ clientId, bootstrapBrokers: [broker] });
  const topics = await admin.listTopics();
  await admin.close();
  if (!topics.includes(topic)) return [];
  const consumer = new Consumer({
    groupId: `reader-${process.pid}-${readers++}`,
    clientId,
    bootstrapBrokers: [broker],
  });
  try {
    const ends = (await consumer.listOffsets({ topics: [topic] })).get(topic)!;
    let left = ends.reduce((sum, end) => sum + Number(end), 0);
    const found: Found[] = [];
    if (left === 0) return [];
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false, maxWaitTime: 100 });
    for await (const { partition, offset, key, value, headers, timestamp } of stream) {
      const text = value!.toString();
      found.push({
        partition,
        offset: Number(offset),
        key: key?.toString() ?? null,
        value: JSON.parse(text) as Record<string, unknown>,
        text,
        headers: Object.fromEntries([...headers].map(([name, one]) => [name.toString(), one.toString()])),
        timestamp: Number(timestamp),
      });
      if (--left === 0) break;
    }
    return found.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
  } finally {
    await consumer.close(true);
  }
}

/** A way to a broker that can keep an answer to itself. */
export interface Passage {
  readonly address: string;
  /** The next so many answers to messages do not come through: the connection ends in their place. */
  lose(count: number): void;
  /** How many were lost. */
  lost(): number;
  /** Messages do not come through any more, connections stay open; until `heal`. */
  hang(): void;
  heal(): void;
  close(): Promise<void>;
}

const PRODUCE = 0;

/** Opens a way to a broker that need not be there yet. */
export async function openPassage(target: () => string): Promise<Passage> {
  const sockets = new Set<Socket>();
  let losing = 0;
  let lost = 0;
  let isHanging = false;
  const server = createServer((near) => {
    const [host, port] = target().split(':') as [string, string];
    const far = connect(Number(port), host);
    let isProducing = false;
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    near.on('data', (bytes) => {
      // The client writes each request at once: length, then the number of its kind.
      isProducing = bytes.length > 6 && bytes.readInt16BE(4) === PRODUCE && bytes.readInt16BE(6) >= 3;
      if (!(isHanging && isProducing)) far.write(bytes);
    });
    far.on('data', (bytes) => {
      if (losing === 0 || !isProducing) return void near.write(bytes);
      losing -= 1;
      lost += 1;
      near.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  return {
    address: `127.0.0.1:${port}`,
    lose: (count) => (losing = count),
    lost: () => lost,
    hang: () => (isHanging = true),
    heal: () => (isHanging = false),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
