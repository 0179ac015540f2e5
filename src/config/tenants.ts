/**
 * Who may do what: tenants, their hashed API keys, and the roles of the keys.
 *
 * Purpose. The front door and the query API ask one question a request, `authenticate(key)`, and
 * get the tenant and role, or a refusal. Keys are high-entropy tokens (`mr_<id>_<secret>`); only
 * their SHA-256 is kept, so a look-up is one hash and one map access whatever the number of tenants,
 * and neither the file nor a memory dump gives a key away. Because the map is asked for a digest, the
 * time a look-up takes tells nothing about any key. Access keys of the Firehose API are the exception
 * (`access-keys.ts`): they are looked up by their public id, and verified by an HMAC with their secret.
 *
 * Limits. `TENANTS_MAX` tenants, `KEYS_MAX` keys; names of at most 64 characters.
 *
 * Invariant. A `Directory` is complete and checked or it is not made: a bad file never replaces a
 * good one. Reloading swaps one reference, so a request sees one directory from start to end.
 */
import { createHash } from 'node:crypto';
import { zoneOf } from '../sql/zones.js';
import { MillraceError } from '../util/errors.js';
import {
  ACCESS_KEY_ID,
  ACCESS_KEY_ID_EXAMPLE,
  accessSecret,
  type AccessKey,
  type AccessKeyInput,
} from './access-keys.js';
import { DURATION_EXAMPLE, parseDuration } from './units.js';

/** What a key allows: `ingest` writes, `read` queries, both for one tenant; `operator` does everything for all. */
export type Role = 'ingest' | 'read' | 'operator';

/** The tenant of an operator's key. */
export const EVERY_TENANT = '*';

/** Most tenants one directory holds. */
export const TENANTS_MAX = 200_000;

/** Most keys (with postback secrets) one directory holds. */
export const KEYS_MAX = 1_000_000;

/** One key as it is declared: either the digest, or (for demos) the key itself. */
export interface KeyInput {
  /** SHA-256 of the whole key, hex, with or without `sha256:` before it. */
  readonly hash?: string;
  /** The key in plain text. For demos and tests; never write it into a file that matters. */
  readonly key?: string;
  readonly role?: Role;
  /** For people: shown in logs instead of the key. */
  readonly name?: string;
}

/** How one network names the parameters of a postback. Each maps our name to theirs. */
export type PostbackNames = Readonly<Record<string, string>>;

/** One tenant as it is declared. */
export interface TenantInput {
  readonly id: string;
  readonly keys?: readonly KeyInput[];
  /** Access keys by which the Firehose API writes as this tenant. */
  readonly accessKeys?: readonly AccessKeyInput[];
  /** Whose days its roll-ups have: an IANA name. Default `UTC`. */
  readonly timeZone?: string;
  /** How long views keep its rows: a duration by the view's name, instead of the view's own. */
  readonly retention?: Readonly<Record<string, string>>;
  /** Hosts that unsigned click links may lead to. Default none. `*.example.com` allows sub-domains. */
  readonly redirectHosts?: readonly string[];
  /** Their names for `cid`, `payout`, `txid`, `currency`, `et`, `param1` … `param5`. */
  readonly postbackNames?: PostbackNames;
  /** SHA-256 (hex) of secrets that authenticate postbacks for click ids that are not ours. */
  readonly postbackSecrets?: readonly KeyInput[];
}

/** What a config or a tenants file holds. */
export interface TenantsInput {
  readonly tenants: readonly TenantInput[];
  readonly operators?: readonly KeyInput[];
  /** Access keys that manage streams through the Firehose API, and write for the tenant that each event names. */
  readonly operatorAccessKeys?: readonly AccessKeyInput[];
}

/** A tenant, checked. */
export interface Tenant {
  readonly id: string;
  readonly timeZone: string;
  /** By the view's name, ms. */
  readonly retentionMs: Readonly<Record<string, number>>;
  readonly redirectHosts: readonly string[];
  readonly postbackNames: PostbackNames;
}

/** Who asks: one tenant's key, or an operator's (`tenant` is `*`). */
export interface Principal {
  readonly tenant: string;
  readonly role: Role;
  /** For logs: the key's name or the start of its digest. Never the key. */
  readonly keyName: string;
}

