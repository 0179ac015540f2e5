/** How far back a stream goes: in the log, and in the lake before it. */
import { join } from 'node:path';
import type { Disk } from './io/disk.js';
import { openCatalog } from './lake/catalog.js';
import { ColumnCache } from './lake/column-cache.js';
import { startsOf } from './lake/history.js';
import { firstStamp, type HistorySource } from './lake/history-feed.js';
import { LAKE_FOLDER } from './lake/options.js';
import { reachOf } from './lake/reach.js';
import { stampAt } from './log/at-time.js';
import type { Log, StreamDefinition } from './log/log.js';

/** What a view that begins now can read of a stream. */
export interface StreamHistory {
  readonly stream: string;
  /** Where it begins in the lake, by `stream/partition`; a partition left out: with the log. */
  readonly from: Readonly<Record<string, number>>;
  /** Rows stamped before are gone, ms; null: none is. */
  readonly sinceMs: number | null;
  readonly logRows: number;
  /** Rows that the lake alone holds, and the files that they are in. */
  readonly lakeRows: number;
  readonly lakeFiles: number;
  /** Why rows that the log has lost are not read from the lake; null: they are, or none is lost. */
  readonly logOnly: string | null;
}

/** See the head of the file. */
export class Histories {
  readonly #log: Log;
  readonly #source: HistorySource;

  constructor(log: Log, disk: Disk, dataFolder: string) {
    this.#log = log;
    this.#source = { disk, catalog: openCatalog(disk, join(dataFolder, LAKE_FOLDER)), cache: new ColumnCache() };
  }

  /** A stream that is not there has no rows. */
  async of(stream: string): Promise<StreamHistory> {
    const definition = this.#log.stream(stream);
    const none = { stream, from: {}, sinceMs: null, logRows: 0, lakeRows: 0, lakeFiles: 0, logOnly: null };
    if (definition === undefined) return none;
    const starts = startsOf(this.#log, definition);
    const logRows = starts.reduce((sum, start, at) => sum + this.#log.range(stream, at).end - start, 0);
    if (starts.every((start) => start === 0)) return { ...none, logRows };
    const reach = this.#reach(definition, starts);
    const first = reach.from ?? starts;
    return {
      ...none,
      ...reach,
      from: Object.fromEntries(
        first.flatMap((offset, partition) => (offset < starts[partition]! ? [[`${stream}/${partition}`, offset]] : [])),
      ),
      sinceMs: await this.#since(definition, first, starts),
      logRows,
    };
  }

  #reach({ clock, name }: StreamDefinition, starts: readonly number[]) {
    const nothing = { from: null, lakeRows: 0, lakeFiles: 0 };
    const snapshot = this.#source.catalog.snapshot(name);
    if (snapshot === undefined) return { ...nothing, logOnly: 'the lake has nothing of it' };
    if (clock === 'event')
      return { ...nothing, logOnly: 'it goes by event time, and the lake does not hold how its clock went' };
    const { files, from, rows } = reachOf(snapshot, starts);
    if (rows === 0) return { ...nothing, logOnly: 'the lake lacks rows right before the oldest of the log' };
    return { from, lakeRows: rows, lakeFiles: files, logOnly: null };
  }

  /** The latest stamp of the partitions' first rows, of those that have lost rows. */
  async #since(
    definition: StreamDefinition,
    first: readonly number[],
    starts: readonly number[],
  ): Promise<number | null> {
    let since: number | null = null;
    for (const [partition, offset] of first.entries()) {
      if (offset === 0) continue;
      const stamp =
        offset < starts[partition]!
          ? await firstStamp(this.#source, definition, partition, offset)
          : stampAt(this.#log, definition.name, partition, offset);
      if (stamp !== null) since = Math.max(since ?? stamp, stamp);
    }
    return since;
  }
}
