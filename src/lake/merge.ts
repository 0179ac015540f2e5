/**
 * Merges the sorted runs of an hour into a few large files, streaming.
 *
 * Each run is read a row group at a time. Tenants are taken in order of their bytes; within a tenant
 * the runs that have it are merged by (time, partition, offset) with a heap. Rows that are next are
 * collected as picks and written as a row group.
 *
 * Limits: memory is one row group a run, those that picks still need, and one output row group. At
 * most `FAN_IN` runs are merged at once; more are merged in rounds, whose results are runs again.
 */
import { join } from 'node:path';
import type { BytesColumn, ColumnBatch, DictionaryColumn, IntegerColumn } from '../event/columns.js';
import { numberAt } from '../event/integers.js';
import type { Schema } from '../event/schema.js';
import { ParquetReader } from '../format/parquet/reader.js';
import type { Disk, DiskFile } from '../io/disk.js';
import { LakeFileWriter, type FilePlan } from './file.js';
import { timeColumn } from './order.js';
import { Picker } from './pick.js';
import type { LakeFile, OffsetRange } from './snapshot.js';

/** Most runs merged at once. */
export const FAN_IN = 64;

/** How a merge is done. */
export interface MergeOptions {
  readonly schema: Schema;
  /** Rows a group of the result. */
  readonly groupRows: number;
  /** A file is finished with the row group that reaches this size. */
  readonly fileBytes: number;
  readonly level: number;
  /** Awaited between row groups: lets the thread do other work, and throws when the merge shall end. */
  readonly breathe: () => Promise<void>;
}

/**
 * Merges `files` (at most `FAN_IN`, of one hour) into new files of `folder`. The caller commits them
 * in place of the old ones. On an error, what was written is removed again.
 */
export async function mergeRuns(
  disk: Disk,
  folder: string,
  files: readonly LakeFile[],
  kind: LakeFile['kind'],
  options: MergeOptions,
): Promise<LakeFile[]> {
  const cursors = files.map((file) => new RunCursor(disk, join(folder, file.name), options.schema));
  const output = new MergeOutput(
    disk,
    folder,
    {
      kind,
      hour: files[0]!.hour,
      ranges: unionOf(files),
      level: options.level,
      inputs: files.map((file) => file.name),
    },
    options,
  );
  try {
    await mergeInto(cursors, output);
    return await output.finish();
  } catch (error) {
    output.abandon();
    throw error;
  } finally {
    for (const cursor of cursors) cursor.close();
  }
}

async function mergeInto(cursors: readonly RunCursor[], output: MergeOutput): Promise<void> {
  let live = cursors.filter((cursor) => cursor.start());
  while (live.length > 0) {
    let tenant = live[0]!.tenant;
    for (const cursor of live) if (Buffer.compare(cursor.tenant, tenant) < 0) tenant = cursor.tenant;
    const heap = new RunHeap(live.filter((cursor) => Buffer.compare(cursor.tenant, tenant) === 0));
    for (let next = heap.least; next !== undefined; next = heap.least) {
      if (output.take(next)) await output.flush();
      heap.step(next.advance());
    }
    live = live.filter((cursor) => !cursor.done);
  }
}

/** A place in one run. */
class RunCursor {
  batch!: ColumnBatch;
  row = 0;
  tenant: Uint8Array = new Uint8Array(0);
  time = 0;
  partition = 0;
  offset = 0;
  done = false;
  /** Where the output keeps `batch`; -1 when it does not yet. */
  place = -1;
  placeRound = -1;
  readonly #file: DiskFile;
  readonly #reader: ParquetReader;
  readonly #schema: Schema;
  #group = 0;
  #tenants: DictionaryColumn | BytesColumn | null = null;
  #times!: IntegerColumn;
  #partitions!: IntegerColumn;
  #offsets!: IntegerColumn;
  #code = -1;

  constructor(disk: Disk, path: string, schema: Schema) {
    this.#file = disk.open(path, 'read');
    this.#reader = new ParquetReader(this.#file, path, schema);
    this.#schema = schema;
  }

  /** Goes to the first row; false when there is none. */
  start(): boolean {
    this.#load();
    if (!this.done) this.#readRow(true);
    return !this.done;
  }

  /** Goes to the next row; says whether it has the same tenant as the one before. */
  advance(): boolean {
    this.row++;
    const newGroup = this.row >= this.batch.rows;
    if (newGroup) this.#load();
    return !this.done && !this.#readRow(newGroup);
  }

  close(): void {
    this.#file.close();
  }

