/** A log as it is after retention: rows below some offsets are gone. */
import type { Log, LogBatch, LogCursor } from '../../src/log/log.js';
import { MillraceError } from '../../src/util/errors.js';

/** `log` without the rows below `starts` of a stream, by partition. They may move on while it is read. */
export function shortLog(log: Log, stream: string, starts: number[]): Log {
  const startOf = (name: string, partition: number): number => (name === stream ? starts[partition]! : 0);
  const gone = (name: string, partition: number, offset: number): void => {
    if (offset < startOf(name, partition))
      throw new MillraceError('OFFSET_OUT_OF_RANGE', `${name}/${partition}: ${offset} is no longer kept`);
  };
  return {
    append: (group) => log.append(group),
    cursor(name, partition, offset) {
      gone(name, partition, offset);
      return new ShortCursor(log.cursor(name, partition, offset), (position) => gone(name, partition, position));
    },
    stream: (name) => log.stream(name),
    streams: () => log.streams(),
    range: (name, partition) => ({ ...log.range(name, partition), start: startOf(name, partition) }),
    arrivalClock: (name) => log.arrivalClock(name),
    reader: (id) => log.reader(id),
    holds: (id) => log.holds(id),
    registerReader: (id, positions) => log.registerReader(id, positions),
    removeReader: (id) => log.removeReader(id),
  };
}

class ShortCursor implements LogCursor {
  readonly #cursor: LogCursor;
  readonly #check: (position: number) => void;

  constructor(cursor: LogCursor, check: (position: number) => void) {
    this.#cursor = cursor;
    this.#check = check;
  }

  get position(): number {
    return this.#cursor.position;
  }

  next(): LogBatch | null {
    this.#check(this.#cursor.position);
    return this.#cursor.next();
  }

  wait(signal?: AbortSignal): Promise<void> {
    return this.#cursor.wait(signal);
  }

  close(): void {
    this.#cursor.close();
  }
}
