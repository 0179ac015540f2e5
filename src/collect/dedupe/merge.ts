/**
 * Memtable → run, and runs → one run. Both work in slices of `SLICE_RECORDS` and let other work in
 * between, since they share the thread that answers clients.
 */
import type { Disk } from '../../io/disk.js';
import { HEAP_HEAD, type Memtable } from './memtable.js';
import { RECORD_HEAD } from './run-format.js';
import { RunWriter } from './run-writer.js';
import type { Run } from './run.js';

/** Records handled before other work gets its turn: about a millisecond. */
const SLICE_RECORDS = 4096;

/** Lets timers and input go first. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Writes the living ids of a sealed memtable. Answers null when there are none. */
export async function flushMemtable(disk: Disk, folder: string, name: string, table: Memtable): Promise<Run | null> {
  const order = await table.sorted(pause);
  if (order.length === 0) return null;
  const writer = new RunWriter(disk, folder, {
    name,
    ids: order.length,
    hour: table.hour,
    firstMs: table.firstMs,
    lastMs: table.lastMs,
  });
  return written(writer, async () => {
    for (let i = 0; i < order.length; i++) {
      writer.add(table.heap, order[i]! + HEAP_HEAD - RECORD_HEAD);
      if (writer.full) await writer.drain();
      if (i % SLICE_RECORDS === SLICE_RECORDS - 1) await pause();
    }
  });
}

/** Merges runs of one hour into one. */
export async function mergeRuns(disk: Disk, folder: string, name: string, runs: readonly Run[]): Promise<Run> {
  const writer = new RunWriter(disk, folder, {
    name,
    ids: runs.reduce((sum, run) => sum + run.ids, 0),
    hour: runs[0]!.header.hour,
    firstMs: Math.min(...runs.map((run) => run.header.firstMs)),
    lastMs: Math.max(...runs.map((run) => run.header.lastMs)),
  });
  return written(writer, async () => {
    const sources = runs.map((run) => new RunReader(run)).filter((source) => source.next());
    for (let count = 1; sources.length > 0; count++) {
      let least = 0;
      for (let i = 1; i < sources.length; i++) if (sources[i]!.high < sources[least]!.high) least = i;
      const source = sources[least]!;
      writer.add(source.records, source.at);
      if (!source.next()) sources.splice(least, 1);
      if (writer.full) await writer.drain();
      if (count % SLICE_RECORDS === 0) await pause();
    }
  });
}

async function written(writer: RunWriter, fill: () => Promise<void>): Promise<Run> {
  try {
    await fill();
    return await writer.finish();
  } catch (error) {
    writer.discard();
    throw error;
  }
}

/** Words that a source reads ahead. */
const AHEAD_WORDS = 64 * 1024;

/** The records of a run in order of their hash, many buckets a read. */
class RunReader {
  /** Where the record at hand is: `records[at]`. */
  records = new Uint32Array(AHEAD_WORDS);
  at = 0;
  high = 0;
  readonly #run: Run;
  /** The buckets that `records` holds, and the one at hand. */
  #first = 0;
  #last = 0;
  #bucket = 0;
  /** Where the bucket at hand ends in `records`. */
  #end = 0;

  constructor(run: Run) {
    this.#run = run;
  }

  /** Steps to the next record; false at the end. */
  next(): boolean {
    if (this.#end > 0) this.at += RECORD_HEAD + ((this.records[this.at + 3]! + 3) >> 2);
    while (this.at >= this.#end) if (!this.#turn()) return false;
    this.high = this.records[this.at]!;
    return true;
  }

  /** Steps to the next good bucket; false when there is none. Its first word is its crc. */
  #turn(): boolean {
    const run = this.#run;
    while (this.#bucket < 2 ** run.header.bucketBits) {
      const bucket = this.#bucket++;
      if (bucket >= this.#last) {
        this.#first = bucket;
        if (run.startOf(bucket + 1) - run.startOf(bucket) > this.records.length)
          this.records = new Uint32Array(run.startOf(bucket + 1) - run.startOf(bucket));
        this.#last = run.readAhead(bucket, this.records);
      }
      const start = run.startOf(bucket) - run.startOf(this.#first);
      const end = run.startOf(bucket + 1) - run.startOf(this.#first);
      if (end === start || !run.isGood(this.records, start, end)) continue;
      this.at = start + 1;
      this.#end = end;
      return true;
    }
    return false;
  }
}
