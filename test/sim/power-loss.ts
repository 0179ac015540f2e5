/**
 * Chaos harness (b): power loss.
 *
 * A round is a few lives of one simulated disk. In each life the log is opened, checked against
 * everything that earlier lives were promised, then written to by several clients, a reader that
 * commits its outputs with its positions, and the lake with a store of its own, until the power goes off at a random moment. In some
 * lives the disk also fails now and then (EIO). The last life checks, and lets the lake take the rest. Everything is seeded: a failing round runs again with the same seed.
 */
import { openLog, type EmbeddedLog } from '../../src/log/embedded/open.js';
import { checkLake, drainLake } from './power-loss-lake.js';
import { ENTRIES, idOf, INPUT, OUTPUT, PAIR, writeLife, type Promised } from './power-loss-life.js';
import { SimClock } from './clock.js';
import { errno, SimDisk, type DiskControl } from './disk.js';
import { SeededRandom } from './random.js';

/** A round that broke a promise. */
export interface PowerLossFailure {
  readonly round: number;
  readonly seed: number;
  readonly life: number;
  readonly message: string;
}

/** What `runPowerLoss` found. */
export interface PowerLossResult {
  readonly passed: number;
  readonly failed: number;
  readonly failures: readonly PowerLossFailure[];
  /** What the rounds exercised: crashes survived, rows acknowledged, last commits cut. */
  readonly crashes: number;
  readonly acknowledged: number;
  readonly cuts: number;
  /** Commits whose write or sync failed (EIO). */
  readonly failedCommits: number;
}

/** Runs rounds; with a `control` one promise of the disk is broken and rounds must fail. */
export async function runPowerLoss(options: {
  rounds: number;
  seed: number;
  control?: DiskControl;
  /** Stops at the first failure. */
  stopAtFailure?: boolean;
  progress?: (round: number) => void;
}): Promise<PowerLossResult> {
  const failures: PowerLossFailure[] = [];
  const totals = { crashes: 0, acknowledged: 0, cuts: 0, failedCommits: 0 };
  let passed = 0;
  for (let round = 0; round < options.rounds; round++) {
    const seed = (options.seed + round * 7919) >>> 0;
    const failure = await runRound(round, seed, options.control, totals);
    if (failure === null) passed += 1;
    else failures.push(failure);
    options.progress?.(round + 1);
    if (failure !== null && options.stopAtFailure === true) break;
  }
  return { passed, failed: failures.length, failures, ...totals };
}

