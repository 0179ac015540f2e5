/**
 * The rows of one partition below the start of the log, out of the lake: a page at hand, and the next one on its way.
 *
 * A page is a range of offsets within one arrival hour, found in the newest snapshot at the time; when it is begun,
 * the next one is read ahead, with the columns that were touched until then. Its batches are cut where the stamp
 * changes, as the log's are, and where rows are missing.
 *
 * Limits: two pages, each of at most `PAGE_ROWS` rows divided by the stream's partitions, and fewer where rows are
 * large: `PAGE_BYTES` of the files.
 */
import type { IntegerColumn } from '../event/columns.js';
import { numbersInto } from '../event/integers.js';
import type { Disk } from '../io/disk.js';
import type { LogBatch, StreamDefinition } from '../log/log.js';
import { MillraceError } from '../util/errors.js';
import type { LakeCatalog } from './catalog.js';
import type { ColumnCache } from './column-cache.js';
import { HistoryPage, type GroupBounds, type PageRange } from './history-page.js';
import { hoursOf, type LakeHour } from './reach.js';

/** What feeds read from. */
export interface HistorySource {
  readonly disk: Disk;
  readonly catalog: LakeCatalog;
  /** Columns that were read last; shared by those that read together. */
  readonly cache: ColumnCache;
  /** Most rows of all pages of a stream that are begun together. */
  readonly pageRows?: number;
}

const PAGE_ROWS = 1_048_576;
const PAGE_ROWS_MIN = 16_384;
const PAGE_BYTES = 32 * 1024 * 1024;
/** Most rows of a batch: a commit of the log has about as many. */
const BATCH_ROWS = 65_536;

/** A page, and how far it is read out. */
interface OpenPage {
  readonly page: HistoryPage;
  /** Of each row, ms: of arrival, and of the event where the stream has that. */
  readonly stamps: Float64Array;
  readonly times: Float64Array | null;
  /** One past the last offset that it covers. */
  readonly to: number;
  next: number;
}

/** See the head of the file. */
export class HistoryFeed {
  readonly #source: HistorySource;
  readonly #definition: () => StreamDefinition;
  readonly #partition: number;
  #position: number;
  #page: OpenPage | null = null;
  #ahead: OpenPage | null = null;
  #loading: Promise<void> | null = null;
  #error: unknown = null;
  #closed = false;
  /** Columns that readers look at. */
  readonly #touched = new Set<number>();
  #bounds: GroupBounds = new Map();
  #hour = NaN;

  constructor(source: HistorySource, definition: () => StreamDefinition, partition: number, offset: number) {
    this.#source = source;
    this.#definition = definition;
    this.#partition = partition;
    this.#position = offset;
  }

  /** The next row to be read; beyond rows that no file has once that is known. */
  get position(): number {
    return this.#position;
  }

  /** The next batch below `end`; null while it is being read, and when there is none. */
  next(end: number): LogBatch | null {
    for (;;) {
      const page = this.#page;
      if (page !== null && page.next < page.page.offsets.length) return this.#cut(page);
      if (page !== null) this.#position = Math.max(this.#position, page.to);
      this.#noteTouched();
      this.#page = this.#ahead;
      this.#ahead = null;
      if (this.#page === null) {
        this.#throwError();
        if (this.#loading === null && this.#position < end) this.#load(this.#position, end);
        return null;
      }
      if (this.#page.to < end) this.#load(this.#page.to, end);
    }
  }

  /** Resolves when `next` may have something. */
  async wait(): Promise<void> {
    await this.#loading;
  }

  /** Gives up what is being read. */
  close(): void {
    this.#closed = true;
    this.#page = this.#ahead = null;
  }

  #noteTouched(): void {
    for (const column of this.#page?.page.touched ?? []) this.#touched.add(column);
  }

  #throwError(): void {
    const error = this.#error;
    this.#error = null;
    if (error !== null) throw error;
  }

  #load(from: number, end: number): void {
    this.#loading = this.#read(from, end).then(
      (page) => {
        this.#loading = null;
        if (!this.#closed) this.#ahead = page;
      },
      (error: unknown) => {
        this.#loading = null;
        this.#error = error;
      },
    );
  }

