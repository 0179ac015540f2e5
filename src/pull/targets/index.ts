/** Every kind of database, or folder, that can be pulled into. */
import { systemClock } from '../../io/clock.js';
import { realDisk } from '../../io/disk-real.js';
import { lockFolder } from '../../io/lock.js';
import { MillraceError } from '../../util/errors.js';
import type { PullTarget, TargetSeams } from '../target.js';
import { createParquetTarget } from './parquet.js';
import { createPostgresTarget } from './postgres.js';
import { createSqliteTarget } from './sqlite.js';

/** What an address is opened with. */
export interface TargetOptions {
  /** Of PostgreSQL; default `public`. */
  readonly schema?: string | undefined;
  /** Transactions at once. */
  readonly sessionsMax: number;
}

type Open = (address: string, options: TargetOptions, seams: TargetSeams) => PullTarget;

/** By the scheme of the address, with what it looks like. */
const TARGETS: Readonly<Record<string, { readonly example: string; readonly open: Open }>> = {
  'postgres:': {
    example: 'postgres://user:password@host:5432/database',
    open: (url, options, seams) => createPostgresTarget({ url, ...options }, seams),
  },
  'sqlite:': {
    example: 'sqlite:reports.db',
    open: (address, _options, seams) => createSqliteTarget(address.slice('sqlite:'.length), seams),
  },
  'parquet:': {
    example: 'parquet:folder',
    open: (address, _options, seams) =>
      createParquetTarget(
        { path: address.slice('parquet:'.length), disk: realDisk, clock: systemClock, lock: lockFolder },
        seams,
      ),
  },
};
/** Other names of schemes. */
const ALIASES: Readonly<Record<string, string>> = { 'postgresql:': 'postgres:' };

/** Opens the database at an address; nothing is connected yet. Throws CONFIG_INVALID for an address of no known kind. */
export function openTarget(address: string, options: TargetOptions, seams: TargetSeams = {}): PullTarget {
  const scheme = /^[a-z]+:/.exec(address)?.[0] ?? '';
  const target = TARGETS[ALIASES[scheme] ?? scheme];
  if (target !== undefined) return target.open(address, options, seams);
  const examples = Object.values(TARGETS).map(({ example }) => example);
  throw new MillraceError('CONFIG_INVALID', `--into: expected one of ${examples.join(', ')}; found '${scheme}…'`, {
    place: 'into',
  });
}
