/**
 * Snapshots over the log, the lake and the summary: everything that a query reads is fixed in one
 * turn of the event loop, so that nothing moves in between.
 *
 * Limit: an operator's query copies the tables in memory; such copies are made one after the other,
 * each written to its file before the next is made.
 */
import { createHash } from 'node:crypto';
import type { Log } from '../../log/log.js';
import type { ViewSummary } from '../../summary/summary.js';
import type { BaseSource } from './print.js';
import { emptyTable, type Snapshot, type SnapshotSource } from './sources.js';
import { partitionOfTenant, StreamSnapshot, type LakeReader } from './stream-source.js';
import type { TempFiles } from './temp-files.js';
import type { BoundBase } from './tree.js';
import { duckType } from './types.js';
import type { Relation } from './catalog.js';
import { ViewSnapshot } from './view-source.js';

/** What snapshots are taken of. */
export interface SnapshotInput {
  readonly log: Log;
  readonly lake: LakeReader;
  /** A definition of a view, by its key. */
  readonly view: (key: string) => ViewSummary | undefined;
  readonly files: TempFiles;
}

/** Takes snapshots. */
export function createSnapshots(input: SnapshotInput): SnapshotSource {
  const { view } = input;
  let copying: Promise<void> = Promise.resolve();
  return {
    revision(relations, tenant) {
      const isCurrent = relations.every(({ kind, subject }) => kind !== 'view' || view(subject)!.store.isCurrent);
      return isCurrent ? revisionOf(input, relations, tenant) : null;
    },
    async take(bases, tenant): Promise<Snapshot> {
      for (const { relation } of bases) if (relation.kind === 'view') await view(relation.subject)!.store.current();
      let copied: () => void = () => undefined;
      if (tenant === null && bases.some(({ relation }) => relation.kind === 'view')) {
        const before = copying;
        copying = new Promise((resolve) => (copied = resolve));
        await before;
      }
      try {
        return fixed(input, bases, tenant, copied);
      } catch (error) {
        copied();
        throw error;
      }
    },
  };
}

function fixed(input: SnapshotInput, bases: readonly BoundBase[], tenant: string | null, copied: () => void): Snapshot {
  const { log, lake, view, files } = input;
  const streams = new Map<string, StreamSnapshot>();
  const views = new Map<string, ViewSnapshot>();
  const asOf: Record<string, readonly number[]> = {};
  for (const { relation } of bases) {
    const { subject, kind, name } = relation;
    if (kind === 'stream' && !streams.has(subject)) {
      const snapshot = new StreamSnapshot(log, lake, subject, files, tenant);
      streams.set(subject, snapshot);
      asOf[name] = snapshot.ends;
    } else if (kind === 'view' && !views.has(subject)) {
      const snapshot = new ViewSnapshot(view(subject)!, files, tenant);
      views.set(subject, snapshot);
      asOf[name] = snapshot.positions;
    }
  }
  const relations = bases.map(({ relation }) => relation);
  return {
    asOf,
    revision: revisionOf(input, relations, tenant),
    async source(base): Promise<BaseSource> {
      const { relation, used } = base;
      const columns = [...used].map((index) => relation.columns[index]!.source);
      columns.push(...currentSources(relation));
      const source =
        relation.kind === 'view'
          ? await views.get(relation.subject)!.source()
          : await streams.get(relation.subject)!.source(columns);
      return source.parts.length > 0 ? source : { parts: [emptyPart(base)] };
    },
    ready: copied,
    release() {
      copied();
      for (const snapshot of [...streams.values(), ...views.values()]) snapshot.release();
    },
  };
}

/**
 * Of a view: a tenant's newest revision, or for an operator how far it has come, and which windows are kept. Of a stream: its ends, and where it
 * begins once rows are gone that no lake has. For a tenant only its partition counts.
 */
function revisionOf(
  { log, lake, view }: Pick<SnapshotInput, 'log' | 'lake' | 'view'>,
  relations: readonly Relation[],
  tenant: string | null,
): string {
  const parts = new Map<string, unknown>();
  for (const { kind, subject } of relations) {
    if (kind === 'view') {
      const { store, closed } = view(subject)!;
      const { all, tenants } = closed.expiry.cut;
      parts.set(
        store.view.stream,
        tenant === null ? [store.positions, all, tenants] : [store.newestRevision(tenant), store.retainedFrom(tenant)],
      );
      continue;
    }
    const partitions = log.stream(subject)?.partitions ?? 0;
    const held = lake.take(subject, tenant);
    const places = Array.from({ length: partitions }, (_, partition) => {
      const { start, end } = log.range(subject, partition);
      return [end, (held?.offsets[partition] ?? 0) >= start ? 0 : start];
    });
    held?.release();
    parts.set(`${subject} events`, tenant === null ? places : places[partitionOfTenant(tenant, partitions)]);
  }
  const text = JSON.stringify([...parts].sort(([a], [b]) => (a < b ? -1 : 1)));
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

/** Columns that tell a table's rows of now. */
function currentSources({ current }: Relation): string[] {
  if (current === undefined) return [];
  return [...current.key, ...current.order, ...(current.deleted === null ? [] : [current.deleted])];
}

/** A relation without rows still has its columns. */
function emptyPart({ relation, used }: BoundBase): { table: string; condition: null } {
  const needed = new Set(currentSources(relation));
  const columnsUsed = relation.columns.filter(({ source }, index) => used.has(index) || needed.has(source));
  const sources = new Map(columnsUsed.map((column) => [column.source, column]));
  const columns = [...sources.values()].map(({ source, type, cast }) => ({
    source,
    duckType: cast ? storedDuckType(type.name) : duckType(type),
  }));
  if (relation.tenantSource !== null && !sources.has(relation.tenantSource))
    columns.push({ source: relation.tenantSource, duckType: 'VARCHAR' });
  if (columns.length === 0) columns.push({ source: 'nothing', duckType: 'INTEGER' });
  return { table: emptyTable(columns), condition: null };
}

/** What a column that is cast on reading is stored as. */
function storedDuckType(type: string): string {
  return type === 'timestamp' || type === 'date' ? 'TIMESTAMPTZ' : 'VARCHAR';
}
