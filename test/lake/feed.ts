/** Drives a lake stage as the reader loop does, from batches encoded as the log encodes them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BatchTarget, decodeBatch, DictionaryChain, DictionaryScope, encodeAttached } from '../../src/event/batch.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import type { Schema } from '../../src/event/schema.js';
import type { Clock } from '../../src/io/clock.js';
import type { Disk } from '../../src/io/disk.js';
import { realDisk } from '../../src/io/disk-real.js';
import { ParquetReader } from '../../src/format/parquet/reader.js';
import { lakeSchema } from '../../src/lake/schema.js';
import { readSnapshot } from '../../src/lake/snapshot.js';
import type { LakeStage } from '../../src/lake/stage.js';
import type { LogBatch, StreamDefinition } from '../../src/log/log.js';

export type Row = Record<string, unknown>;

/** A clock that moves when told. */
export function handClock(start: number): Clock & { ms: number } {
  return {
    ms: start,
    now() {
      return this.ms;
    },
    monotonic() {
      return this.ms;
    },
    after: () => () => undefined,
  };
}

/** Batches of a stream with P partitions. */
export class Feed {
  readonly batches: {
    partition: number;
    baseOffset: number;
    receivedAt: number;
    bytes: Uint8Array;
    rows: Row[];
    chain: DictionaryChain;
  }[] = [];
  readonly ends: number[];
  definition: StreamDefinition;
  readonly #partitions: { scope: DictionaryScope; chain: DictionaryChain }[];

  constructor(schema: Schema, partitions: number) {
    this.ends = new Array<number>(partitions).fill(0);
    this.#partitions = this.ends.map(() => ({ scope: new DictionaryScope(schema), chain: new DictionaryChain() }));
    this.definition = {
      name: 'events',
      schema,
      partitions,
      clock: 'arrival',
      retentionMs: 1,
      bytesMax: 1,
      policy: 'refuse',
    };
  }

  /** As if the stream had been given another schema: a new segment begins. */
  evolve(schema: Schema): void {
    this.definition = { ...this.definition, schema };
    for (const part of this.#partitions) {
      part.scope = new DictionaryScope(schema);
      part.chain = new DictionaryChain();
    }
  }

  append(partition: number, receivedAt: number, rows: Row[]): void {
    const { scope, chain } = this.#partitions[partition]!;
    const baseOffset = this.ends[partition]!;
    const target = new BatchTarget();
    const { bytes } = encodeAttached(
      [{ batch: batchFromRows(this.definition.schema, rows), rows: null }],
      scope,
      { baseOffset, receivedAt, segmentPosition: 0 },
      target,
    );
    const one = target.bytes.slice(0, bytes);
    chain.apply(one);
    this.batches.push({ partition, baseOffset, receivedAt, bytes: one, rows, chain });
    this.ends[partition] = baseOffset + rows.length;
  }

  /** Restores the stage and gives it everything from its positions on; `until` leaves out later batches. */
  async run(stage: LakeStage, clockMs: number, until = this.batches.length): Promise<void> {
    const positions = new Map((await stage.restore()).map(({ partition, offset }) => [partition, offset]));
    await this.more(stage, clockMs, positions, 0, until);
  }

  /** Gives batches `from .. until - 1` to a restored stage. */
  async more(
    stage: LakeStage,
    clockMs: number,
    positions: Map<number, number>,
    from: number,
    until = this.batches.length,
  ): Promise<void> {
    for (const batch of this.batches.slice(from, until)) {
      if (batch.baseOffset < (positions.get(batch.partition) ?? 0)) continue;
      await stage.process(this.#logBatch(batch));
      await stage.flush([]);
    }
    await stage.tick('events', { ends: this.ends, clockMs });
    await stage.flush([]);
    await stage.settled();
  }

  /** All rows, as the lake must hold them, in no order. */
  expected(): string[] {
    return this.batches
      .flatMap(({ partition, baseOffset, receivedAt, rows }) => {
        const read = batchFromRows(this.definition.schema, rows);
        return rows.map((_, i) =>
          JSON.stringify({
            ...rowOf(read, i),
            received_at: receivedAt,
            _partition: partition,
            _offset: baseOffset + i,
          }),
        );
      })
      .sort();
  }

  #logBatch({ partition, baseOffset, receivedAt, bytes, rows, chain }: Feed['batches'][number]): LogBatch {
    const batch = decodeBatch(bytes, this.definition.schema, chain);
    return {
      stream: 'events',
      partition,
      baseOffset,
      rows: rows.length,
      batch,
      eventTimeMin: batch.header.eventTimeMin,
      eventTimeMax: batch.header.eventTimeMax,
      receivedAt,
      clockAdvanceMs: 0,
      clockTotalMs: 0,
    };
  }
}

/** Every row that the newest snapshot's files hold, in file order; `key` makes a text of each. */
export function lakeRows(folder: string, schema: Schema, disk: Disk = realDisk): { file: string; rows: Row[] }[] {
  const snapshot = readSnapshot(disk, folder, 'events');
  return (snapshot?.files ?? []).map((entry) => {
    const path = join(folder, 'events', 'data', entry.name);
    const file = disk.open(path, 'read');
    const reader = new ParquetReader(file, path, lakeSchema(schema));
    const rows: Row[] = [];
    for (let group = 0; group < reader.groups; group++) {
      const batch = reader.readGroup(group);
      for (let row = 0; row < batch.rows; row++) rows.push(rowOf(batch, row));
    }
    file.close();
    return { file: entry.name, rows };
  });
}

/** The rows of the lake as sorted texts. */
export function lakeTexts(folder: string, schema: Schema): string[] {
  return lakeRows(folder, schema)
    .flatMap(({ rows }) => rows.map((row) => JSON.stringify(row)))
    .sort();
}

/** Names in the data folder. */
export function dataFiles(folder: string): string[] {
  return readdirSync(join(folder, 'events', 'data')).sort();
}

/** The rows as the lake orders them: tenant, time, partition, offset. */
export function inLakeOrder(rows: Row[]): Row[] {
  return rows.toSorted(
    (left, right) =>
      Buffer.compare(Buffer.from(String(left['tenant'])), Buffer.from(String(right['tenant']))) ||
      (left['time'] as number) - (right['time'] as number) ||
      (left['_partition'] as number) - (right['_partition'] as number) ||
      (left['_offset'] as number) - (right['_offset'] as number),
  );
}
