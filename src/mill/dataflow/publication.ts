/** What a view publishes: rows one by one, and blocks of rows that nothing has to be said of one by one. */
import { rowAt, type Block } from './block.js';
import type { Age, Deltas, Row, ShedCut } from './operator.js';
import type { StateStore } from './state-table.js';

/** A change of a published view. */
export interface Published {
  readonly row: Row;
  /** 1 for a keyed view; else which copy of identical rows it is, from 1. */
  readonly copy: number;
  readonly operation: 'upsert' | 'delete';
  readonly state: 'open' | 'final' | 'corrected';
}

/** Rows that are published alike. */
export interface PublishedBlock {
  readonly block: Block;
  readonly operation: Published['operation'];
  readonly state: Published['state'];
  /** The copy that the first row is. */
  readonly firstCopy: number;
  /** By how much each row's copy is more than that of the one before: 0 or 1. */
  readonly copyStep: 0 | 1;
}

/** What is published at one moment, in no particular order. */
export interface Publication {
  readonly rows: readonly Published[];
  readonly blocks: readonly PublishedBlock[];
}

/** What becomes of a result's changes. */
export interface Publisher {
  readonly tables: readonly StateStore[];
  /** Rows that are open, or wait for the next publication. */
  readonly open: number;
  /** The moment after which the next row closes, ms; undefined where none will. */
  readonly closesNext: number | undefined;
  /** Notes changes of the result. */
  take(deltas: Deltas): void;
  /** What is to be published at `now`, ms. Infinity: everything is closed. */
  publish(now: number): Publication;
  /** Tells of rows that `shed` can let go of; see `Operator`. */
  ages?(visit: (age: Age, at: number, bytes: number) => void): void;
  /** Rows that close up to a time are final at once: the next publication has them. */
  shed?(cut: ShedCut): void;
  /** The tables were filled from a snapshot. */
  restored(): void;
}

/** How many rows are published; `state`: those of one state. */
export function publishedCount({ blocks, rows }: Publication, state?: Published['state']): number {
  const ofRows = state === undefined ? rows.length : rows.filter((row) => row.state === state).length;
  return blocks.reduce(
    (sum, each) => sum + (state === undefined || each.state === state ? each.block.count : 0),
    ofRows,
  );
}

/** All that is published, row by row. */
export function publishedRows({ blocks, rows }: Publication): readonly Published[] {
  if (blocks.length === 0) return rows;
  const all = [...rows];
  for (const { block, copyStep, firstCopy, operation, state } of blocks)
    for (let i = 0; i < block.count; i++)
      all.push({ row: rowAt(block, i), copy: firstCopy + i * copyStep, operation, state });
  return all;
}
