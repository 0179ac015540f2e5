/**
 * The owner's side of the connections from other threads; `log/remote.ts` is theirs.
 *
 * A message costs the owner far more than a look at the board costs the reader, and the owner is
 * the thread that answers clients. So a thread that waits is woken at once when it was not woken
 * for `WAKE_EVERY_MS`, and otherwise when that time is over, for all commits since.
 */
import type { MessagePort } from 'node:worker_threads';
import { createRpc, type Rpc } from '../../io/rpc.js';
import { MillraceError } from '../../util/errors.js';
import type { EmbeddedLog } from './types.js';
import type { OwnerMethods, RemoteMethods } from '../wire.js';
import { CONNECTIONS_MAX, type Board } from './board.js';
import type { CommitMetadata, LogState } from './state.js';

/** Least time between two wakings of a thread, ms. */
const WAKE_EVERY_MS = 20;

interface Connection {
  readonly port: MessagePort;
  readonly rpc: Rpc<RemoteMethods>;
  wokenAt: number;
}

/** The connections of other threads. */
export class RemoteHost {
  readonly #log: EmbeddedLog;
  readonly #board: Board;
  readonly #state: LogState;
  readonly #folder: string;
  readonly #connections = new Map<number, Connection>();
  #wakeLater: NodeJS.Timeout | null = null;

  constructor(log: EmbeddedLog, board: Board, state: LogState, folder: string) {
    this.#log = log;
    this.#board = board;
    this.#state = state;
    this.#folder = folder;
  }

  /** Serves one more thread. */
  add(port: MessagePort): void {
    let index = 0;
    while (this.#connections.has(index)) index += 1;
    if (index >= CONNECTIONS_MAX)
      throw new MillraceError('INTERNAL', `at most ${CONNECTIONS_MAX} threads can use the log`);
    const rpc = createRpc<RemoteMethods>(port, this.#methods(index));
    this.#connections.set(index, { port, rpc, wokenAt: -Infinity });
    port.on('close', () => this.#connections.delete(index));
    port.unref();
  }

  /** Tells the others what a commit changed, and wakes those that wait. */
  changed(metadata: CommitMetadata | null): void {
    const streams = metadata?.streams ?? [];
    const ids = new Set([...(metadata?.readers ?? []), ...(metadata?.holds ?? [])].map((reader) => reader.id));
    const readers = [...ids].flatMap((id) => this.#state.readers.get(id) ?? []);
    const removed = metadata?.removed ?? [];
    const news = streams.length > 0 || readers.length > 0 || removed.length > 0;
    if (news) for (const { rpc } of this.#connections.values()) rpc.notify('changed', streams, readers, removed);
    if (this.#wakeLater === null) this.#wake();
  }

  /** Wakes whoever waits and may be woken; the others later. */
  #wake(): void {
    const now = performance.now();
    let nextMs = Infinity;
    for (const [index, connection] of this.#connections) {
      const restMs = connection.wokenAt + WAKE_EVERY_MS - now;
      if (restMs > 0) nextMs = Math.min(nextMs, restMs);
      else if (this.#board.takeWaiting(index)) {
        connection.wokenAt = now;
        connection.rpc.notify('wake');
      }
    }
    if (nextMs === Infinity) return;
    this.#wakeLater = setTimeout(() => {
      this.#wakeLater = null;
      this.#wake();
    }, nextMs);
    this.#wakeLater.unref();
  }

  /** Ends all connections. */
  close(): void {
    if (this.#wakeLater !== null) clearTimeout(this.#wakeLater);
    for (const { rpc } of this.#connections.values()) rpc.close();
    this.#connections.clear();
  }

  #methods(connection: number): OwnerMethods {
    const log = this.#log;
    return {
      hello: () => ({
        folder: this.#folder,
        board: this.#board.memory,
        connection,
        streams: [...this.#state.streams.values()],
        readers: [...this.#state.readers.values()],
      }),
      append: (batches, reader) => {
        const rows = batches.map(({ stream, partition, count, bytes }) => ({
          stream,
          rows: { partition, count, bytes },
        }));
        return log.append(reader === undefined ? { batches: rows } : { batches: rows, reader });
      },
      createStream: async (definition) => {
        await log.createStream(definition);
        return this.#state.streams.get(definition.name)!;
      },
      registerReader: (id, positions) => log.registerReader(id, positions),
      removeReader: (id) => log.removeReader(id),
      seen: () => undefined,
    };
  }
}