  #load(): void {
    if (this.#group >= this.#reader.groups) {
      this.done = true;
      return;
    }
    const { roles, columns } = this.#schema;
    this.batch = this.#reader.readGroup(this.#group++);
    this.row = 0;
    this.place = -1;
    this.#tenants = roles.tenant < 0 ? null : (this.batch.column(roles.tenant) as DictionaryColumn | BytesColumn);
    this.#times = this.batch.column(timeColumn(this.#schema)) as IntegerColumn;
    this.#partitions = this.batch.column(columns.length - 2) as IntegerColumn;
    this.#offsets = this.batch.column(columns.length - 1) as IntegerColumn;
  }

  /** Says whether the tenant changed. */
  #readRow(newGroup: boolean): boolean {
    this.time = numberAt(this.#times, this.row);
    this.partition = numberAt(this.#partitions, this.row);
    this.offset = numberAt(this.#offsets, this.row);
    const tenants = this.#tenants;
    if (tenants === null) return false;
    if (tenants.kind === 'dictionary') {
      const code = tenants.codes[this.row]!;
      if (!newGroup && code === this.#code) return false;
      this.#code = code;
      return this.#setTenant(tenants.dictionary.bytesOf(code));
    }
    return this.#setTenant(tenants.data.subarray(tenants.offsets[this.row], tenants.offsets[this.row + 1]));
  }

  #setTenant(bytes: Uint8Array): boolean {
    if (Buffer.compare(this.tenant, bytes) === 0) return false;
    this.tenant = bytes;
    return true;
  }
}

/** Runs by their next row: the least first. */
class RunHeap {
  readonly #runs: RunCursor[] = [];

  constructor(runs: readonly RunCursor[]) {
    for (const run of runs) {
      this.#runs.push(run);
      for (
        let at = this.#runs.length - 1;
        at > 0 && before(this.#runs[at]!, this.#runs[(at - 1) >> 1]!);
        at = (at - 1) >> 1
      )
        this.#swap(at, (at - 1) >> 1);
    }
  }

  get least(): RunCursor | undefined {
    return this.#runs[0];
  }

  /** The least has moved; `stays` unless it left this tenant. */
  step(stays: boolean): void {
    if (!stays) {
      const last = this.#runs.pop()!;
      if (this.#runs.length === 0) return;
      this.#runs[0] = last;
    }
    for (let at = 0; ;) {
      let child = at * 2 + 1;
      if (child >= this.#runs.length) return;
      if (child + 1 < this.#runs.length && before(this.#runs[child + 1]!, this.#runs[child]!)) child++;
      if (!before(this.#runs[child]!, this.#runs[at]!)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #swap(left: number, right: number): void {
    const run = this.#runs[left]!;
    this.#runs[left] = this.#runs[right]!;
    this.#runs[right] = run;
  }
}

function before(left: RunCursor, right: RunCursor): boolean {
  if (left.time !== right.time) return left.time < right.time;
  if (left.partition !== right.partition) return left.partition < right.partition;
  return left.offset < right.offset;
}

/** Collects picks, writes row groups, starts a new file when one is large enough. */
class MergeOutput {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #plan: Omit<FilePlan, 'part'>;
  readonly #options: MergeOptions;
  readonly #which: Uint32Array;
  readonly #rows: Uint32Array;
  readonly #files: LakeFile[] = [];
  #batches: ColumnBatch[] = [];
  #round = 0;
  #count = 0;
  #picker: Picker;
  #writer: LakeFileWriter | null = null;

  constructor(disk: Disk, folder: string, plan: Omit<FilePlan, 'part'>, options: MergeOptions) {
    this.#disk = disk;
    this.#folder = folder;
    this.#plan = plan;
    this.#options = options;
    this.#which = new Uint32Array(options.groupRows);
    this.#rows = new Uint32Array(options.groupRows);
    this.#picker = new Picker(options.schema);
  }

  /** Takes the row that a run is at; true when a row group is full. */
  take(run: RunCursor): boolean {
    if (run.place < 0 || run.placeRound !== this.#round) {
      run.place = this.#batches.push(run.batch) - 1;
      run.placeRound = this.#round;
    }
    this.#which[this.#count] = run.place;
    this.#rows[this.#count++] = run.row;
    return this.#count === this.#options.groupRows;
  }

  /** Writes what was taken as a row group. */
  async flush(): Promise<void> {
    if (this.#count === 0) return;
    this.#writer ??= new LakeFileWriter(this.#disk, this.#folder, this.#options.schema, {
      ...this.#plan,
      part: this.#files.length,
    });
    const picks = { batches: this.#batches, which: this.#which, rows: this.#rows, start: 0, count: this.#count };
    await this.#writer.write({ batch: this.#picker.pick(picks), rows: null });
    this.#batches = [];
    this.#round++;
    this.#count = 0;
    if (this.#writer.bytes >= this.#options.fileBytes) await this.#finishFile();
    await this.#options.breathe();
  }

  async finish(): Promise<LakeFile[]> {
    await this.flush();
    await this.#finishFile();
    return this.#files;
  }

  abandon(): void {
    this.#writer?.abandon();
    for (const file of this.#files) this.#disk.remove(join(this.#folder, file.name));
  }

  async #finishFile(): Promise<void> {
    if (this.#writer === null) return;
    this.#files.push(await this.#writer.finish());
    this.#writer = null;
    this.#picker = new Picker(this.#options.schema);
  }
}

/** The offsets of all files together, from the first to the last of each partition. */
function unionOf(files: readonly LakeFile[]): OffsetRange[] {
  const byPartition = new Map<number, OffsetRange>();
  for (const range of files.flatMap((file) => file.ranges)) {
    const known = byPartition.get(range.partition);
    byPartition.set(range.partition, {
      partition: range.partition,
      from: Math.min(range.from, known?.from ?? range.from),
      to: Math.max(range.to, known?.to ?? range.to),
    });
  }
  return [...byPartition.values()].sort((left, right) => left.partition - right.partition);
}
