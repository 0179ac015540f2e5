import { lockFolder } from '../../io/lock.js';
import { OwnedLog } from './embedded-log.js';
import { recover } from './recovery.js';
import type { EmbeddedLog, OpenLogInput } from './types.js';

export { LOG_DEFAULTS } from './types.js';
export type { CutRows, EmbeddedLog, LogOptions, LogStats, OpenLogInput, RecoveryReport } from './types.js';

/**
 * Opens the log in `folder`, making it when it is not there; this thread owns it until `close`.
 *
 * Reads the newest segment, mends what a crash left (see `recovery` of the result) and begins a new
 * segment. Throws DATA_FOLDER_IN_USE, DATA_FOLDER_NEWER, DATA_FOLDER_DAMAGED, and the disk's own
 * error when the folder can't be written at all.
 */
export async function openLog(input: OpenLogInput): Promise<EmbeddedLog> {
  const release = await (input.lock ?? lockFolder)(input.folder);
  try {
    input.disk.makeFolder(input.folder);
    const log = new OwnedLog(input, recover(input.disk, input.folder), release);
    await log.start();
    return log;
  } catch (error) {
    release();
    throw error;
  }
}
