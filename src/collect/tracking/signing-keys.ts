/**
 * The secrets behind click links, click ids and cursors, and what is derived from them.
 *
 * A secret is never used itself: HKDF (RFC 5869) derives one key for each kind, so that a signature of
 * one kind is never good for another. The first secret signs, all verify:
 * to rotate, put a new one in front and take the old one out when its last link has expired.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { Disk } from '../../io/disk.js';
import type { Random } from '../../io/random.js';
import { MillraceError } from '../../util/errors.js';

/** A secret as it is configured. */
export interface SigningSecret {
  /** Named in links and click ids; 1 to 16 characters of A-Z a-z 0-9 - _. */
  readonly id: string;
  readonly secret: string;
}

/** What a signature is for. */
export type SignaturePurpose = 'link' | 'click' | 'cursor';

/** Bytes of a signature: 128 bits of HMAC-SHA256. */
export const SIGNATURE_BYTES = 16;

const FILE = 'signing-keys.json';

/** Signs and verifies. */
export class SigningKeys {
  /** The id of the secret that signs. */
  readonly current: string;
  readonly #keys = new Map<string, Buffer>();

  /** Throws CONFIG_INVALID when there is no secret, or an id is wrong or there twice. */
  constructor(secrets: readonly SigningSecret[]) {
    const [first] = secrets;
    if (first === undefined)
      throw new MillraceError('CONFIG_INVALID', 'expected at least one signing key', { place: 'collect.signingKeys' });
    this.current = first.id;
    secrets.forEach(({ id, secret }, index) => {
      const place = `collect.signingKeys[${index}]`;
      if (!/^[A-Za-z0-9_-]{1,16}$/.test(id))
        throw new MillraceError('CONFIG_INVALID', 'expected 1 to 16 characters of A-Z a-z 0-9 - _', {
          place: `${place}.id`,
        });
      if (this.#keys.has(`link ${id}`))
        throw new MillraceError('CONFIG_INVALID', `'${id}' is there twice`, { place: `${place}.id` });
      if (secret.length < 32)
        throw new MillraceError('CONFIG_INVALID', 'expected a secret of at least 32 characters', {
          place: `${place}.secret`,
        });
      for (const purpose of ['link', 'click', 'cursor'] as const)
        this.#keys.set(
          `${purpose} ${id}`,
          Buffer.from(hkdfSync('sha256', secret, 'millrace', `millrace ${purpose} v1`, 32)),
        );
    });
  }

  /** The signature of `parts` by the current secret. */
  sign(purpose: SignaturePurpose, parts: readonly (string | Uint8Array)[]): Buffer {
    return this.#mac(this.#keys.get(`${purpose} ${this.current}`)!, parts);
  }

  /** Whether `signature` is that of `parts` by the secret `id`. Takes the same time wherever it differs. */
  verify(
    purpose: SignaturePurpose,
    id: string,
    parts: readonly (string | Uint8Array)[],
    signature: Uint8Array,
  ): boolean {
    const key = this.#keys.get(`${purpose} ${id}`);
    return (
      key !== undefined && signature.length === SIGNATURE_BYTES && timingSafeEqual(this.#mac(key, parts), signature)
    );
  }

  /** Each part is preceded by its length, so that no two lists of parts look the same. */
  #mac(key: Buffer, parts: readonly (string | Uint8Array)[]): Buffer {
    const mac = createHmac('sha256', key);
    for (const part of parts) {
      const bytes = typeof part === 'string' ? Buffer.from(part) : part;
      mac.update(`${bytes.length}:`).update(bytes);
    }
    return mac.digest().subarray(0, SIGNATURE_BYTES);
  }
}

/** The secrets kept in the data folder; makes one at the first start. */
export async function keptSecrets(disk: Disk, folder: string, random: Random): Promise<readonly SigningSecret[]> {
  const path = `${folder}/${FILE}`;
  if (disk.exists(path)) {
    const file = disk.open(path, 'read');
    const bytes = Buffer.alloc(file.size());
    file.readSync(bytes, 0, bytes.length, 0);
    file.close();
    try {
      return JSON.parse(bytes.toString('utf8')) as SigningSecret[];
    } catch (cause) {
      throw new MillraceError(
        'DATA_FOLDER_DAMAGED',
        'the file of signing keys is not JSON; restore it, or remove it and sign all links again',
        { place: path, cause },
      );
    }
  }
  const secrets = [{ id: 'k1', secret: Buffer.from(random.fill(new Uint8Array(32))).toString('base64url') }];
  disk.makeFolder(folder);
  const temporary = `${path}.tmp`;
  if (disk.exists(temporary)) disk.remove(temporary);
  const file = disk.open(temporary, 'exclusive');
  await file.write(Buffer.from(JSON.stringify(secrets)), 0);
  await file.sync();
  file.close();
  disk.rename(temporary, path);
  disk.syncDirectory(folder);
  return secrets;
}
