/**
 * Which thread goes first when there are more of them than cores.
 *
 * The thread that answers clients waits for nobody: the others lower their own priority (`nice`),
 * so that they use what is left. Threads that they start (DuckDB's) inherit it.
 */
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Lowers the priority of the calling thread by `steps` (1 to 19) of `nice`. On Linux only: elsewhere
 * priority is a property of the process, and nothing happens.
 */
export function yieldToOthers(steps: number): void {
  if (process.platform !== 'linux') return;
  // `1234/task/1240`: setpriority(2) takes a thread's number as it takes a process's.
  setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), steps);
}
