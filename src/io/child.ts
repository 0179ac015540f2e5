/**
 * Child processes of our own, for code that may do anything: use up its memory, hang, end.
 *
 * A child is a module under `dist/` that speaks `io/rpc.ts` over the channel that Node makes. Beside
 * it there is a pipe on which the child tells where it is, synchronously, so that its last word
 * arrives whatever happens to it.
 *
 * A child ends when its parent does, also when it hangs (`stayWithParent`); it does not end by the
 * signals that a terminal or a service manager sends to all processes of a group.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import type { RpcPort } from './rpc.js';
import { distFolder } from './threads.js';

/** The pipe on which a child tells where it is. */
const PROGRESS_FD = 4;
/** The files to the child and from it. */
const TO_CHILD_FD = 5;
const FROM_CHILD_FD = 6;
/** Where Linux keeps files in memory. */
const MEMORY_FOLDER = '/dev/shm';
/** Most lines of output kept of a child; it explains its end in the last ones. */
const LINES_KEPT = 20;

/** How a child is started. */
export interface ChildOptions {
  /** The module, as a path below `dist/`. */
  readonly module: string;
  /** Most megabytes of JavaScript heap. */
  readonly heapMegabytes: number;
  /** A word of the child's: two whole numbers (`tellParent`). */
  readonly onProgress: (a: number, b: number) => void;
  /** A line that it has written to its output. */
  readonly onLine: (line: string) => void;
  /** Called when it ends without `kill`. */
  readonly onDeath: (death: ChildDeath) => void;
}

/** How a child ended. */
export interface ChildDeath {
  readonly code: number | null;
  readonly signal: string | null;
  readonly outOfMemory: boolean;
}

/** One end of the two files. */
export interface Mailbox {
  /** Leaves bytes for the other side; what was there before is gone. */
  put(bytes: Uint8Array): void;
  /** The first `length` bytes that the other side has left, in a buffer of their own or in `into`. */
  take(length: number, into?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
}

/** A running child. */
export interface Child {
  readonly port: RpcPort;
  readonly mailbox: Mailbox;
  readonly pid: number;
  /** Ends it at once; resolves when it has ended. `onDeath` is not called. */
  kill(): Promise<void>;
}

/** Starts a child. */
export function startChild(options: ChildOptions): Child {
  const path = join(distFolder(), options.module);
  if (!existsSync(path)) throw new Error(`${path} is missing; run npm run build`);
  const files = [namelessFile(), namelessFile()] as const;
  const child = fork(path, [], {
    serialization: 'advanced',
    execArgv: [`--max-old-space-size=${options.heapMegabytes}`, '--enable-source-maps'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe', ...files],
  });
  let killed = false;
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    readLines(stream!, (line) => {
      lines.push(line);
      if (lines.length > LINES_KEPT) lines.shift();
      if (!isOfTheRuntime(line)) options.onLine(line);
    });
  readProgress(child.stdio[PROGRESS_FD] as Readable, options.onProgress);
  const closed = new Promise<void>((resolve) => {
    child.on('close', (code, signal) => {
      for (const fd of files) closeSync(fd);
      resolve();
      if (killed) return;
      const outOfMemory = lines.some((line) => /heap out of memory|Allocation failed/.test(line));
      options.onDeath({ code, signal, outOfMemory });
    });
  });
  // An error of the channel ends the child, which `close` tells.
  child.on('error', () => child.kill('SIGKILL'));
  return {
    port: portOf(child),
    mailbox: mailbox(files[1], files[0]),
    pid: child.pid ?? -1,
    async kill() {
      killed = true;
      child.kill('SIGKILL');
      await closed;
    },
  };
}

function mailbox(from: number, to: number): Mailbox {
  return {
    put(bytes) {
      for (let at = 0; at < bytes.length;) at += writeSync(to, bytes, at, bytes.length - at, at);
    },
    take(length, into = new Uint8Array(length)) {
      for (let at = 0; at < length;) {
        const read = readSync(from, into, at, length - at, at);
        if (read === 0) throw new Error(`${length} bytes were announced, ${at} are there`);
        at += read;
      }
      return into.length === length ? into : into.subarray(0, length);
    },
  };
}

/** A file that only those know who have it open. */
function namelessFile(): number {
  const folder = mkdtempSync(join(existsSync(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir(), 'millrace-'));
  const path = join(folder, 'mailbox');
  const fd = openSync(path, 'wx+', 0o600);
  rmSync(folder, { recursive: true });
  return fd;
}

/** What V8 writes when it runs out of memory is for those who build it. */
function isOfTheRuntime(line: string): boolean {
  return /^\s*$|^<---|^\[\d+:0x|^FATAL ERROR|^-----|^\s*\d+: 0x/.test(line);
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!.slice(-65_536);
    for (const line of lines) onLine(line);
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
  // The end of the child is told by `close`.
  stream.on('error', () => undefined);
}

function readProgress(stream: Readable, onProgress: (a: number, b: number) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  stream.on('data', (bytes: Buffer) => {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const words = all.length >> 3;
    // The last word is where it is.
    if (words > 0) onProgress(all.readInt32LE((words - 1) * 8), all.readInt32LE((words - 1) * 8 + 4));
    rest = all.subarray(words * 8);
  });
  // The end of the child is told by `close`.
  stream.on('error', () => undefined);
}

/** The channel to a child, or from a child to its parent, as a port for `createRpc`. */
function portOf(channel: ChildProcess | NodeJS.Process): RpcPort {
  return {
    postMessage(value: unknown) {
      // An error of the channel is told by its end.
      if (channel.connected) channel.send!(value as object, undefined, undefined, () => undefined);
    },
    on(event: string, listener: (value: never) => void) {
      if (event === 'message') channel.on('message', listener as (value: unknown) => void);
      else if (event === 'close') channel.on('disconnect', listener as () => void);
    },
    off(event: string, listener: (value: never) => void) {
      channel.off(event === 'close' ? 'disconnect' : event, listener as (...args: unknown[]) => void);
    },
  };
}

/** In a child: the port to its parent. */
export function parentChannel(): RpcPort {
  return portOf(process);
}

/** In a child: its end of the files. */
export function parentMailbox(): Mailbox {
  return mailbox(TO_CHILD_FD, FROM_CHILD_FD);
}

const word = Buffer.alloc(8);

/** In a child: tells its parent two whole numbers, before it goes on. */
export function tellParent(a: number, b: number): void {
  word.writeInt32LE(a, 0);
  word.writeInt32LE(b, 4);
  writeSync(PROGRESS_FD, word);
}

const WATCH = `
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, 1000);
`;

/**
 * In a child: ends it when its parent has ended, and only then. A thread looks, since the child's own
 * may be busy for ever with what it was given.
 */
export function stayWithParent(nice: number): void {
  setPriority(nice);
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
  process.on('disconnect', () => process.exit(0));
  new Worker(WATCH, { eval: true, name: 'watch', resourceLimits: { maxOldGenerationSizeMb: 8 } }).unref();
}
