/**
 * Numbers for (stream, tenant): the scopes within which an event id counts once.
 *
 * ```
 * scopes.log   one line a scope, its number is the line: {"stream":"events","tenant":"acme"}\n
 * ```
 * Lines are only ever added. A run names scopes by number, so `persist` must have resolved before a run
 * that uses a new number is published; the manifest states how many lines are good. What lies
 * beyond was never used and is cut at the next start.
 *
 * Limit: `SCOPES_MAX`; the tenants of a scope are known ones, so input can't grow it.
 */
import type { Disk } from '../../io/disk.js';
import { MillraceError } from '../../util/errors.js';

/** Most scopes there can be. */
export const SCOPES_MAX = 4_000_000;

const FILE = 'scopes.log';

/** The scopes of a data folder. */
export class Scopes {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #numbers = new Map<string, Map<string, number>>();
  readonly #lines: string[] = [];
  #persisted = 0;
  #bytes = 0;

  private constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  /** Reads the first `count` scopes. Throws DATA_FOLDER_DAMAGED when they are not there. */
  static open(disk: Disk, folder: string, count: number): Scopes {
    const scopes = new Scopes(disk, folder);
    if (count > 0) scopes.#load(count);
    return scopes;
  }

  /** How many there are. */
  get size(): number {
    return this.#lines.length;
  }

  /** How many of them are on disk. */
  get persisted(): number {
    return this.#persisted;
  }

  /** The number of a tenant in a stream; a new one when it has none. */
  numberOf(stream: string, tenant: string): number {
    let tenants = this.#numbers.get(stream);
    if (tenants === undefined) this.#numbers.set(stream, (tenants = new Map()));
    let number = tenants.get(tenant);
    if (number === undefined) {
      number = this.#lines.length;
      if (number >= SCOPES_MAX)
        throw new MillraceError('LOG_OVERLOADED', `more than ${SCOPES_MAX} tenants have sent events`, {
          place: this.#folder,
        });
      tenants.set(tenant, number);
      this.#lines.push(JSON.stringify({ stream, tenant }));
    }
    return number;
  }

  /** Puts all scopes on disk; answers how many that are. */
  async persist(): Promise<number> {
    const count = this.#lines.length;
    if (count === this.#persisted) return count;
    const text = Buffer.from(`${this.#lines.slice(this.#persisted, count).join('\n')}\n`);
    const path = `${this.#folder}/${FILE}`;
    const file = this.#disk.open(path, this.#disk.exists(path) ? 'write' : 'create');
    try {
      await file.write(text, this.#bytes);
      await file.sync();
    } finally {
      file.close();
    }
    await this.#disk.syncDirectoryLater(this.#folder);
    this.#persisted = count;
    this.#bytes += text.length;
    return count;
  }

  #load(count: number): void {
    const path = `${this.#folder}/${FILE}`;
    const damaged = () =>
      new MillraceError('DATA_FOLDER_DAMAGED', `expected ${count} lines of scopes`, { place: path });
    if (!this.#disk.exists(path)) throw damaged();
    const file = this.#disk.open(path, 'read');
    const bytes = Buffer.alloc(file.size());
    file.readSync(bytes, 0, bytes.length, 0);
    file.close();
    let from = 0;
    for (let line = 0; line < count; line++) {
      const end = bytes.indexOf(10, from);
      if (end < 0) throw damaged();
      const { stream, tenant } = JSON.parse(bytes.toString('utf8', from, end)) as { stream: string; tenant: string };
      if (this.numberOf(stream, tenant) !== line) throw damaged();
      from = end + 1;
    }
    this.#persisted = count;
    this.#bytes = from;
  }
}