  async #read(from: number, end: number): Promise<OpenPage> {
    const definition = this.#definition();
    const { name, schema } = definition;
    const { hour, paths, range } = pageAt(this.#source, definition, { partition: this.#partition, from, to: end });
    if (hour !== this.#hour) this.#bounds = new Map();
    this.#hour = hour;
    const breathe = async (): Promise<void> => {
      await giveWay();
      if (this.#closed) throw new MillraceError('SHUTTING_DOWN', `reading ${name} from the lake was given up`);
    };
    const { cache, disk } = this.#source;
    const page = await HistoryPage.find({ disk, paths, schema, range, bounds: this.#bounds, cache, breathe });
    const { eventTime, receivedAt } = schema.roles;
    this.#noteTouched();
    await page.prepare([...new Set([receivedAt, ...(eventTime < 0 ? [] : [eventTime]), ...this.#touched])], breathe);
    return { page, stamps: numbersOf(page, receivedAt)!, times: numbersOf(page, eventTime), to: range.to, next: 0 };
  }

  /** The next rows of a page that came together. */
  #cut(page: OpenPage): LogBatch {
    const { stamps, times } = page;
    const { offsets } = page.page;
    const start = page.next;
    let end = start + 1;
    const last = Math.min(offsets.length, start + BATCH_ROWS);
    while (end < last && stamps[end] === stamps[start] && offsets[end] === offsets[end - 1]! + 1) end++;
    page.next = end;
    this.#position = offsets[end - 1]! + 1;
    let [eventTimeMin, eventTimeMax] = times === null ? [NaN, NaN] : [Infinity, -Infinity];
    for (let row = start; times !== null && row < end; row++) {
      eventTimeMin = Math.min(eventTimeMin, times[row]!);
      eventTimeMax = Math.max(eventTimeMax, times[row]!);
    }
    return {
      stream: this.#definition().name,
      partition: this.#partition,
      baseOffset: offsets[start]!,
      rows: end - start,
      batch: page.page.batch(start, end),
      eventTimeMin,
      eventTimeMax,
      receivedAt: stamps[start]!,
      clockAdvanceMs: 0,
      clockTotalMs: 0,
    };
  }
}

/** The stamp of a row that the lake has, ms; null where it has it no more. */
export async function firstStamp(
  source: HistorySource,
  definition: StreamDefinition,
  partition: number,
  offset: number,
): Promise<number | null> {
  const { cache, disk } = source;
  const { schema } = definition;
  const { paths, range } = pageAt(source, definition, { partition, from: offset, to: offset + 1 });
  const page = await HistoryPage.find({ disk, paths, schema, range, bounds: new Map(), cache, breathe: giveWay });
  await page.prepare([schema.roles.receivedAt], giveWay);
  return numbersOf(page, schema.roles.receivedAt)![0] ?? null;
}

function giveWay(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The first rows of a range that a page takes, and where they lie; the whole range where the lake has nothing of it. */
function pageAt(
  { catalog, pageRows = PAGE_ROWS }: HistorySource,
  { name, partitions }: StreamDefinition,
  { from, partition, to: end }: PageRange,
): { readonly hour: number; readonly paths: readonly string[]; readonly range: PageRange } {
  const snapshot = catalog.snapshot(name);
  const hour = hourAt(snapshot === undefined ? [] : hoursOf(snapshot), partition, from);
  const span = hour?.spans.get(partition);
  if (hour === undefined || span === undefined || span.from >= end)
    return { hour: NaN, paths: [], range: { partition, from: end, to: end } };
  const begin = Math.max(from, span.from);
  const range = { partition, from: begin, to: Math.min(end, span.to, begin + rowsOfPage(hour, pageRows, partitions)) };
  const files = hour.files.filter(({ ranges }) =>
    ranges.some((one) => one.partition === partition && one.from < range.to && one.to > range.from),
  );
  return { hour: hour.hour, paths: files.map((file) => catalog.pathOf(name, file)), range };
}

/** The hour that holds an offset of a partition, or the first one behind it. */
function hourAt(hours: readonly LakeHour[], partition: number, offset: number): LakeHour | undefined {
  return hours.findLast(({ spans }) => (spans.get(partition)?.to ?? 0) > offset);
}

function rowsOfPage({ files }: LakeHour, pageRows: number, partitions: number): number {
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const fitting = Math.floor((PAGE_BYTES * rows) / Math.max(1, bytes));
  const wanted = Math.min(pageRows, Math.max(PAGE_ROWS_MIN, fitting));
  return Math.max(1, Math.floor(wanted / partitions));
}

function numbersOf(page: HistoryPage, column: number): Float64Array | null {
  if (column < 0) return null;
  const rows = page.offsets.length;
  const numbers = new Float64Array(rows);
  numbersInto(page.batch(0, rows).column(column) as IntegerColumn, null, rows, numbers);
  return numbers;
}
