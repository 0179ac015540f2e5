/** `type: 'kafka'`: messages of one topic of Kafka. */
import { z } from 'zod';
import { duration, secret, size, text, whole } from '../fields.js';
import { tlsField } from './tls.js';

const BROKER_EXPECTED = "expected a broker such as 'kafka-1.example.com:9092'";

const broker = z.string({ error: BROKER_EXPECTED }).refine((one) => parts(one) !== null, { error: BROKER_EXPECTED });

/** What Kafka takes as a name. */
const TOPIC = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/;

/** Mechanisms of SASL by the names that configs use. */
export const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

const saslField = z.strictObject({
  mechanism: z
    .enum(SASL_MECHANISMS, { error: `expected one of ${SASL_MECHANISMS.join(', ')}` })
    .meta({ description: '`plain` tells the password to the server: use it with `tls`' }),
  user: text('Who we are'),
  password: secret('Of that user'),
});

const setUpField = z.strictObject({
  partitions: whole(6, 'Partitions of the new topic', 1, 100_000),
  replication: whole(3, 'How many brokers keep each partition', 1, 100),
});

/** Messages of one topic. */
export const kafkaSinkField = z.strictObject({
  type: z.literal('kafka'),
  brokers: z
    .union([broker, z.array(broker).min(1).max(64)], { error: `${BROKER_EXPECTED}, or a list of them` })
    .transform((one) => (typeof one === 'string' ? [one] : one).map((each) => parts(each)!))
    .meta({ description: 'Where to ask for the cluster; the others are found from there' }),
  topic: z
    .string()
    .regex(TOPIC, { error: 'expected a name of letters, digits, . _ and -, at most 249' })
    .meta({ description: 'The topic' }),
  key: text(
    'The column that is the key; rows with one key keep their order. Default: the tenant, or in a stream without tenants the event id',
  ).optional(),
  tls: tlsField.optional().meta({
    description:
      'Left out: connections are not encrypted; `{}`: encrypted, the brokers known by the system’s authorities',
  }),
  sasl: saslField.optional().meta({ description: 'How we prove who we are' }),
  compression: z
    .enum(['none', 'gzip'], { error: "expected 'none' or 'gzip'" })
    .default('none')
    .meta({ description: 'Of batches' }),
  requestRowsMax: whole(5_000, 'Most rows of one request', 1, 100_000),
  requestSizeMax: size(
    '900 KiB',
    "Most bytes of one request, before compression; a topic's `max.message.bytes` is 1 MiB unless you raise it",
    1024,
    64 * 1024 ** 2,
  ),
  timeout: duration('30 s', 'An answer that takes longer is not waited for: the request is sent again', 100, 3_600_000),
  setUp: setUpField
    .optional()
    .meta({ description: 'Makes the topic where it is not there; left out: it must be there' }),
});

/** Host and port of a broker, or null where it is none. */
function parts(value: string): { readonly host: string; readonly port: number } | null {
  const [, literal, name, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(value) ?? [];
  const host = literal ?? name;
  const port = Number(digits);
  return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : null;
}
