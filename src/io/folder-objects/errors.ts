import { MillraceError } from '../../util/errors.js';

/** What the key can't be: too long, or a name that a folder has, or a folder that a file is. */
const KEY_INVALID: ReadonlySet<string> = new Set(['ENOTDIR', 'EISDIR', 'EEXIST', 'ENAMETOOLONG']);
/** What this user may not, until somebody mends it. */
const REFUSED: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'EINVAL', 'ELOOP']);

/**
 * Runs, and says of an error of the file system what it is to the caller of an object store:
 * STORE_KEY_INVALID, STORE_REFUSED or STORE_UNAVAILABLE (no room, a failing disk, too many open files).
 */
export function asStoreError<T>(place: string, run: () => T): T {
  try {
    const result = run();
    if (!(result instanceof Promise)) return result;
    return result.catch((error: unknown) => {
      throw storeError(error, place);
    }) as T;
  } catch (error) {
    throw storeError(error, place);
  }
}

function storeError(error: unknown, place: string): unknown {
  const errno = (error as NodeJS.ErrnoException).code;
  if (error instanceof MillraceError || !(error instanceof Error) || typeof errno !== 'string') return error;
  const code = KEY_INVALID.has(errno)
    ? 'STORE_KEY_INVALID'
    : REFUSED.has(errno)
      ? 'STORE_REFUSED'
      : 'STORE_UNAVAILABLE';
  return new MillraceError(code, error.message, { place, cause: error });
}