/** Tenants and keys, ready to be asked. Immutable. */
export interface Directory {
  readonly size: number;
  tenant(id: string): Tenant | undefined;
  /** The principal of a key, or undefined when no such key exists. */
  principal(key: string): Principal | undefined;
  /** The access key of an id, or undefined when there is none. */
  accessKey(id: string): AccessKey | undefined;
  /** The tenant of a postback secret. */
  postbackTenant(secret: string): string | undefined;
  tenantIds(): IterableIterator<string>;
}

/** The shortest retention of a tenant's own, ms. */
const RETENTION_MIN_MS = 3_600_000;

const ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
const HASH = /^(?:sha256:)?([0-9a-fA-F]{64})$/;
const HOST = /^(?:\*\.)?[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::\d{1,5})?$/;
const ROLES: readonly string[] = ['ingest', 'read', 'operator'];

/** SHA-256 of a key, hex: what a tenants file holds. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/**
 * Checks the input and builds the maps; secrets come from `environment` where the input says so. Throws
 * CONFIG_INVALID naming the place and what was expected.
 */
export function buildDirectory(
  input: TenantsInput,
  file = 'tenants',
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Directory {
  const tenants = new Map<string, Tenant>();
  const keys = new Map<string, Principal>();
  const secrets = new Map<string, string>();
  const accessKeys = new AccessKeyMap(file, environment);
  if (!Array.isArray(input?.tenants)) throw invalid(file, 'tenants', 'expected an array of tenants');
  if (input.tenants.length > TENANTS_MAX)
    throw invalid(file, 'tenants', `holds ${input.tenants.length} tenants; at most ${TENANTS_MAX} are allowed`);
  input.tenants.forEach((one: TenantInput, index: number) => {
    const place = `tenants[${index}]`;
    const tenant = checkTenant(one, file, place);
    if (tenants.has(tenant.id)) throw invalid(file, `${place}.id`, `'${tenant.id}' is there twice`);
    tenants.set(tenant.id, tenant);
    list(one.keys, file, `${place}.keys`).forEach((key, at) => {
      const where = `${place}.keys[${at}]`;
      const role = checkRole(key.role ?? 'ingest', file, where);
      if (role === 'operator')
        throw invalid(file, `${where}.role`, "a tenant's key can't be an operator's; put it into 'operators'");
      addKey(keys, key, { tenant: tenant.id, role }, file, where);
    });
    list(one.postbackSecrets, file, `${place}.postbackSecrets`).forEach((secret, at) => {
      secrets.set(digest(secret, file, `${place}.postbackSecrets[${at}]`), tenant.id);
    });
    accessKeys.add(one.accessKeys, { tenant: tenant.id, role: 'ingest' }, `${place}.accessKeys`);
  });
  list(input.operators, file, 'operators').forEach((key, index) => {
    addKey(keys, key, { tenant: EVERY_TENANT, role: 'operator' }, file, `operators[${index}]`);
  });
  accessKeys.add(input.operatorAccessKeys, { tenant: EVERY_TENANT, role: 'operator' }, 'operatorAccessKeys');
  const count = keys.size + secrets.size + accessKeys.size;
  if (count > KEYS_MAX) throw invalid(file, 'tenants', `holds ${count} keys; at most ${KEYS_MAX} are allowed`);
  return {
    size: tenants.size,
    tenant: (id) => tenants.get(id),
    principal: (key) => keys.get(hashKey(key)),
    accessKey: (id) => accessKeys.get(id),
    postbackTenant: (secret) => secrets.get(hashKey(secret)),
    tenantIds: () => tenants.keys(),
  };
}

function checkTenant(one: TenantInput, file: string, place: string): Tenant {
  if (typeof one?.id !== 'string' || !ID.test(one.id))
    throw invalid(
      file,
      `${place}.id`,
      'expected 1 to 64 characters of A-Z a-z 0-9 . _ : - that start with a letter or digit',
    );
  const redirectHosts = list(one.redirectHosts, file, `${place}.redirectHosts`).map((host, at) => {
    if (typeof host !== 'string' || !HOST.test(host.toLowerCase()))
      throw invalid(
        file,
        `${place}.redirectHosts[${at}]`,
        "expected a host such as 'shop.example.com' or '*.example.com', without scheme or path",
      );
    return host.toLowerCase();
  });
  const postbackNames = one.postbackNames ?? {};
  if (typeof postbackNames !== 'object' || Object.values(postbackNames).some((name) => typeof name !== 'string'))
    throw invalid(file, `${place}.postbackNames`, "expected an object of names such as { cid: 'click-id' }");
  const timeZone = checkZone(one.timeZone ?? 'UTC', file, `${place}.timeZone`);
  const retentionMs = checkRetention(one.retention ?? {}, file, `${place}.retention`);
  return { id: one.id, timeZone, retentionMs, redirectHosts, postbackNames };
}

function checkZone(name: string, file: string, place: string): string {
  try {
    return zoneOf(name).name;
  } catch {
    throw invalid(file, place, "expected the IANA name of a time zone such as 'Europe/Berlin', or 'UTC'");
  }
}

function checkRetention(
  retention: Readonly<Record<string, string>>,
  file: string,
  place: string,
): Tenant['retentionMs'] {
  if (typeof retention !== 'object')
    throw invalid(file, place, "expected durations by the view's name such as { traffic: '30 d' }");
  return Object.fromEntries(
    Object.entries(retention).map(([view, text]) => {
      const ms = typeof text === 'string' ? parseDuration(text) : undefined;
      if (ms === undefined) throw invalid(file, `${place}.${view}`, `expected ${DURATION_EXAMPLE}`);
      if (ms < RETENTION_MIN_MS) throw invalid(file, `${place}.${view}`, 'expected at least 1 h');
      return [view, ms];
    }),
  );
}

function addKey(
  keys: Map<string, Principal>,
  key: KeyInput,
  owner: { tenant: string; role: Role },
  file: string,
  place: string,
): void {
  const hash = digest(key, file, place);
  const other = keys.get(hash);
  if (other !== undefined) throw invalid(file, place, `the same key belongs to '${other.tenant}' already`);
  keys.set(hash, { ...owner, keyName: key.name ?? `${hash.slice(0, 8)}…` });
}

/** Access keys by id. */
class AccessKeyMap {
  readonly #keys = new Map<string, AccessKey>();
  readonly #file: string;
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor(file: string, environment: Readonly<Record<string, string | undefined>>) {
    this.#file = file;
    this.#environment = environment;
  }

  get size(): number {
    return this.#keys.size;
  }

  get(id: string): AccessKey | undefined {
    return this.#keys.get(id);
  }

  add(
    declared: readonly AccessKeyInput[] | undefined,
    owner: { readonly tenant: string; readonly role: Role },
    place: string,
  ): void {
    list(declared, this.#file, place).forEach(({ id, secret, name }, at) => {
      const where = `${place}[${at}]`;
      if (typeof id !== 'string' || !ACCESS_KEY_ID.test(id))
        throw invalid(this.#file, `${where}.id`, `expected ${ACCESS_KEY_ID_EXAMPLE}`);
      const other = this.#keys.get(id);
      if (other !== undefined)
        throw invalid(this.#file, `${where}.id`, `the same id belongs to '${other.principal.tenant}' already`);
      this.#keys.set(id, {
        secret: accessSecret(secret, this.#environment, `${this.#file}: ${where}.secret`),
        principal: { ...owner, keyName: name ?? id },
      });
    });
  }
}

function digest(key: KeyInput, file: string, place: string): string {
  if (typeof key?.key === 'string' && key.hash === undefined) {
    if (key.key.length < 16)
      throw invalid(file, `${place}.key`, 'is shorter than 16 characters; make one with: millrace key');
    return hashKey(key.key);
  }
  const match = typeof key?.hash === 'string' ? HASH.exec(key.hash) : null;
  if (match === null) throw invalid(file, `${place}.hash`, 'expected the SHA-256 of the key, 64 hexadecimal digits');
  return match[1]!.toLowerCase();
}

function checkRole(role: string, file: string, place: string): Role {
  if (!ROLES.includes(role))
    throw invalid(file, `${place}.role`, `expected 'ingest', 'read' or 'operator', not '${String(role)}'`);
  return role as Role;
}

function list<T>(value: readonly T[] | undefined, file: string, place: string): readonly T[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid(file, place, 'expected an array');
  return value;
}

function invalid(file: string, path: string, expected: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', `${path}: ${expected}`, { place: `${file}: ${path}` });
}

/** The key of an `Authorization: Bearer <key>` header, or undefined. */
export function bearerKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const match = /^Bearer +([\x21-\x7e]{8,256})$/i.exec(header);
  return match?.[1];
}
