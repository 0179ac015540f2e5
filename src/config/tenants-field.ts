/**
 * Tenants and keys as the configuration and the tenants file hold them. The shapes are those of
 * `tenants.ts`, which checks what concerns all of them together (ids and keys that occur twice).
 */
import { z } from 'zod';
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

const tenantField = z.strictObject({
  id: z.string({ error: 'expected the id that events carry' }).meta({ description: 'The id that events carry' }),
  keys: z.array(keyField).default([]).meta({ description: "The tenant's keys" }),
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
