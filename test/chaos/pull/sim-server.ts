/**
 * The server in one process and without threads: front door with its memory of ids, log, mill, summary and
 * feed, all real, each moved by hand. A kill drops everything in memory and cuts the power of a simulated
 * disk, which loses at least what a kill loses.
 */
import { Dedupe } from '../../../src/collect/dedupe/dedupe.js';
import { SigningKeys } from '../../../src/collect/tracking/signing-keys.js';
import { gather } from '../../../src/event/gather.js';
import { LATE_SCHEMA, LATE_STREAM } from '../../../src/event/internal.js';
import { batchFromRows, rowOf } from '../../../src/event/rows.js';
import { defineSchema } from '../../../src/event/schema-define.js';
import type { Schema } from '../../../src/event/schema.js';
import { ServedViews } from '../../../src/event/served.js';
import type { ViewDescription } from '../../../src/event/view.js';
import { realDisk } from '../../../src/io/disk-real.js';
import type { Rpc } from '../../../src/io/rpc.js';
import { openLog, type EmbeddedLog } from '../../../src/log/embedded/open.js';
import type { AppendGroup, AppendResult } from '../../../src/log/log.js';
import { ViewStage } from '../../../src/mill/stage.js';
import { Feed } from '../../../src/serve/feed/feed.js';
import {
  FeedReader,
  type ChangesRequest,
  type DigestRequest,
  type RowsRequest,
} from '../../../src/serve/feed/reader.js';
import { Freshness } from '../../../src/serve/freshness.js';
import { writeParquet } from '../../../src/serve/query/temp-files.js';
import type { StoreMethods } from '../../../src/serve/store-protocol.js';
import { describeView } from '../../../src/sql/describe.js';
import { parseViews } from '../../../src/sql/parse.js';
import { planView } from '../../../src/sql/standing.js';
import type { ViewPlan } from '../../../src/sql/plan.js';
import { openSummary, type SummaryOptions, type ViewSummary } from '../../../src/summary/summary.js';
import type { SimClock } from '../../sim/clock.js';
import { SimDisk } from '../../sim/disk.js';
import type { SeededRandom } from '../../sim/random.js';
import { VIEW, type SentEvent } from './events.js';
import type { ChangeRow } from './fold.js';
import { fenced, type FencedDisk } from './fence.js';
import { StageSteps, type FlushCut } from './stage-steps.js';

const EVENTS = defineSchema({
  columns: {
    id: 'string',
    tenant: 'dictionary',
    campaign: 'dictionary',
    t: 'timestamp',
    amount: 'decimal',
    user: 'string',
  },
  tenant: 'tenant',
  eventId: 'id',
  eventTime: 't',
});

/** Guards that a control takes away. */
export interface ServerGuards {
  /** Ids are not compared. */
  readonly noDedupe?: boolean;
  /** A reader's outputs are committed, and its positions later. */
  readonly offsetsApart?: boolean;
}

/** How a server is made. */
export interface SimServerInput {
  /** A real folder, for the stores that bring their own files. */
  readonly folder: string;
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly sql: string;
  readonly partitions: number;
  /** Of the mill: least time between two snapshots, ms. */
  readonly snapshotEveryMs: number;
  readonly summary: Partial<SummaryOptions>;
  readonly guards?: ServerGuards;
}

/** What a process has in memory. */
interface Life {
  readonly disk: FencedDisk;
  readonly log: EmbeddedLog;
  readonly dedupe: Dedupe;
  readonly mill: StageSteps;
  readonly stage: ViewStage;
  readonly summary: ViewSummary;
  readonly reader: StageSteps;
  readonly feed: Feed;
  readonly freshness: Freshness;
  /** Rejects when it is killed. */
  readonly killed: Promise<never>;
  readonly kill: (error: Error) => void;
}

/** Thrown by a step that a control cuts in the middle. */
export class KilledHere extends Error {}

/** A server that is moved by hand. */
export class SimServer {
  readonly #input: SimServerInput;
  readonly #keys = new SigningKeys([{ id: 'k1', secret: 'a secret of at least 32 characters' }]);
  readonly #plan: ViewPlan;
  readonly view: ViewDescription;
  #disk: SimDisk;
  #life: Life | null = null;
  /** The next commit of a reader is cut between its two halves, where it has two. */
  cutApart = false;

