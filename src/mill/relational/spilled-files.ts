/**
 * The state of a view that spills, on disk: all of it in a spill space, changed by one file a snapshot.
 *
 * A snapshot is written to a file, which the manifest names; then its entries go to the space's base, some at a
 * time. A start does that once more, for the process may have ended in between: it changes nothing that was
 * changed before. So a start reads one file, whatever the state's size; entries come to memory when they are touched.
 *
 * Recovery: see `state/manifest-folder.ts`; a file that is gone or damaged: there is no state.
 */
import type { Disk } from '../../io/disk.js';
import type { Position } from '../../log/log.js';
import { ManifestFolder } from '../state/manifest-folder.js';
import type { FileEntry } from '../state/manifest-folder.js';
import type { SpillSpace } from '../state/spill-space.js';
import { decodeState, encodeState, SLICE_ENTRIES, STATE_FORMAT } from './state-files.js';
import type { LoadedState, SavedState, StateStorage } from './state-files.js';

interface Content {
  readonly positions: readonly Position[];
  /** Null: there is no state. */
  readonly file: FileEntry | null;
  readonly now: number | null;
}

/** See the head of the file. */
export class SpilledFiles implements StateStorage {
  readonly #files: ManifestFolder<Content>;
  readonly #space: SpillSpace;
  readonly #numberOf: (table: string) => number;

  /** `numberOf`: the number of a table in the space. */
  constructor(disk: Disk, folder: string, plan: string, space: SpillSpace, numberOf: (table: string) => number) {
    this.#files = new ManifestFolder(disk, folder, { format: STATE_FORMAT, plan });
    this.#space = space;
    this.#numberOf = numberOf;
  }

  async read(): Promise<LoadedState | undefined> {
    await this.#space.restart();
    const manifest = this.#files.readManifest();
    if (manifest === undefined || manifest.file === null) return undefined;
    const bytes = this.#files.readFile(manifest.file);
    if (bytes === undefined) return undefined;
    const { capture, clocks } = decodeState(bytes, manifest.now ?? -Infinity);
    for (const { entries, name } of capture.tables) await this.#space.apply(this.#numberOf(name), entries);
    return { positions: manifest.positions, captures: [{ now: capture.now, tables: [] }], clocks };
  }

  async clear(): Promise<void> {
    // First: a base without entries must never be taken for a state.
    await this.#files.replace({ positions: [], file: null, now: null }, () => false);
    await this.#space.clear();
  }

  async write(state: SavedState, giveWay: () => Promise<void>): Promise<void> {
    const { capture, positions } = state;
    const file = await this.#files.put('state', await encodeState(state, giveWay));
    const now = Number.isFinite(capture.now) ? capture.now : null;
    await this.#files.replace({ positions, file, now }, (kept) => kept === file.file);
    for (const { entries, name } of capture.tables) {
      const table = this.#numberOf(name);
      for (let from = 0; from < entries.length; from += SLICE_ENTRIES) {
        await this.#space.apply(table, entries.slice(from, from + SLICE_ENTRIES));
        await giveWay();
      }
    }
    await this.#space.flushed();
  }
}
