/**
 * The state of a dataflow on disk: a base, and what changed since, one file a snapshot.
 *
 * A start loads the files in order and replays from the positions of the last one. When the changes
 * outgrow the base, all are merged into a new base: entries are told apart by table and key as bytes, so
 * nothing is decoded, and the thread is given back between slices.
 *
 *     file:   { table name · count · { key kind 1 · key · length + 1 (0: gone) · bytes }* }* · 0 · clocks
 *
 * Texts are length and UTF-8; numbers LEB128, see `util/bytes.ts`; key kinds as in `state/stored-key.ts`.
 *
 * Recovery: see `state/manifest-folder.ts`; a file that is gone or damaged: there is no state.
 */
import type { Disk } from '../../io/disk.js';
import type { Position } from '../../log/log.js';
import { ByteReader, ByteWriter } from '../../util/bytes.js';
import type { DataflowCapture } from '../dataflow/dataflow.js';
import type { Key, SavedEntry } from '../dataflow/state-table.js';
import { readKey, writeKey } from '../state/stored-key.js';
import { ManifestFolder } from '../state/manifest-folder.js';
import type { FileEntry } from '../state/manifest-folder.js';

/** Rises when the files of a state do. */
export const STATE_FORMAT = 3;
/** Changes that are merged even into a small base, bytes. */
const MERGE_BYTES_MIN = 1 << 20;
/** Most files of changes. */
const FILES_MAX = 64;
/** Entries that are encoded, written or merged before the thread is given back. */
export const SLICE_ENTRIES = 2_048;

interface Content {
  readonly positions: readonly Position[];
  readonly files: readonly (FileEntry & { readonly bytes: number; readonly now: number | null })[];
}

/** State as it was read. */
export interface LoadedState {
  readonly positions: readonly Position[];
  readonly captures: readonly DataflowCapture[];
  /** What the caller saved beside the newest. */
  readonly clocks: Uint8Array;
}

/** What is saved at one moment. */
export interface SavedState {
  readonly positions: readonly Position[];
  readonly capture: DataflowCapture;
  readonly clocks: Uint8Array;
}

/** Where a view's state lies. */
export interface StateStorage {
  /** The state that stands; undefined where there is none. Later writes go on from it. */
  read(): LoadedState | undefined | Promise<LoadedState | undefined>;
  /** Forgets the state that stands: the next write is the first. */
  clear(): void | Promise<void>;
  /** Adds what changed since the last write; on disk when it resolves. `giveWay` lets the thread do other work. */
  write(state: SavedState, giveWay: () => Promise<void>): Promise<void>;
}

/** The files of one view. */
export class StateFiles implements StateStorage {
  readonly #files: ManifestFolder<Content>;
  #standing: Content = { positions: [], files: [] };

  constructor(disk: Disk, folder: string, plan: string) {
    this.#files = new ManifestFolder(disk, folder, { format: STATE_FORMAT, plan });
  }

  read(): LoadedState | undefined {
    this.#standing = { positions: [], files: [] };
    const manifest = this.#files.readManifest();
    if (manifest === undefined || manifest.files.length === 0) return undefined;
    const read: { capture: DataflowCapture; clocks: Uint8Array }[] = [];
    for (const entry of manifest.files) {
      const bytes = this.#files.readFile(entry);
      if (bytes === undefined) return undefined;
      read.push(decodeState(bytes, entry.now ?? -Infinity));
    }
    this.#standing = manifest;
    return {
      positions: manifest.positions,
      captures: read.map(({ capture }) => capture),
      clocks: read.at(-1)!.clocks,
    };
  }

  clear(): void {
    this.#standing = { positions: [], files: [] };
  }

