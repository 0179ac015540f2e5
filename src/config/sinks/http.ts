/** `type: 'http'` (Firehose's protocol for HTTP endpoints) and `type: 'webhook'` (plain requests, signed). */
import { z } from 'zod';
import { isNetwork } from '../../io/address-guard.js';
import { duration, secret, size, text, whole } from '../fields.js';
import { tlsField } from './tls.js';

/** Why a text is no address to send to, or null. */
function urlMistake(url: string): string | null {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return "expected a URL such as 'https://example.com/in'";
  if (parsed.username !== '' || parsed.password !== '') return 'expected a URL without user and password';
  return parsed.hash === '' ? null : 'expected a URL without #';
}

/** Which private addresses may be sent to. */
export const allowPrivateField = z
  .union(
    [
      z.boolean(),
      z.array(z.string().refine(isNetwork, { error: "expected an address or a network such as '10.1.0.0/16'" })),
    ],
    { error: "expected true, false, or a list of networks such as '10.1.0.0/16'" },
  )
  .default(false)
  .meta({
    description:
      'Addresses that may be connected to beside those of the internet: a list of networks, or `true` for all private ones',
  });

/** What requests of all kinds have. */
const requestFields = {
  url: secret('Where requests go; the path may hold a token, so it is not shown', urlMistake),
  allowPrivate: allowPrivateField,
  timeout: duration('30 s', 'A request and its answer take no longer', 100, 3_600_000),
  tls: tlsField.optional().meta({ description: 'Authorities and certificates' }),
  compression: z.enum(['none', 'gzip'], { error: "expected 'none' or 'gzip'" }).default('none').meta({
    description: 'How bodies are compressed',
  }),
};

/** Text that may stand in a header. */
const HEADER_TEXT = /^[\t\x20-\x7e]*$/;

const headerSecret = (description: string) =>
  secret(description, (value) => (HEADER_TEXT.test(value) ? null : 'expected printable ASCII'));

/** An endpoint of Firehose's protocol. */
export const httpSinkField = z.strictObject({
  type: z.literal('http'),
  ...requestFields,
  accessKey: headerSecret('Sent as `X-Amz-Firehose-Access-Key`').optional(),
  sourceArn: text('Sent as `X-Amz-Firehose-Source-Arn`; left out: made from the name of the delivery')
    .regex(HEADER_TEXT, { error: 'expected printable ASCII' })
    .optional(),
  attributes: z
    .record(z.string().min(1).max(256), z.string().max(1024))
    .default({})
    .meta({ description: 'Sent as common attributes with every request' }),
  recordsMax: whole(10_000, 'Most records of a request', 1, 10_000),
  bodySizeMax: size('4 MiB', 'Largest body before compression', 1024, 64 * 1024 ** 2),
});

/** Headers that requests get by themselves. */
const OWN_HEADERS = /^(host|connection|content-length|content-type|content-encoding|transfer-encoding|webhook-.*)$/i;

const headersField = z
  .record(
    z
      .string()
      .regex(/^[\w!#$%&'*+.^`|~-]+$/, { error: 'expected the name of a header' })
      .refine((name) => !OWN_HEADERS.test(name), { error: 'expected a header that is not set by itself' }),
    headerSecret('The value'),
  )
  .default({})
  .meta({ description: 'Headers by name, such as `Authorization`; values are secrets' });

/** Why a text is no signing secret, or null. */
function signingMistake(text: string): string | null {
  const bytes = /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text.slice(6), 'base64').length : 0;
  return bytes >= 24 && bytes <= 64
    ? null
    : "expected 'whsec_' and 24 to 64 bytes in base64, such as from `openssl rand -base64 32`";
}

/** Plain requests. */
export const webhookSinkField = z.strictObject({
  type: z.literal('webhook'),
  ...requestFields,
  method: z.enum(['POST', 'PUT', 'PATCH'], { error: "expected 'POST', 'PUT' or 'PATCH'" }).default('POST').meta({
    description: 'The method of requests',
  }),
  headers: headersField,
  format: z
    .enum(['ndjson', 'array', 'event'], { error: "expected 'ndjson', 'array' or 'event'" })
    .default('ndjson')
    .meta({ description: 'Lines of JSON, a JSON array, or one event a request' }),
  signingSecrets: z
    .array(secret("'whsec_' and 24 to 64 bytes in base64", signingMistake))
    .max(4, { error: 'expected at most 4 secrets' })
    .default([])
    .meta({ description: 'Each signs every request (Standard Webhooks); two of them while one replaces the other' }),
  rowsMax: whole(1_000, 'Most rows of a request', 1, 100_000),
  bodySizeMax: size('1 MiB', 'Largest body before compression; a larger row goes alone', 1024, 64 * 1024 ** 2),
});
