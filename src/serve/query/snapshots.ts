/**
 * Snapshots over the log, the lake and the summary.
 */
import type { Log } from '../../log/log.js';
import type { ViewSummary } from '../../summary/summary.js';
import type { BaseSource } from './print.js';
import { emptyTable, type Snapshot, type SnapshotSource } from './sources.js';
import { StreamSnapshot, type LakeReader } from './stream-source.js';
import type { TempFiles } from './temp-files.js';
import type { BoundBase } from './tree.js';
import { duckType } from './types.js';
import { ViewSnapshot } from './view-source.js';

/** What snapshots are taken of. */
export interface SnapshotInput {
  readonly log: Log;
  readonly lake: LakeReader;
  readonly view: (name: string) => ViewSummary | undefined;
  readonly files: TempFiles;
}

/**
 * Takes snapshots. Views stand still from `take` to `ready`, by which time their rows are in files;
 * positions of everything are read in one turn of the event loop, so that nothing moves in between.
 */
export function createSnapshots({ log, lake, view, files }: SnapshotInput): SnapshotSource {
  return {
    async take(bases, tenant): Promise<Snapshot> {
      const summaries = new Map(bases.filter(({ relation }) => relation.kind === 'view').map(({ relation }) => [relation.subject, view(relation.subject)!]));
      const gates: (() => void)[] = [];
      for (const { store } of summaries.values()) gates.push(await store.gate.look());
      const streams = new Map<string, StreamSnapshot>();
      const views = new Map<string, ViewSnapshot>();
      const asOf: Record<string, readonly number[]> = {};
      for (const { relation } of bases) {
        const { subject } = relation;
        if (relation.kind === 'stream' && !streams.has(subject)) {
          const snapshot = new StreamSnapshot(log, lake, subject, files, tenant);
          streams.set(subject, snapshot);
          asOf[relation.name] = snapshot.ends;
        } else if (relation.kind === 'view' && !views.has(subject)) {
          const snapshot = new ViewSnapshot(summaries.get(subject)!, files, tenant);
          views.set(subject, snapshot);
          asOf[relation.name] = snapshot.positions;
        }
      }
      return {
        asOf,
        async source(base): Promise<BaseSource> {
          const { relation, used } = base;
          const columns = [...used].map((index) => relation.columns[index]!.source);
          const source = relation.kind === 'view' ? await views.get(relation.subject)!.source() : await streams.get(relation.subject)!.source(columns);
          return source.parts.length > 0 ? source : { parts: [emptyPart(base)] };
        },
        ready() {
          for (const leave of gates) leave();
        },
        release() {
          for (const leave of gates) leave();
          for (const snapshot of [...streams.values(), ...views.values()]) snapshot.release();
        },
      };
    },
  };
}

/** A relation without rows still has its columns. */
function emptyPart({ relation, used }: BoundBase): { table: string; condition: null } {
  const sources = new Map([...used].map((index) => [relation.columns[index]!.source, relation.columns[index]!]));
  const columns = [...sources.values()].map(({ source, type, cast }) => ({ source, duckType: cast ? storedDuckType(type.name) : duckType(type) }));
  if (relation.tenantSource !== null && !sources.has(relation.tenantSource)) columns.push({ source: relation.tenantSource, duckType: 'VARCHAR' });
  if (columns.length === 0) columns.push({ source: 'nothing', duckType: 'INTEGER' });
  return { table: emptyTable(columns), condition: null };
}

/** What a column that is cast on reading is stored as. */
function storedDuckType(type: string): string {
  return type === 'timestamp' || type === 'date' ? 'TIMESTAMPTZ' : 'VARCHAR';
}
