/**
 * The runs on disk: which there are, and the work that adds, merges and removes them.
 *
 * Purpose. Sealed memtables become runs; runs of one hour are merged so that a look-up asks few
 * filters; runs leave when they are older than the window or when there are more than `idsMax` ids.
 *
 * Limits. An hour holds fewer than `MERGE_RUNS` runs of each size class, and one when it is over; a
 * merged run holds at most an eighth of `idsMax`, so that what leaves at the limit is never most of
 * what there is. At most `SEALED_MAX` memtables wait; beyond that the owner refuses ids.
 *
 * Invariants. `runs` changes only after a manifest that names the new list is on disk. A memtable
 * stays readable until its run is in `runs`. Manifests are written one at a time.
 *
 * Recovery. A failed write leaves no trace but a temporary file, and is tried again with a new one
 * after `RETRY_MS`: a file whose write or sync failed is never used. Files that the manifest does
 * not name are removed at start.
 */
import type { Clock } from '../../io/clock.js';
import type { Disk } from '../../io/disk.js';
import type { Position } from '../../log/log.js';
import { Background } from './background.js';
import type { HashSeed } from './keys.js';
import { readManifest, writeManifest, type Manifest } from './manifest.js';
import type { Arrays, Memtable } from './memtable.js';
import { flushMemtable, mergeRuns } from './merge.js';
import { Run } from './run.js';
import { Scopes } from './scopes.js';

/** Ms in an hour. */
export const HOUR_MS = 3_600_000;

/** So many runs of one hour and size class are merged. */
const MERGE_RUNS = 4;

/** Most sealed memtables that wait for their flush. */
export const SEALED_MAX = 3;

const RETRY_MS = 1000;

/** What a run store needs. */
export interface RunStoreOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly clock: Clock;
  /** Used when the folder is new. */
  readonly seed: HashSeed;
  readonly windowMs: number;
  readonly idsMax: number;
  readonly memtableIds: number;
  /** Told when background work fails; it will be tried again. */
  readonly onTrouble: (error: unknown) => void;
  /** Told when the runs cover the log up to `positions`. */
  readonly onCovered: (positions: readonly Position[]) => void;
}

/** The runs on disk. */
export class RunStore {
  runs: readonly Run[] = [];
  /** Waiting for their flush, oldest first; still to be asked. */
  sealed: readonly Memtable[] = [];
  /** Why the last background work failed; null when it went well. */
  trouble: unknown = null;
  leftUntilMs: number;
  readonly seed: HashSeed;
  readonly scopes: Scopes;

  readonly #options: RunStoreOptions;
  readonly #flusher: Background;
  readonly #merger: Background;
  #covered: ReadonlyMap<string, Position>;
  #nextRun: number;
  #spare: Arrays | undefined;
  #publishing: Promise<void> = Promise.resolve();
  /** Runs that are being merged: they stay open until that is done. */
  #merging: readonly Run[] = [];

  private constructor(options: RunStoreOptions, manifest: Manifest | null, scopes: Scopes) {
    this.#options = options;
    this.scopes = scopes;
    this.seed = manifest?.seed ?? options.seed;
    this.leftUntilMs = manifest?.leftUntilMs ?? 0;
    this.#nextRun = manifest?.nextRun ?? 1;
    this.#covered = new Map(
      (manifest?.covered ?? []).map((position) => [`${position.stream}/${position.partition}`, position]),
    );
    const common = { clock: options.clock, retryMs: RETRY_MS, onRound: (error: unknown) => this.#note(error) };
    this.#flusher = new Background({ ...common, work: () => this.#flushAll() });
    this.#merger = new Background({ ...common, work: () => this.#mergeAll() });
  }

  /** Opens the folder. Throws DATA_FOLDER_DAMAGED or DATA_FOLDER_NEWER. */
  static async open(options: RunStoreOptions): Promise<RunStore> {
    const { disk, folder } = options;
    disk.makeFolder(folder);
    const manifest = readManifest(disk, folder);
    const store = new RunStore(options, manifest, Scopes.open(disk, folder, manifest?.scopes ?? 0));
    const names = new Set(manifest?.runs ?? []);
    for (const name of disk.list(folder))
      if (/^run-\d+(\.tmp)?$/.test(name) && !names.has(name)) disk.remove(`${folder}/${name}`);
    store.runs = [...names].map((name) => Run.open(disk, folder, name));
    // The seed must be on disk before the first id is hashed with it for good.
    if (manifest === null) await writeManifest(disk, folder, store.#manifest([], 0, new Map()));
    return store;
  }

  /** How far the runs reach into a partition; undefined when they never did. */
  covered(stream: string, partition: number): number | undefined {
    return this.#covered.get(`${stream}/${partition}`)?.offset;
  }

  /** All that `covered` knows. */
  get positions(): readonly Position[] {
    return [...this.#covered.values()];
  }

  /** Ids in runs and waiting memtables. */
  get ids(): number {
    let ids = 0;
    for (const run of this.runs) ids += run.ids;
    for (const table of this.sealed) ids += table.ids;
    return ids;
  }

  /** The arrays of a memtable that was flushed, for the next one. */
  spare(): Arrays | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare;
  }

  /** Bytes of the arrays kept for the next memtable. */
  get spareBytes(): number {
    return this.#spare === undefined ? 0 : this.#spare.heap.byteLength + this.#spare.slots.byteLength;
  }

  /** Takes a sealed memtable. Call `wake` when its last ticket is settled. */
  seal(table: Memtable): void {
    this.sealed = [...this.sealed, table];
    this.wake();
  }

  /** Starts whatever background work there is. */
  wake(): void {
    this.#flusher.wake();
    this.#merger.wake();
  }

  /** Resolves when no background work is under way. */
  async idle(): Promise<void> {
    await this.#flusher.idle();
    await this.#merger.idle();
  }

  /** Finishes the work under way and closes the files. */
  async close(): Promise<void> {
    await this.#flusher.close();
    await this.#merger.close();
    for (const run of this.runs) run.close();
    this.runs = [];
  }

  #note(error: unknown): void {
    this.trouble = error;
    if (error !== null) this.#options.onTrouble(error);
  }