  private constructor(input: SimServerInput, plan: ViewPlan) {
    this.#input = input;
    this.#disk = new SimDisk(input.random);
    this.#plan = plan;
    this.view = describeView(plan, { number: 1, id: '1.0123456789abcdef', sinceMs: null });
  }

  /** Makes one; it is down. */
  static async create(input: SimServerInput): Promise<SimServer> {
    const [view] = await parseViews(input.sql, 'chaos.sql');
    return new SimServer(input, planView(view!, new Map([['events', { name: 'events', schema: EVENTS }]])) as ViewPlan);
  }

  get isUp(): boolean {
    return this.#life !== null;
  }

  get feed(): Feed {
    return this.#up().feed;
  }

  /** Rejects when this life ends. */
  get killed(): Promise<never> {
    return this.#up().killed;
  }

  /** Whether a question of the feed is answered without another step of the summary. */
  get answersAtOnce(): boolean {
    const { store } = this.#up().summary;
    return (
      store.isCurrent && Array.from({ length: store.partitions }, (_, one) => store.commits.isWhole(one)).every(Boolean)
    );
  }

  /** Windows that are in the mill's memory. */
  get openWindows(): number {
    return this.#up().stage.stats().windows;
  }

  /** Starts, from what is on the disk. */
  async start(): Promise<void> {
    const { folder, clock, random, partitions, snapshotEveryMs, guards = {} } = this.#input;
    const disk = fenced(this.#disk);
    const log = await openLog({
      folder: `${folder}/log`,
      disk,
      clock,
      random,
      lock: () => Promise.resolve(() => undefined),
      options: { segmentBytes: 1 << 18, firstSegmentBytes: 1 << 15, retentionEveryMs: 1e9, arrivalClockEveryMs: 500 },
    });
    if (log.recovery.damaged.length > 0) throw new Error(`damage: ${JSON.stringify(log.recovery.damaged)}`);
    const stream = (name: string, schema: Schema, count: number) =>
      log.createStream({
        name,
        schema,
        partitions: count,
        clock: 'arrival',
        retentionMs: 1e12,
        bytesMax: 1e12,
        policy: 'refuse',
      });
    await stream('events', EVENTS, partitions);
    await stream(LATE_STREAM, LATE_SCHEMA, 1);
    await stream(this.view.stream, this.view.schema, partitions);
    const dedupe = await Dedupe.open({ disk, folder: `${folder}/dedupe`, clock, random, log, streams: ['events'] });
    const stage = new ViewStage({
      plan: this.#plan,
      stream: this.view.stream,
      id: `mill.${VIEW}`,
      log,
      folder: `${folder}/mill`,
      disk,
      clock,
      options: { snapshotEveryMs },
    });
    const append = guards.offsetsApart === true ? (group: AppendGroup) => this.#apart(log, group) : undefined;
    const mill = await StageSteps.start(log, stage, append);
    const summary = await this.#openSummary(log);
    const reader = await StageSteps.start(log, summary.stage);
    let kill!: (error: Error) => void;
    const killed = new Promise<never>((_, reject) => (kill = reject));
    killed.catch(() => undefined);
    const freshness = new Freshness({ log, store: summary.store, clock, reader: `mill.${VIEW}` });
    const store = storeOf(summary, freshness);
    const feed = new Feed(
      this.#keys,
      () => Promise.resolve(store),
      new ServedViews([{ view: this.view, isNewest: true }]),
    );
    this.#life = { disk, log, dedupe, mill, stage, summary, reader, feed, freshness, killed, kill };
  }

  async #openSummary(log: EmbeddedLog): Promise<ViewSummary> {
    const { stream } = this.view;
    const { folder, clock, partitions, summary: options } = this.#input;
    const endOf = (partition: number): number => log.range(stream, partition).end;
    const summary = await openSummary({
      view: this.view,
      partitions,
      endOf,
      folder: `${folder}/summary`,
      // DuckDB reads its files.
      disk: realDisk,
      clock,
      writeRun: (path, schema, groups) =>
        writeParquet(realDisk, path, schema, groups, { compression: 'none', sync: false }),
      options,
    });
    summary.store.expect(Array.from({ length: partitions }, (_, partition) => endOf(partition)));
    return summary;
  }