async function runRound(
  round: number,
  seed: number,
  control: DiskControl | undefined,
  totals: { crashes: number; acknowledged: number; cuts: number; failedCommits: number },
): Promise<PowerLossFailure | null> {
  const random = new SeededRandom(seed);
  const promised: Promised = {
    acknowledged: new Map(),
    sent: new Map(),
    seen: new Map(),
    readerCommits: 0,
    pairs: new Map(),
    nextId: 0,
  };
  let disk = new SimDisk(random, control);
  const lives = 2 + random.below(4);
  for (let life = 0; life <= lives; life++) {
    const clock = new SimClock(1_700_000_000_000 + life * 60_000 - (random.chance(0.2) ? 600_000 : 0));
    try {
      const log = await openLog({
        folder: '/data/log',
        disk,
        clock,
        random,
        lock: () => Promise.resolve(() => undefined),
        options: { segmentBytes: 1 << 17, firstSegmentBytes: 1 << 15, pendingBytesMax: 1 << 22 },
      });
      if (log.recovery.cut !== null) totals.cuts += 1;
      const found = check(log, promised);
      if (log.stream(INPUT) !== undefined) checkLake(log, disk, INPUT, found, false);
      if (life === lives) {
        if (log.stream(INPUT) === undefined) break;
        await drainLake(log, disk, clock, INPUT);
        checkLake(log, disk, INPUT, found, true);
        break;
      }
      if (random.chance(0.3))
        disk.fault = ({ kind }) =>
          (kind === 'sync' || kind === 'write') && random.chance(0.01) ? errno('EIO', kind) : undefined;
      await writeLife(log, disk, clock, random, promised);
      totals.failedCommits += log.stats().failedCommits;
    } catch (error) {
      return { round, seed, life, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    disk = disk.crash();
    clock.forgetTimers();
    totals.crashes += 1;
  }
  totals.acknowledged += promised.acknowledged.size;
  return null;
}

/** Compares the log with everything that was promised; answers its rows. Throws what is wrong. */
function check(log: EmbeddedLog, promised: Promised): Map<string, string> {
  if (log.recovery.damaged.length > 0)
    throw new Error(`power loss must never look like damage: ${JSON.stringify(log.recovery.damaged)}`);
  const found = new Map<string, string>();
  for (const name of [INPUT, PAIR, OUTPUT]) if (log.stream(name) !== undefined) readStream(log, name, found);
  for (const [id, place] of promised.acknowledged) {
    const is = found.get(id);
    if (is === undefined) throw new Error(`acknowledged row ${id} at ${place} is lost`);
    if (is !== place) throw new Error(`acknowledged row ${id} was at ${place} and is at ${is}`);
  }
  for (const [id, place] of promised.seen)
    if (found.get(id) !== place) throw new Error(`row ${id}, read before at ${place}, is ${found.get(id) ?? 'gone'}`);
  for (const id of found.keys()) if (!promised.sent.has(id)) throw new Error(`row ${id} was never sent`);
  for (const [left, right] of promised.pairs)
    if (found.has(left) !== found.has(right))
      throw new Error(`${left} and ${right} were one append; only ${found.has(left) ? left : right} is there`);
  checkReader(log, promised, found);
  return found;
}

function readStream(log: EmbeddedLog, name: string, found: Map<string, string>): void {
  const { partitions } = log.stream(name)!;
  for (let partition = 0; partition < partitions; partition++) {
    const cursor = log.cursor(name, partition, log.range(name, partition).start);
    let next = 0;
    let stampMs = 0;
    for (let batch = cursor.next(); batch !== null; batch = cursor.next()) {
      if (batch.rows === 0) continue;
      if (batch.baseOffset < next)
        throw new Error(`${name}/${partition}: offset ${batch.baseOffset} comes after ${next}`);
      if (batch.receivedAt < stampMs)
        throw new Error(
          `${name}/${partition}: received_at fell from ${stampMs} to ${batch.receivedAt} at offset ${batch.baseOffset}`,
        );
      next = batch.baseOffset + batch.rows;
      stampMs = batch.receivedAt;
      for (let row = 0; row < batch.rows; row++) {
        const id = idOf(batch.batch, row);
        if (found.has(id))
          throw new Error(
            `row ${id} is there twice: ${found.get(id)} and ${name}/${partition}/${batch.baseOffset + row}`,
          );
        found.set(id, `${name}/${partition}/${batch.baseOffset + row}`);
      }
    }
    const { end } = log.range(name, partition);
    if (next > end) throw new Error(`${name}/${partition}: rows up to ${next}, but the range ends at ${end}`);
    cursor.close();
  }
}

/** Commit k of the reader wrote the outputs `out-k-0` … and the state k: all or none. */
function checkReader(log: EmbeddedLog, promised: Promised, found: ReadonlyMap<string, string>): void {
  const state = log.reader('stage');
  const committed =
    state === undefined ? 0 : new DataView(state.state.buffer, state.state.byteOffset).getUint32(0, true);
  if (committed < promised.readerCommits)
    throw new Error(`reader commit ${promised.readerCommits} was acknowledged and the reader is at ${committed}`);
  for (let k = 1; k <= committed; k++)
    for (let i = 0; i < ENTRIES; i++)
      if (promised.sent.has(`out-${k}-${i}`) && !found.has(`out-${k}-${i}`))
        throw new Error(`the reader is at commit ${committed}, but output ${i} of commit ${k} is missing`);
  for (const id of found.keys()) {
    const k = /^out-(\d+)-/.exec(id);
    if (k !== null && Number(k[1]) > committed)
      throw new Error(`output ${id} is there, but the reader is only at commit ${committed}`);
  }
  for (const { stream, partition, offset } of state?.positions ?? []) {
    const { end } = log.range(stream, partition);
    if (offset > end) throw new Error(`the reader is at ${stream}/${partition}/${offset}, which ends at ${end}`);
  }
}
