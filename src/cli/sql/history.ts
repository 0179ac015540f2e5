/**
 * The shell's history: lines in a file of the user's home, newest last, at most `LINES_MAX`.
 *
 * Only the user can read the file, for statements can hold data. A history that can't be read or written never stops the
 * shell: it says so once.
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const LINES_MAX = 1_000;

/** Where the history is kept. */
export function historyFile(): string {
  return join(homedir(), '.millrace_history');
}

/** The lines of a history file, newest first, as readline wants them. Empty where there is none. */
export function readHistory(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .slice(-LINES_MAX)
      .toReversed();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Writes lines, newest first. */
export function writeHistory(file: string, lines: readonly string[]): void {
  writeFileSync(file, `${lines.slice(0, LINES_MAX).toReversed().join('\n')}\n`, { mode: 0o600 });
  // The mode counts only for a file that was not there.
  chmodSync(file, 0o600);
}
