/**
 * Worker threads, started from the built package.
 *
 * A worker is a JavaScript module under `dist/`. Code that runs from `src/` (tests) finds the twin
 * there, so the package must be built before; a missing file says so.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker, type TransferListItem } from 'node:worker_threads';
import { packageFolder } from '../util/package-folder.js';

/** How a thread is started. */
export interface ThreadOptions {
  /** Name shown in tools and errors: `mill`, `lake`, `store`. */
  readonly name: string;
  /** The module, as a path below `dist/`: `lake/thread.js`. */
  readonly module: string;
  readonly workerData: unknown;
  readonly transfer?: readonly TransferListItem[];
  /** Called when the thread ends without `terminate`: with its error, or one that gives the exit code. */
  readonly onDeath: (error: Error) => void;
  /** Most megabytes of JavaScript heap; default Node's own. */
  readonly heapMegabytes?: number;
}

/** A running thread. */
export interface Thread {
  readonly worker: Worker;
  /** Ends it; `onDeath` is not called. */
  terminate(): Promise<void>;
}

/** The folder of the built package. */
export function distFolder(): string {
  return join(packageFolder(), 'dist');
}

/** Starts a thread. */
export function startThread(options: ThreadOptions): Thread {
  const path = join(distFolder(), options.module);
  if (!existsSync(path)) throw new Error(`thread ${options.name}: ${path} is missing; run npm run build`);
  let ending = false;
  let failure: Error | undefined;
  const worker = new Worker(path, {
    name: options.name,
    workerData: options.workerData,
    transferList: [...(options.transfer ?? [])],
    ...(options.heapMegabytes === undefined
      ? {}
      : { resourceLimits: { maxOldGenerationSizeMb: options.heapMegabytes } }),
  });
  worker.on('error', (error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  worker.on('exit', (code) => {
    if (!ending) options.onDeath(failure ?? new Error(`thread ${options.name} ended with code ${code}`));
  });
  return {
    worker,
    async terminate() {
      ending = true;
      await worker.terminate();
    },
  };
}
