/** What a log is, in the fewest lines: lists of rows, and a reader that commits. */

/** A partition: rows from `start` on. */
interface Partition {
  start: number;
  rows: string[];
}

/** The model that the real log is compared with. */
export class LogModel {
  readonly streams = new Map<string, Partition[]>();
  reader: { epoch: number; offset: number; state: number } | null = null;
  hold = 0;

  create(name: string, partitions: number): void {
    if (!this.streams.has(name))
      this.streams.set(
        name,
        Array.from({ length: partitions }, () => ({ start: 0, rows: [] })),
      );
  }

  append(stream: string, rows: readonly { id: string; partition: number }[]): void {
    for (const { id, partition } of rows) this.#partition(stream, partition).rows.push(id);
  }

  /** Outputs, position and state together, or nothing when a newer epoch has been there. */
  commit(epoch: number, offset: number, state: number, outputs: readonly { id: string; partition: number }[]): boolean {
    if (this.reader !== null && epoch < this.reader.epoch) return false;
    this.append('out', outputs);
    this.reader = { epoch, offset, state };
    this.hold = offset;
    return true;
  }

  /** The log may drop rows from the front, never ones that the reader still needs. */
  dropped(stream: string, partition: number, start: number): void {
    if (stream === 'in' && partition === 0 && start > this.hold)
      throw new Error(`rows up to ${start} were dropped and the reader is at ${this.hold}`);
    const kept = this.#partition(stream, partition);
    if (start < kept.start)
      throw new Error(`the start of ${stream}/${partition} went back from ${kept.start} to ${start}`);
    kept.start = start;
  }

  from(stream: string, partition: number, offset: number): string[] {
    return this.#partition(stream, partition).rows.slice(offset);
  }

  #partition(stream: string, partition: number): Partition {
    return this.streams.get(stream)![partition]!;
  }
}
