/**
 * Click ids: signed tokens of tenant, link and time.
 *
 * A conversion that brings one back proves which tenant and link it belongs to and when the click
 * was, even if the click itself could not be logged.
 *
 * ```
 * base64url of
 *   u8 version = 1 | u8 length, key id | u48 time, ms | 8 bytes random
 *   | u8 length, tenant | u8 length, link | 16 bytes HMAC of all before
 * ```
 */
import { createHash } from 'node:crypto';
import { uuidText } from '../../event/uuid.js';
import type { Random } from '../../io/random.js';
import { SIGNATURE_BYTES, type SigningKeys } from './signing-keys.js';

/** What a click id says. */
export interface Click {
  readonly tenant: string;
  readonly link: string;
  /** When the click was, ms since 1970. */
  readonly timeMs: number;
}

const VERSION = 1;
const RANDOM_BYTES = 8;
/** Longer texts are no click ids; spares the work. */
const TEXT_MAX = 512;

/** A new click id. */
export function mintClickId(keys: SigningKeys, random: Random, click: Click): string {
  const keyId = Buffer.from(keys.current);
  const tenant = Buffer.from(click.tenant);
  const link = Buffer.from(click.link).subarray(0, 255);
  const time = Buffer.alloc(6);
  time.writeUIntBE(click.timeMs, 0, 6);
  const body = Buffer.concat([
    Buffer.from([VERSION, keyId.length]),
    keyId,
    time,
    random.fill(new Uint8Array(RANDOM_BYTES)),
    Buffer.from([tenant.length]),
    tenant,
    Buffer.from([link.length]),
    link,
  ]);
  return Buffer.concat([body, keys.sign('click', [body])]).toString('base64url');
}

/** What a click id says, or null when it is not one of ours. */
export function readClickId(keys: SigningKeys, text: string): Click | null {
  if (text.length > TEXT_MAX || !/^[A-Za-z0-9_-]+$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length < 18 + SIGNATURE_BYTES || bytes[0] !== VERSION || bytes.toString('base64url') !== text) return null;
  const end = bytes.length - SIGNATURE_BYTES;
  const keyEnd = 2 + bytes[1]!;
  const tenantAt = keyEnd + 6 + RANDOM_BYTES;
  if (tenantAt + 2 > end) return null;
  const tenantEnd = tenantAt + 1 + bytes[tenantAt]!;
  if (tenantEnd >= end || tenantEnd + 1 + bytes[tenantEnd]! !== end) return null;
  if (!keys.verify('click', bytes.toString('latin1', 2, keyEnd), [bytes.subarray(0, end)], bytes.subarray(end)))
    return null;
  return {
    tenant: bytes.toString('utf8', tenantAt + 1, tenantEnd),
    link: bytes.toString('utf8', tenantEnd + 1, end),
    timeMs: bytes.readUIntBE(keyEnd, 6),
  };
}

/** A UUID (version 8) made from texts: the same texts, the same id, so that a resend counts once. */
export function derivedUuid(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  const bytes = hash.digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidText(bytes, 0);
}
