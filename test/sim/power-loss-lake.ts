/** The lake in a power-loss round: a stage with its own store, on the same disk as the log. */
import { valueOf } from '../../src/event/rows.js';
import { ParquetReader } from '../../src/format/parquet/reader.js';
import { lakeSchema } from '../../src/lake/schema.js';
import { readSnapshot } from '../../src/lake/snapshot.js';
import { LakeStage } from '../../src/lake/stage.js';
import type { EmbeddedLog } from '../../src/log/embedded/open.js';
import { startReaderLoop, type ReaderLoop } from '../../src/log/reader-loop.js';
import type { SimClock } from './clock.js';
import type { SimDisk } from './disk.js';

const LAKE = '/data/lake';

/** A lake that runs beside the clients. */
export interface LakeLife {
  readonly stage: LakeStage;
  readonly loop: ReaderLoop;
}

/** Starts the lake of a stream, with small runs so that it commits often. */
export function startLake(log: EmbeddedLog, disk: SimDisk, clock: SimClock, stream: string): LakeLife {
  const options = { runRowsMax: 120, runAgeMaxMs: 40, mergedGroupRows: 64, graceMs: 500 };
  const stage = new LakeStage({ stream, definition: () => log.stream(stream)!, folder: LAKE, disk, clock, options });
  const loop = startReaderLoop({ log, stage, clock, options: { flushEveryMs: 5, tickEveryMs: 20, retryMinMs: 1 } });
  return { stage, loop };
}

/** Lets the lake take everything that is in the log. */
export async function drainLake(log: EmbeddedLog, disk: SimDisk, clock: SimClock, stream: string): Promise<void> {
  const { stage, loop } = startLake(log, disk, clock, stream);
  stage.hurried = true;
  let drained = false;
  const waiting = loop.drained().then(() => (drained = true));
  for (let turns = 0; !drained; turns++) {
    if (turns > 20_000) throw new Error(`the lake does not catch up: ${JSON.stringify(loop.status())}`);
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(5);
  }
  await waiting;
  await loop.stop();
}

/** Compares the lake with the log: exactly the rows below its offsets, each once, at its place. */
export function checkLake(
  log: EmbeddedLog,
  disk: SimDisk,
  stream: string,
  found: ReadonlyMap<string, string>,
  all: boolean,
): void {
  const snapshot = readSnapshot(disk, LAKE, stream);
  const committed = snapshot?.committed ?? [];
  const rows = new Map<string, string>();
  for (const { name } of snapshot?.files ?? []) readFile(log, disk, stream, name, rows);
  for (const [id, place] of rows)
    if (found.get(id) !== place)
      throw new Error(`the lake has row ${id} of ${place}; in the log it is ${found.get(id) ?? 'not there'}`);
  for (const [id, place] of found) {
    const [name, partition, offset] = place.split('/');
    if (name !== stream || rows.has(id)) continue;
    if (all || Number(offset) < (committed[Number(partition)] ?? 0))
      throw new Error(`row ${id} at ${place} is not in the lake, which holds all below ${committed.join(', ')}`);
  }
  committed.forEach((offset, partition) => {
    const { end } = log.range(stream, partition);
    if (offset > end) throw new Error(`the lake holds ${stream}/${partition} up to ${offset}, which ends at ${end}`);
  });
}

function readFile(log: EmbeddedLog, disk: SimDisk, stream: string, name: string, rows: Map<string, string>): void {
  const path = `${LAKE}/${stream}/data/${name}`;
  const schema = lakeSchema(log.stream(stream)!.schema);
  const reader = new ParquetReader(disk.open(path, 'read'), path, schema);
  const [partitionAt, offsetAt] = [schema.columns.length - 2, schema.columns.length - 1];
  for (let group = 0; group < reader.groups; group++) {
    const batch = reader.readGroup(group);
    for (let row = 0; row < batch.rows; row++) {
      const id = valueOf(batch.column(0), 'string', row) as string;
      const place = `${stream}/${String(valueOf(batch.column(partitionAt), 'int64', row))}/${String(valueOf(batch.column(offsetAt), 'int64', row))}`;
      if (rows.has(id)) throw new Error(`row ${id} is in the lake twice: ${rows.get(id)} and ${place}`);
      rows.set(id, place);
    }
  }
}
