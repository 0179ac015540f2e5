/**
 * Tenants and keys as the configuration and the tenants file hold them. The shapes are those of
 * `tenants.ts`, which checks what concerns all of them together (ids and keys that occur twice).
 */
import { z } from 'zod';
import { ACCESS_KEY_ID, ACCESS_KEY_ID_EXAMPLE, accessSecretMistake, type AccessKeyInput } from './access-keys.js';
import { text } from './fields.js';
import type { KeyInput, TenantsInput } from './tenants.js';

const HASH_EXAMPLE = "expected the key's SHA-256, 64 hexadecimal digits; `millrace key` makes a key and its hash";

const secretFields = {
  name: text('For people: shown in messages instead of the key').optional(),
  hash: z
    .string({ error: HASH_EXAMPLE })
    .regex(/^(?:sha256:)?[0-9a-fA-F]{64}$/, { error: HASH_EXAMPLE })
    .optional()
    .meta({ description: "The key's SHA-256 in hex; `millrace key` makes a key and its hash" }),
  key: z
    .string()
    .min(16, { error: 'expected a key of at least 16 characters' })
    .optional()
    .meta({ description: 'A demo key in clear; with one, listening beyond this machine is refused' }),
};

const either = { error: 'expected either hash or key (a demo key in clear), and not both' };
const isOne = (key: { hash?: string | undefined; key?: string | undefined }) =>
  (key.hash === undefined) !== (key.key === undefined);

const operatorField = z
  .strictObject({
    ...secretFields,
    role: z
      .literal('operator', { error: "expected 'operator', or nothing" })
      .default('operator')
      .meta({ description: 'What it allows' }),
  })
  .refine(isOne, either);

const keyField = z
  .strictObject({
    ...secretFields,
    role: z
      .enum(['ingest', 'read'], { error: "expected 'ingest' or 'read'" })
      .default('ingest')
      .meta({ description: '`ingest` sends events, `read` queries' }),
  })
  .refine(isOne, either);

const accessKeyField = z.strictObject({
  name: text('For people: shown in messages instead of the id').optional(),
  id: z
    .string({ error: `expected ${ACCESS_KEY_ID_EXAMPLE}` })
    .regex(ACCESS_KEY_ID, { error: `expected ${ACCESS_KEY_ID_EXAMPLE}` })
    .meta({ description: 'As `AWS_ACCESS_KEY_ID`; `millrace key --access` makes one with its secret' }),
  secret: z
    .unknown()
    .superRefine((secret, context) => {
      const message = accessSecretMistake(secret);
      if (message !== null) context.addIssue({ code: 'custom', message, params: { secret: true } });
    })
    .meta({
      description:
        "As `AWS_SECRET_ACCESS_KEY`: `{ env: 'NAME' }` takes it from the environment; one in clear is a demo key",
      kind: 'secret',
    }),
});

const tenantField = z.strictObject({
  id: z.string({ error: 'expected the id that events carry' }).meta({ description: 'The id that events carry' }),
  keys: z.array(keyField).default([]).meta({ description: "The tenant's keys" }),
  accessKeys: z
    .array(accessKeyField)
    .default([])
    .meta({ description: 'Access keys by which the Firehose API writes as this tenant' }),
  timeZone: z
    .string({ error: "expected the IANA name of a time zone such as 'Europe/Berlin'" })
    .default('UTC')
    .meta({ description: 'The time zone whose days its roll-ups have: an IANA name such as `Europe/Berlin`' }),
  retention: z.record(z.string(), z.string()).default({}).meta({
    description:
      "How long views keep this tenant's rows, by the view's name, such as `{ traffic: '30 d' }`; instead of the view's own `retention`",
  }),
  redirectHosts: z.array(z.string()).default([]).meta({
    description: 'Hosts that unsigned click links may lead to, such as `shop.example.com` or `*.example.com`',
  }),
  postbackNames: z
    .record(z.string(), z.string())
    .default({})
    .meta({ description: "A network's names for `cid`, `payout`, `txid`, `currency`, `et`, `param1` … `param5`" }),
  postbackSecrets: z
    .array(z.strictObject(secretFields).refine(isOne, either))
    .default([])
    .meta({ description: 'Secrets that authenticate postbacks for click ids that are not ours' }),
});

/** The advertisers. */
export const tenantsField = z.array(tenantField).default([]).meta({ description: 'The advertisers' });

/** Keys for every tenant. */
export const operatorsField = z.array(operatorField).default([]).meta({ description: 'Keys that see every tenant' });

/** Access keys that manage streams. */
export const operatorAccessKeysField = z.array(accessKeyField).default([]).meta({
  description:
    'Access keys that manage streams through the Firehose API, and write for the tenant that each event names',
});

/** A key in clear: for demonstrations on this machine only. */
export interface DemoKey {
  readonly key: string;
  readonly role: 'ingest' | 'read' | 'operator';
  /** `*` for an operator's key. */
  readonly tenant: string;
}

/** All keys that are written in clear. */
export function demoKeysOf(input: TenantsInput): DemoKey[] {
  const found: DemoKey[] = [];
  const take = (keys: readonly KeyInput[] | undefined, tenant: string, role: DemoKey['role']) => {
    for (const key of keys ?? [])
      if (key.key !== undefined) found.push({ key: key.key, role: key.role ?? role, tenant });
  };
  take(input.operators, '*', 'operator');
  for (const tenant of input.tenants)
    take([...(tenant.keys ?? []), ...(tenant.postbackSecrets ?? [])], tenant.id, 'ingest');
  return found;
}

/** An access key with its secret in clear: for demonstrations on this machine only. */
export interface DemoAccessKey {
  readonly id: string;
  readonly secret: string;
  /** `*` for an operator's. */
  readonly tenant: string;
}

/** All access keys whose secret is written in clear. */
export function demoAccessKeysOf(input: TenantsInput): DemoAccessKey[] {
  const of = (keys: readonly AccessKeyInput[] | undefined, tenant: string): DemoAccessKey[] =>
    (keys ?? []).flatMap(({ id, secret }) => (typeof secret === 'string' ? [{ id, secret, tenant }] : []));
  return [...of(input.operatorAccessKeys, '*'), ...input.tenants.flatMap(({ id, accessKeys }) => of(accessKeys, id))];
}
