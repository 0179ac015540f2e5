/** Errors of a disk as people read them. */
import { MillraceError, type ErrorCode } from '../../../util/errors.js';

const MEANINGS: Readonly<Record<string, readonly [code: ErrorCode, advice: string]>> = {
  ENOSPC: ['PULL_DATABASE_FULL', '; make room there, then it goes on by itself'],
  EDQUOT: ['PULL_DATABASE_FULL', '; make room there, then it goes on by itself'],
  EACCES: ['PULL_DATABASE_REFUSED', '; the worker must be able to write there'],
  EPERM: ['PULL_DATABASE_REFUSED', '; the worker must be able to write there'],
  EROFS: ['PULL_DATABASE_REFUSED', '; the worker must be able to write there'],
  EEXIST: ['PULL_DATABASE_REFUSED', '; look at the path given by --into'],
  ENOTDIR: ['PULL_DATABASE_REFUSED', '; look at the path given by --into'],
  ENOENT: [
    'PULL_TABLE_CHANGED',
    "; a file that the manifest names is gone: remove the manifest's folder to load it anew",
  ],
};

/** An error as one that people read; those that are no disk's come back as they are. */
export function failureOf(error: unknown, name: string): unknown {
  if (error instanceof MillraceError || !(error instanceof Error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  const [meaning, advice] = MEANINGS[code] ?? (['PULL_DATABASE_UNAVAILABLE', ''] as const);
  return new MillraceError(meaning, `${name}: ${error.message}${advice}`, { cause: error });
}
