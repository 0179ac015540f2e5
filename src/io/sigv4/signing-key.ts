/**
 * Signing keys: what a secret becomes for one day, region and service.
 *
 * ```
 * key = hmac(hmac(hmac(hmac('AWS4' + secret, date), region), service), 'aws4_request')
 * ```
 * Purpose of the cache: four of the five HMACs of a request. Limit: `entriesMax` keys; at the bound
 * the one that was not used for longest goes, so yesterday's leave by themselves.
 *
 * Invariant: a kept key belongs to the secret that it is asked for with. A secret that was changed
 * is derived again. Who verifies keeps a key only after a signature by it was right, so that nobody
 * without a secret can push other keys out.
 */
import { createHmac } from 'node:crypto';
import { scopeText, TERMINATOR, type CredentialScope } from './canonical.js';

/** Derives the key of a scope; four HMACs. */
export function deriveSigningKey(secret: string, { date, region, service }: CredentialScope): Buffer {
  let key = Buffer.from(`AWS4${secret}`, 'utf8');
  for (const part of [date, region, service, TERMINATOR]) key = createHmac('sha256', key).update(part).digest();
  return key;
}

interface Entry {
  readonly secret: string;
  readonly key: Buffer;
}

/** Keys that were derived before. */
export class SigningKeyCache {
  readonly #entries = new Map<string, Entry>();
  readonly #entriesMax: number;

  /** `entriesMax` about one for each key id in use a day: 300 bytes each. */
  constructor(entriesMax = 20_000) {
    this.#entriesMax = entriesMax;
  }

  /** Keys kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** The key, if it is kept. */
  find(accessKeyId: string, secret: string, scope: CredentialScope): Buffer | undefined {
    const name = nameOf(accessKeyId, scope);
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.secret !== secret) return undefined;
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    return entry.key;
  }

  /** Keeps a key, in the place of the one that was not used for longest if there is no room. */
  keep(accessKeyId: string, secret: string, scope: CredentialScope, key: Buffer): void {
    const name = nameOf(accessKeyId, scope);
    this.#entries.delete(name);
    this.#entries.set(name, { secret, key });
    if (this.#entries.size <= this.#entriesMax) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  /** The key for signing: found, or derived and kept. */
  take(accessKeyId: string, secret: string, scope: CredentialScope): Buffer {
    const found = this.find(accessKeyId, secret, scope);
    if (found !== undefined) return found;
    const key = deriveSigningKey(secret, scope);
    this.keep(accessKeyId, secret, scope, key);
    return key;
  }
}

/** An access key id has no `/`, so no two names are the same. */
function nameOf(accessKeyId: string, scope: CredentialScope): string {
  return `${accessKeyId}/${scopeText(scope)}`;
}