  async write(state: SavedState, giveWay: () => Promise<void>): Promise<void> {
    const bytes = await encodeState(state, giveWay);
    const entry = await this.#files.put('state', bytes);
    const now = Number.isFinite(state.capture.now) ? state.capture.now : null;
    let files = [...this.#standing.files, { ...entry, bytes: bytes.length, now }];
    if (isWorthMerging(files)) files = [await this.#merged(files, state, giveWay)];
    const content: Content = { positions: state.positions, files };
    await this.#files.replace(content, (file) => files.some((kept) => kept.file === file));
    this.#standing = content;
  }

  async #merged(
    files: Content['files'],
    { capture, clocks, positions }: SavedState,
    giveWay: () => Promise<void>,
  ): Promise<Content['files'][number]> {
    const tables = new Map<string, Map<Key, Uint8Array<ArrayBuffer>>>();
    let count = 0;
    for (const entry of files) {
      const bytes = this.#files.readFile(entry);
      if (bytes === undefined) throw new Error(`the state file ${entry.file} can't be read any more`);
      for (const { entries, name } of decodeState(bytes, 0).capture.tables) {
        const table = tables.get(name) ?? new Map<Key, Uint8Array<ArrayBuffer>>();
        tables.set(name, table);
        for (const { key, bytes: value } of entries) {
          if (value === null) table.delete(key);
          else table.set(key, value);
          if (++count % SLICE_ENTRIES === 0) await giveWay();
        }
      }
    }
    const merged = [...tables].map(([name, entries]) => ({
      name,
      entries: Array.from(entries, ([key, bytes]): SavedEntry => ({ key, bytes })),
    }));
    const bytes = await encodeState({ positions, clocks, capture: { now: capture.now, tables: merged } }, giveWay);
    const now = Number.isFinite(capture.now) ? capture.now : null;
    return { ...(await this.#files.put('base', bytes)), bytes: bytes.length, now };
  }
}

function isWorthMerging(files: Content['files']): boolean {
  const [base, ...changes] = files;
  const changed = changes.reduce((sum, { bytes }) => sum + bytes, 0);
  return changes.length >= FILES_MAX || changed > Math.max(base?.bytes ?? 0, MERGE_BYTES_MIN);
}

/** A file's bytes. */
export async function encodeState(
  { capture, clocks }: SavedState,
  giveWay: () => Promise<void>,
): Promise<Uint8Array<ArrayBuffer>> {
  const writer = new ByteWriter(sizeOf(capture));
  let count = 0;
  for (const { entries, name } of capture.tables) {
    writer.text(name);
    writer.unsigned(entries.length);
    for (const { bytes, key } of entries) {
      writeKey(key, writer);
      writer.unsigned(bytes === null ? 0 : bytes.length + 1);
      if (bytes !== null) writer.raw(bytes);
      if (++count % SLICE_ENTRIES === 0) await giveWay();
    }
  }
  writer.text('');
  writer.unsigned(clocks.length);
  writer.raw(clocks);
  return writer.view();
}

/** About as many bytes as a capture will take: a buffer that grows is copied whole each time. */
function sizeOf({ tables }: DataflowCapture): number {
  let size = 1 << 16;
  for (const { entries } of tables)
    for (const { bytes, key } of entries)
      size += 8 + (typeof key === 'number' ? 9 : key.length) + (bytes === null ? 0 : bytes.length);
  return size;
}

/** What a file holds; `now`: the clock, ms. */
export function decodeState(bytes: Uint8Array, now: number): { capture: DataflowCapture; clocks: Uint8Array } {
  const reader = new ByteReader(bytes);
  const tables: { name: string; entries: SavedEntry[] }[] = [];
  for (let name = reader.text(); name !== ''; name = reader.text()) {
    const entries: SavedEntry[] = [];
    for (let left = reader.unsigned(); left > 0; left--) {
      const key = readKey(reader);
      const length = reader.unsigned();
      entries.push({ key, bytes: length === 0 ? null : reader.raw(length - 1).slice() });
    }
    tables.push({ name, entries });
  }
  return { capture: { now, tables }, clocks: reader.raw(reader.unsigned()).slice() };
}
