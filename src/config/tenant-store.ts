/**
 * The directory of tenants that is in force, and its reload without a restart.
 *
 * Purpose. Holds the current `Directory`; where tenants come from a file, looks at the file every
 * `intervalMs` and takes a changed one. Looking (size, time, inode) rather than listening, because
 * a file replaced by rename, as editors and config managers do it, ends a listener silently.
 *
 * Invariants. A file that can't be read or is wrong leaves the directory in force as it is; the
 * error is reported once for each version of the file, and `failures` counts it. At start there is nothing to
 * keep, so a bad file is thrown.
 */
import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '../io/clock.js';
import { MillraceError } from '../util/errors.js';
import { bearerKey, buildDirectory, type Directory, type Principal, type Role, type TenantsInput } from './tenants.js';

/** What a tenant store needs. */
export interface TenantStoreOptions {
  /** Tenants written in the config itself. */
  readonly inline?: TenantsInput;
  /** A JSON file of the same shape; its tenants are added to the inline ones. */
  readonly file?: string;
  /** How often the file is looked at. Default 1000. */
  readonly intervalMs?: number;
  readonly clock: Clock;
  /** Told of each reload: the tenants now in force, or why the file was not taken. */
  readonly onReload?: (outcome: { readonly tenants: number; readonly error?: MillraceError }) => void;
}

/** The tenants in force. */
export class TenantStore {
  /** Reloads that were refused since start. */
  failures = 0;
  /** Reloads that were taken since start. */
  reloads = 0;

  #directory: Directory;
  #version: string;
  #cancel: (() => void) | null = null;
  readonly #options: TenantStoreOptions;

  /** Throws CONFIG_INVALID or CONFIG_NOT_FOUND when the tenants can't be had. */
  constructor(options: TenantStoreOptions) {
    this.#options = options;
    this.#version = versionOf(options.file);
    this.#directory = this.#read();
    if (options.file !== undefined) this.#watch();
  }

  /** The directory in force now. Keep it for one request, not longer. */
  get directory(): Directory {
    return this.#directory;
  }

  /**
   * Who sends this `Authorization` header. Throws KEY_MISSING, KEY_INVALID, or KEY_FORBIDDEN when
   * the key's role is not among `roles`; an operator's key is good for everything.
   */
  authenticate(authorization: string | undefined, roles: readonly Role[]): Principal {
    const key = bearerKey(authorization);
    if (key === undefined)
      throw new MillraceError(
        'KEY_MISSING',
        `expected the header 'Authorization: Bearer <key>'${authorization === undefined ? '' : ', with a key of 8 to 256 characters'}`,
        { place: 'header Authorization' },
      );
    return this.authorize(key, roles, 'header Authorization');
  }

  /** As `authenticate`, for a key that came another way; `place` says which. */
  authorize(key: string, roles: readonly Role[], place: string): Principal {
    const principal = this.#directory.principal(key);
    if (principal === undefined) throw new MillraceError('KEY_INVALID', 'this key is not known', { place });
    if (principal.role !== 'operator' && !roles.includes(principal.role))
      throw new MillraceError(
        'KEY_FORBIDDEN',
        `a key with the role '${principal.role}' can't do this; it takes ${roles.map((role) => `'${role}'`).join(' or ')}`,
        { place },
      );
    return principal;
  }

  /** Looks at the file now. Answers whether a changed one was taken. */
  reload(): boolean {
    const version = versionOf(this.#options.file);
    if (version === this.#version) return false;
    this.#version = version;
    try {
      this.#directory = this.#read();
    } catch (cause) {
      this.failures += 1;
      const error =
        cause instanceof MillraceError ? cause : new MillraceError('CONFIG_INVALID', String(cause), { cause });
      this.#options.onReload?.({ tenants: this.#directory.size, error });
      return false;
    }
    this.reloads += 1;
    this.#options.onReload?.({ tenants: this.#directory.size });
    return true;
  }

  /** Stops looking at the file. */
  close(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #watch(): void {
    this.#cancel = this.#options.clock.after(this.#options.intervalMs ?? 1000, () => {
      this.reload();
      this.#watch();
    });
  }

  #read(): Directory {
    const { inline, file } = this.#options;
    if (file === undefined) return buildDirectory(inline ?? { tenants: [] });
    const loaded = parseFile(file);
    if (inline === undefined) return buildDirectory(loaded, file);
    return buildDirectory(
      {
        tenants: [...inline.tenants, ...(loaded.tenants ?? [])],
        operators: [...(inline.operators ?? []), ...(loaded.operators ?? [])],
        operatorAccessKeys: [...(inline.operatorAccessKeys ?? []), ...(loaded.operatorAccessKeys ?? [])],
      },
      file,
    );
  }
}

function parseFile(file: string): TenantsInput {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new MillraceError('CONFIG_NOT_FOUND', `the tenants file can't be read: ${(cause as Error).message}`, {
      place: file,
      cause,
    });
  }
  try {
    return JSON.parse(text) as TenantsInput;
  } catch (cause) {
    throw new MillraceError('CONFIG_INVALID', `the tenants file is not JSON: ${(cause as Error).message}`, {
      place: file,
      cause,
    });
  }
}

function versionOf(file: string | undefined): string {
  if (file === undefined) return '';
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? 'missing' : `${stat.ino}:${stat.size}:${stat.mtimeNs}`;
}
