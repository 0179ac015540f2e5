/**
 * Keeps a view's state on disk: when it is frozen, and where it lies.
 *
 * State is frozen at a flush, and written behind the commit of that flush, some entries at a time while rows go on;
 * one at a time. So it never holds more than what is committed.
 */
import { join } from 'node:path';
import type { ReaderState, Position } from '../../log/log.js';
import { ByteReader, ByteWriter } from '../../util/bytes.js';
import type { RelationView } from '../../sql/relation/relation.js';
import type { Dataflow, FrozenCapture } from '../dataflow/dataflow.js';
import type { Shelf } from '../dataflow/shelf.js';
import { isAtMost, offsetsOf } from '../offsets.js';
import { planHash } from '../plan-hash.js';
import { giveWay } from '../stage-options.js';
import type { ViewStageInput } from '../stage-options.js';
import { SpillSpace } from '../state/spill-space.js';
import { SpilledFiles } from './spilled-files.js';
import { SLICE_ENTRIES, StateFiles } from './state-files.js';
import type { StateStorage } from './state-files.js';

/** Changed entries after which state that spills is saved: each is encoded in memory once. */
const UNSAVED_MAX = 131_072;

/** State as it was at a flush, on its way to disk. */
export interface FrozenState {
  readonly positions: readonly Position[];
  readonly frozen: FrozenCapture;
  readonly clocks: Uint8Array;
}

/** See the head of the file. */
export class StateKeeper {
  readonly #input: ViewStageInput<RelationView>;
  readonly #everyMs: number;
  readonly #files: StateStorage;
  readonly #space: SpillSpace | null;
  /** Names of the tables, by their numbers in the space. */
  #tables: readonly string[] = [];
  #at = 0;
  #storing: Promise<void> = Promise.resolve();
  #isStoring = false;
  #error: unknown = null;
  /** How often state was saved. */
  count = 0;
  /** Where a start would begin. */
  held: readonly Position[] = [];

  constructor(input: ViewStageInput<RelationView>, everyMs: number) {
    const { disk, folder, plan } = input;
    const hash = input.hash ?? planHash(plan);
    this.#input = input;
    this.#everyMs = everyMs;
    const spills = plan.statePolicy === 'spill';
    this.#space = spills ? new SpillSpace(join(folder, 'spill')) : null;
    const numberOf = (table: string): number => this.#tables.indexOf(table);
    this.#files =
      this.#space === null
        ? new StateFiles(disk, `${folder}/state`, hash)
        : new SpilledFiles(disk, `${folder}/state`, hash, this.#space, numberOf);
  }

  /** Where a table's entries go that leave memory; undefined where all stay. */
  get shelf(): ((table: string) => Shelf) | undefined {
    const space = this.#space;
    return space === null ? undefined : (table) => space.shelf(this.#numberOf(table));
  }

  /** Tables get their numbers in the order in which a dataflow makes them, which is its query's. */
  #numberOf(table: string): number {
    const known = this.#tables.indexOf(table);
    if (known >= 0) return known;
    this.#tables = [...this.#tables, table];
    return this.#tables.length - 1;
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await this.#storing;
    this.#error = null;
    this.#at = this.#input.clock.monotonic();
  }

  /**
   * Fills a dataflow with the state that is not beyond what is committed, and gives `read` what was saved beside it.
   * Answers the state's positions; undefined where there is none: the dataflow is empty then.
   */
  async load(
    dataflow: Dataflow,
    committed: ReaderState | undefined,
    read: (clocks: ByteReader) => void,
  ): Promise<readonly Position[] | undefined> {
    if (this.#space !== null) dataflow.tableNames.forEach((table) => this.#numberOf(table));
    const loaded = await this.#files.read();
    if (loaded === undefined || !isAtMost(offsetsOf(loaded.positions), offsetsOf(committed?.positions ?? []))) {
      await this.#files.clear();
      return undefined;
    }
    dataflow.load(loaded.captures);
    read(new ByteReader(loaded.clocks));
    return loaded.positions;
  }

  /** Throws what a write failed with. */
  check(): void {
    if (this.#error !== null) throw this.#error;
  }

  /** Whether state is being written. A capture that is not written would be missing from the next. */
  get isBusy(): boolean {
    return this.#isStoring;
  }

  /** Whether so much changed since state was saved that no more may before it is. */
  isFull(dataflow: Dataflow): boolean {
    return this.#space !== null && this.#isStoring && dataflow.unsaved > 2 * UNSAVED_MAX;
  }

  /** Whether it is time to save state, ms. */
  isDue(now: number): boolean {
    return now - this.#at >= this.#everyMs;
  }

  /** Freezes state where that is due or wanted; null where it is not, or the last is still being written. */
  freeze(
    dataflow: Dataflow,
    positions: readonly Position[],
    isWanted: boolean,
    write: (clocks: ByteWriter) => void,
  ): FrozenState | null {
    const now = this.#input.clock.monotonic();
    const isMuch = this.#space !== null && dataflow.unsaved > UNSAVED_MAX;
    if (this.#isStoring || !(isWanted || isMuch || this.isDue(now))) return null;
    this.#at = now;
    const clocks = new ByteWriter(256);
    write(clocks);
    return { positions, frozen: dataflow.freeze(), clocks: clocks.copy() };
  }

  /** Writes what was frozen, now that its positions are committed. */
  save({ clocks, frozen, positions }: FrozenState): void {
    this.#isStoring = true;
    this.#storing = (async () => {
      try {
        while (frozen.encode(SLICE_ENTRIES) > 0) await giveWay();
        await this.#files.write({ positions, clocks, capture: frozen.take() }, giveWay);
        this.count++;
        this.held = positions;
        await this.#input.log.registerReader(this.#input.id, positions);
      } catch (error) {
        this.#error = error;
      } finally {
        this.#isStoring = false;
      }
    })();
  }

  async close(): Promise<void> {
    await this.#storing;
    await this.#space?.close();
  }
}