  async #flushAll(): Promise<void> {
    const { disk, folder } = this.#options;
    for (let table = this.sealed[0]; table !== undefined && table.pending === 0; table = this.sealed[0]) {
      await this.scopes.persist();
      const run = await flushMemtable(disk, folder, this.#name(), table);
      await this.#publish({ added: run, covered: table.covered });
      this.sealed = this.sealed.slice(1);
      this.#spare = table.recycled();
      this.#options.onCovered(this.positions);
      this.#merger.wake();
    }
    await this.#expire();
  }

  async #mergeAll(): Promise<void> {
    for (let group = this.#mergeable(); group !== null; group = this.#mergeable()) {
      this.#merging = group;
      try {
        const run = await mergeRuns(this.#options.disk, this.#options.folder, this.#name(), group);
        await this.#publish({ added: run, removed: group });
      } finally {
        this.#merging = [];
      }
    }
  }

  /** Runs that should become one: of an hour that is over, or enough of one size. */
  #mergeable(): readonly Run[] | null {
    const now = Math.floor(this.#options.clock.now() / HOUR_MS);
    const groups = new Map<string, Run[]>();
    for (const run of this.runs) {
      const over = run.header.hour < now;
      const size = Math.max(0, Math.floor(Math.log(run.ids / this.#options.memtableIds) / Math.log(MERGE_RUNS) + 0.5));
      const key = over ? `${run.header.hour}` : `${run.header.hour} ${size}`;
      groups.set(key, [...(groups.get(key) ?? []), run]);
    }
    for (const [key, group] of groups) {
      const fitting = smallest(group, this.#options.idsMax / 8);
      if (fitting.length >= (key.includes(' ') ? MERGE_RUNS : 2)) return fitting;
    }
    return null;
  }

  async #expire(): Promise<void> {
    const { clock, windowMs, idsMax } = this.#options;
    const now = clock.now();
    const old = this.#leavable().filter((run) => (run.header.hour + 1) * HOUR_MS + windowMs < now);
    if (old.length > 0) await this.#publish({ removed: old });
    for (let runs = this.#leavable(); this.ids > idsMax && runs.length > 0; runs = this.#leavable()) {
      const hour = Math.min(...runs.map((run) => run.header.hour));
      const oldest = runs.filter((run) => run.header.hour === hour);
      const first = oldest.reduce((a, b) => (b.header.firstMs < a.header.firstMs ? b : a));
      // The running hour leaves a run at a time: what came last in it is still wanted.
      const leaving = oldest.length < runs.length ? oldest : [first];
      this.leftUntilMs = Math.max(this.leftUntilMs, ...leaving.map((run) => run.header.lastMs));
      await this.#publish({ removed: leaving });
    }
  }

  #leavable(): Run[] {
    return this.runs.filter((run) => !this.#merging.includes(run));
  }

  /** Makes a change of `runs` durable, then visible. */
  #publish(change: {
    added?: Run | null;
    removed?: readonly Run[];
    covered?: ReadonlyMap<string, Position>;
  }): Promise<void> {
    const { added = null, removed = [], covered = new Map() } = change;
    const step = this.#publishing.then(async () => {
      const runs = this.runs.filter((run) => !removed.includes(run));
      if (added !== null) runs.push(added);
      const reach = new Map([...this.#covered, ...covered]);
      try {
        await writeManifest(
          this.#options.disk,
          this.#options.folder,
          this.#manifest(runs, this.scopes.persisted, reach),
        );
      } catch (error) {
        // The file stays: a manifest that failed late may name it. The next start removes it if not.
        added?.close();
        throw error;
      }
      this.runs = runs;
      this.#covered = reach;
      for (const run of removed) this.#drop(run);
    });
    // Whoever asked for this step is told of its failure; the next step starts all the same.
    this.#publishing = step.catch(() => undefined);
    return step;
  }

  #drop(run: Run): void {
    run.close();
    this.#options.disk.remove(run.path);
  }

  #name(): string {
    return `run-${String(this.#nextRun++).padStart(8, '0')}`;
  }

  #manifest(runs: readonly Run[], scopes: number, covered: ReadonlyMap<string, Position>): Manifest {
    return {
      seed: this.seed,
      nextRun: this.#nextRun,
      runs: runs.map((run) => run.name),
      scopes,
      covered: [...covered.values()],
      leftUntilMs: this.leftUntilMs,
    };
  }
}

/** The smallest runs of a group that together hold at most `idsMax` ids. */
function smallest(group: readonly Run[], idsMax: number): readonly Run[] {
  const rising = [...group].sort((a, b) => a.ids - b.ids);
  let ids = 0;
  return rising.filter((run) => (ids += run.ids) <= idsMax);
}
