/** Kills of a view's reader. */
import type { Disk } from '../../src/io/disk.js';
import { realDisk } from '../../src/io/disk-real.js';
import type { AppendGroup, AppendResult, Log } from '../../src/log/log.js';
import { MillraceError } from '../../src/util/errors.js';

/** A log whose reader can be cut off: from then on nothing it does takes effect. */
export class CutLog implements Log {
  readonly #log: Log;
  mode: 'through' | 'refuse' | 'lose the answer' = 'through';
  /** Appends that go through before it is cut off. */
  appendsLeft = Infinity;

  constructor(log: Log) {
    this.#log = log;
  }

  async append(group: AppendGroup): Promise<AppendResult> {
    if (this.mode === 'lose the answer') {
      this.mode = 'refuse';
      await this.#log.append(group);
    }
    if (this.mode === 'refuse') throw new MillraceError('READER_FENCED', 'killed');
    if (--this.appendsLeft === 0) this.mode = 'refuse';
    return this.#log.append(group);
  }

  /** A disk that takes nothing after the cut, so that closing the stage leaves no snapshot. */
  readonly disk: Disk = {
    ...realDisk,
    open: (path, mode) => {
      if (mode !== 'read' && this.mode !== 'through') throw new Error('killed');
      return realDisk.open(path, mode);
    },
  };

  cursor: Log['cursor'] = (...args) => this.#log.cursor(...args);
  stream: Log['stream'] = (...args) => this.#log.stream(...args);
  streams: Log['streams'] = () => this.#log.streams();
  range: Log['range'] = (...args) => this.#log.range(...args);
  arrivalClock: Log['arrivalClock'] = (...args) => this.#log.arrivalClock(...args);
  reader: Log['reader'] = (...args) => this.#log.reader(...args);
  holds: Log['holds'] = (...args) => this.#log.holds(...args);
  registerReader: Log['registerReader'] = (...args) => this.#log.registerReader(...args);
  removeReader: Log['removeReader'] = (...args) => this.#log.removeReader(...args);
}
