import type { Disk } from '../../io/disk.js';
import { prepareSegment, segmentPath, type PreparedSegment } from './segment-file.js';
import type { LogOptions } from './types.js';

/**
 * Has the next segment's file ready before it is needed: full of zeros and synced. Sizes double from
 * the first one up to `segmentBytes`. A number is never used twice, also when preparing failed.
 */
export class SegmentSupply {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #bytesMax: number;
  #number: number;
  #bytes: number;
  #ahead: Promise<PreparedSegment> | null = null;

  constructor(disk: Disk, folder: string, firstNumber: number, options: LogOptions) {
    this.#disk = disk;
    this.#folder = folder;
    this.#number = firstNumber;
    this.#bytesMax = options.segmentBytes;
    this.#bytes = Math.min(options.firstSegmentBytes, options.segmentBytes);
  }

  /** The next segment: the one made ahead, or one made now. */
  async take(): Promise<PreparedSegment> {
    const prepared = await (this.#ahead ?? this.#prepare());
    this.#ahead = null;
    return prepared;
  }

  /** Begins to make the next one. */
  prepareAhead(): void {
    const preparing = this.#prepare();
    this.#ahead = preparing;
    preparing.catch(() => {
      // Tried again, and told, when a segment is needed.
      if (this.#ahead === preparing) this.#ahead = null;
    });
  }

  /** Removes what was made ahead. */
  async close(): Promise<void> {
    const [made] = await Promise.allSettled([this.#ahead]);
    if (made.status === 'rejected' || made.value === null) return;
    made.value.file.close();
    this.#disk.remove(segmentPath(this.#folder, made.value.number));
  }

  async #prepare(): Promise<PreparedSegment> {
    const prepared = await prepareSegment(this.#disk, this.#folder, this.#number++, this.#bytes);
    this.#bytes = Math.min(this.#bytes * 2, this.#bytesMax);
    return prepared;
  }
}
