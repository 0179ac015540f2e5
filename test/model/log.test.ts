import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchFromRows, valueOf } from '../../src/event/rows.js';
import { openLog, type EmbeddedLog } from '../../src/log/embedded/open.js';
import type { MillraceError } from '../../src/util/errors.js';
import { partitionOf } from '../../src/log/partition.js';
import { definition, SCHEMA } from '../log/support.js';
import { SimClock } from '../sim/clock.js';
import { SimDisk } from '../sim/disk.js';
import { SeededRandom } from '../sim/random.js';
import { LogModel } from './log-model.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const PARTITIONS: Record<string, number> = { in: 2, out: 1 };
const encoder = new TextEncoder();

interface Real {
  log: EmbeddedLog;
  disk: SimDisk;
  readonly clock: SimClock;
  readonly random: SeededRandom;
  next: number;
}

async function openReal(real: Pick<Real, 'disk' | 'clock' | 'random'>): Promise<EmbeddedLog> {
  const options = { segmentBytes: 1 << 15, firstSegmentBytes: 1 << 14, retentionEveryMs: 1000 };
  const log = await openLog({ folder: '/log', ...real, lock: () => Promise.resolve(() => undefined), options });
  for (const [name, partitions] of Object.entries(PARTITIONS))
    await log.createStream(definition(name, { partitions, retentionMs: 5_000 }));
  return log;
}

function rowsFor(
  real: Real,
  stream: string,
  count: number,
): { ids: { id: string; partition: number }[]; rows: ReturnType<typeof batchFromRows> } {
  const made = Array.from({ length: count }, () => {
    const n = real.next++;
    return {
      id: `e${n}`,
      tenant: `t${n % 7}`,
      at: n,
      country: n % 3 === 0 ? null : `c${n % 11}`,
      price: null,
      received_at: 0,
    };
  });
  const ids = made.map(({ id, tenant }) => {
    const bytes = encoder.encode(tenant);
    return { id, partition: partitionOf(bytes, 0, bytes.length, PARTITIONS[stream]!) };
  });
  return { ids, rows: batchFromRows(SCHEMA, made) };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 60; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Reads from `offset` to the end and compares. */
function compare(model: LogModel, log: EmbeddedLog, stream: string, partition: number, offset: number): void {
  const cursor = log.cursor(stream, partition, offset);
  const ids: string[] = [];
  for (let batch = cursor.next(); batch !== null; batch = cursor.next())
    for (let row = 0; row < batch.rows; row++) ids.push(valueOf(batch.batch.column(0), 'string', row) as string);
  cursor.close();
  expect(ids).toEqual(model.from(stream, partition, offset));
}

type Command = fc.AsyncCommand<LogModel, Real>;

class Append implements Command {
  readonly counts: readonly number[];
  constructor(counts: readonly number[]) {
    this.counts = counts;
  }
  check = (): boolean => true;
  async run(model: LogModel, real: Real): Promise<void> {
    const appends = this.counts.map((count) => rowsFor(real, 'in', count));
    await Promise.all(appends.map(({ rows }) => real.log.append({ batches: [{ stream: 'in', rows }] })));
    for (const { ids } of appends) model.append('in', ids);
  }
  toString = (): string => `append ${this.counts.join(', ')}`;
}

class Read implements Command {
  readonly part: number;
  readonly partition: number;
  constructor(part: number, partition: number) {
    this.part = part;
    this.partition = partition;
  }
  check = (): boolean => true;
  async run(model: LogModel, { log }: Real): Promise<void> {
    const { start, end } = log.range('in', this.partition);
    expect(end).toBe(model.streams.get('in')![this.partition]!.rows.length);
    model.dropped('in', this.partition, start);
    compare(model, log, 'in', this.partition, start + Math.floor(this.part * (end - start)));
    compare(model, log, 'out', 0, log.range('out', 0).start);
    await Promise.resolve();
  }
  toString = (): string => `read from ${this.part} of partition ${this.partition}`;
}

class Commit implements Command {
  readonly outputs: number;
  readonly epoch: number;
  constructor(outputs: number, epoch: number) {
    this.outputs = outputs;
    this.epoch = epoch;
  }
  check = (): boolean => true;
  async run(model: LogModel, real: Real): Promise<void> {
    const { ids, rows } = rowsFor(real, 'out', this.outputs);
    const offset = real.log.range('in', 0).end;
    const state = real.next % 250;
    const reader = {
      id: 'stage',
      epoch: this.epoch,
      positions: [{ stream: 'in', partition: 0, offset }],
      state: Uint8Array.of(state),
    };
    const answer = await real.log.append({ batches: [{ stream: 'out', rows }], reader }).then(
      () => 'done',
      (error: unknown) => (error as MillraceError).code,
    );
    expect(answer).toBe(model.commit(this.epoch, offset, state, ids) ? 'done' : 'READER_FENCED');
  }
  toString = (): string => `commit ${this.outputs} outputs at epoch ${this.epoch}`;
}

class Restart implements Command {
  readonly clean: boolean;
  constructor(clean: boolean) {
    this.clean = clean;
  }
  check = (): boolean => true;
  async run(model: LogModel, real: Real): Promise<void> {
    if (this.clean) await real.log.close();
    real.disk = real.disk.crash();
    real.clock.forgetTimers();
    real.log = await openReal(real);
    const { recovery } = real.log;
    expect(recovery.damaged).toEqual([]);
    if (this.clean) expect(recovery.cut).toBeNull();
    const state = real.log.reader('stage');
    expect(
      state === undefined ? null : { epoch: state.epoch, offset: state.positions[0]!.offset, state: state.state[0] },
    ).toEqual(model.reader);
  }
  toString = (): string => (this.clean ? 'close and open' : 'lose power and open');
}

class PassTime implements Command {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
  check = (): boolean => true;
  async run(_model: LogModel, real: Real): Promise<void> {
    await settle();
    real.clock.advance(this.ms);
    await settle();
  }
  toString = (): string => `${this.ms} ms pass`;
}

test(`the log does what its model does (seed ${SEED})`, { timeout: 120_000 }, async () => {
  const commands = fc.commands(
    [
      fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 4 }).map((counts) => new Append(counts)),
      fc
        .tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 1 }))
        .map(([part, partition]) => new Read(part, partition)),
      fc
        .tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 3 }))
        .map(([outputs, epoch]) => new Commit(outputs, epoch)),
      fc.boolean().map((clean) => new Restart(clean)),
      fc.integer({ min: 1, max: 6_000 }).map((ms) => new PassTime(ms)),
    ],
    { maxCommands: 60, size: '+1' },
  );
  await fc.assert(
    fc.asyncProperty(commands, fc.integer(), async (list, seed) => {
      const random = new SeededRandom(seed);
      const base = { disk: new SimDisk(random), clock: new SimClock(), random };
      const model = new LogModel();
      for (const [name, partitions] of Object.entries(PARTITIONS)) model.create(name, partitions);
      const log = await openReal(base);
      await log.registerReader('stage', [{ stream: 'in', partition: 0, offset: 0 }]);
      await fc.asyncModelRun(() => ({ model, real: { ...base, log, next: 0 } }), list);
    }),
    { seed: SEED, numRuns: 60, endOnFailure: false },
  );
});