  /** A control: outputs and positions are two appends. */
  async #apart(log: EmbeddedLog, { batches, reader }: AppendGroup): Promise<AppendResult> {
    const result = await log.append({ batches });
    if (this.cutApart) throw new KilledHere();
    await log.append({ batches: [], ...(reader === undefined ? {} : { reader }) });
    return result;
  }

  /** Kills it wherever it stands. */
  async kill(): Promise<void> {
    const life = this.#up();
    this.#life = null;
    life.disk.cut();
    life.kill(new Error('the server was killed'));
    // Their files are real ones, which must be closed before the next life opens them.
    await life.mill.close();
    await life.summary.close().catch(() => undefined);
    this.#disk = this.#disk.crash();
    this.#input.clock.forgetTimers();
  }

  /** Takes a request's events; `cut`: the kill that follows comes before the append, or before the answer. */
  async send(events: readonly SentEvent[], cut?: FlushCut): Promise<void> {
    const { log, dedupe } = this.#up();
    const rows = batchFromRows(
      EVENTS,
      events.map((event) => ({ ...event, amount: (event.amount / 1e6).toFixed(6), received_at: 0 })),
    );
    if (this.#input.guards?.noDedupe === true) {
      if (cut !== 'before the append') await log.append({ batches: [{ stream: 'events', rows }] });
      return;
    }
    const claim = dedupe.claim('events', rows);
    if (cut === 'before the append') return;
    const fresh = claim.freshRows === null ? rows : gather(rows, claim.freshRows);
    if (claim.fresh > 0) {
      const result = await log.append({ batches: [{ stream: 'events', rows: fresh }] });
      if (cut === undefined) claim.commit(result);
    }
  }

  /** The mill processes. */
  millRead(batches: number): Promise<number> {
    return this.#up().mill.read(batches);
  }

  /** The mill commits. */
  millFlush(cut?: FlushCut): Promise<boolean> {
    return this.#up().mill.flush(cut);
  }

  /** The summary takes changes in. */
  async summaryRead(batches: number): Promise<number> {
    const { reader, freshness } = this.#up();
    const read = await reader.read(batches);
    freshness.look();
    return read;
  }

  /** The summary seals what is due. */
  async summaryFlush(): Promise<void> {
    await this.#up().reader.flush();
  }

  /** Everything leaves the summary's memory. */
  settle(): Promise<void> {
    return this.#up().summary.settle();
  }

  /** Mill and summary take in everything that is there. */
  async catchUp(): Promise<void> {
    for (let again = true; again;) {
      const read = await this.millRead(1_000);
      again = (await this.millFlush()) || read > 0;
      while ((await this.summaryRead(1_000)) > 0);
    }
    await this.summaryFlush();
  }

  /** Rows of a stream in order of partition and offset, from these offsets on. */
  rows(name: string, from: readonly number[] = []): ChangeRow[] {
    const { log } = this.#up();
    const rows: ChangeRow[] = [];
    for (let partition = 0; partition < log.stream(name)!.partitions; partition++) {
      const start = from[partition] ?? 0;
      if (start === log.range(name, partition).end) continue;
      const cursor = log.cursor(name, partition, start);
      for (let batch = cursor.next(); batch !== null; batch = cursor.next())
        for (let row = Math.max(0, start - batch.baseOffset); row < batch.rows; row++)
          rows.push({ ...rowOf(batch.batch, row), partition, offset: batch.baseOffset + row });
      cursor.close();
    }
    return rows;
  }

  #up(): Life {
    if (this.#life === null) throw new Error('the server is down');
    return this.#life;
  }
}

/** What the store thread answers, without the thread. */
function storeOf(summary: ViewSummary, freshness: Freshness): Rpc<StoreMethods> {
  const feed = new FeedReader(summary.store, () => freshness.completeThrough);
  const methods: Record<string, (...args: never[]) => Promise<unknown>> = {
    feedView: (_view: string, tenant: string) => feed.view(tenant),
    feedChanges: (_view: string, request: ChangesRequest) => feed.changes(request),
    feedRows: (_view: string, request: RowsRequest) => feed.rows(request),
    feedDigest: (_view: string, request: DigestRequest) => feed.digest(request),
  };
  return {
    async call(method: string, ...args: never[]) {
      await summary.store.current();
      return methods[method]!(...args);
    },
  } as unknown as Rpc<StoreMethods>;
}
