/** The state table in SQLite: a row a tenant and view, moved as the first statement of every transaction. */
import type { Move, Place, Stage } from '../../place.js';
import { definitionText } from '../../table-plan.js';
import type { SqliteTables, Statement } from './statements.js';
import type { SqliteValue } from './columns.js';

/** The columns of `millrace_pull` after `tenant` and `view`. */
export const STATE_COLUMNS: Readonly<Record<string, string>> = {
  table_name: 'TEXT',
  epoch: 'TEXT',
  definition: 'TEXT',
  cursor: 'TEXT',
  rev: 'BIGINT',
  complete_through: 'TEXT',
  retained_from: 'TEXT',
  generation: 'BIGINT',
  stage_kind: 'TEXT',
  stage_epoch: 'TEXT',
  stage_cursor: 'TEXT',
  stage_listing: 'BOOLEAN',
  stage_from: 'TEXT',
  stage_to: 'TEXT',
  updated_at: 'TEXT',
};

/** A row of it. */
export interface StateRow {
  readonly table_name: string;
  readonly epoch: string | null;
  readonly cursor: string | null;
  readonly rev: number;
  readonly complete_through: string | null;
  readonly retained_from: string | null;
  readonly generation: number;
  readonly stage_kind: Stage['kind'] | null;
  readonly stage_epoch: string | null;
  readonly stage_cursor: string | null;
  readonly stage_listing: number | null;
  readonly stage_from: string | null;
  readonly stage_to: string | null;
}

const NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";

/** Reads the row of `?1`, `?2`. */
export function readState({ state }: SqliteTables): string {
  return `SELECT * FROM ${state} WHERE tenant = ?1 AND view = ?2`;
}

/** Makes the row, at its beginning. */
export function makeState({ state }: SqliteTables): string {
  return (
    `INSERT INTO ${state} (tenant, view, table_name, rev, generation, updated_at) VALUES (?1, ?2, ?3, 0, 0, ${NOW}) ` +
    'ON CONFLICT (tenant, view) DO NOTHING'
  );
}

/** A place out of a row. */
export function placeOf(row: StateRow): Place {
  const { stage_kind: kind } = row;
  const stage: Stage | null =
    kind === null
      ? null
      : {
          kind,
          epoch: row.stage_epoch!,
          cursor: row.stage_cursor,
          isListing: row.stage_listing === 1,
          from: row.stage_from,
          to: row.stage_to,
        };
  return {
    epoch: row.epoch,
    cursor: row.cursor,
    rev: row.rev,
    completeThrough: row.complete_through,
    retainedFrom: row.retained_from,
    generation: row.generation,
    stage,
  };
}

/** Saves where the move leads. Gives no row when the move no longer fits. */
export function saveMove(tables: SqliteTables, asked: Place, { kind, replaces, to }: Move): Statement {
  if (kind === 'stage') return saveStage(tables, asked, to.stage);
  const { tenant, view } = tables.plan;
  const values: SqliteValue[] = [tenant, view, BigInt(asked.generation), to.epoch, to.cursor, BigInt(to.rev)];
  values.push(to.completeThrough, to.retainedFrom, BigInt(to.generation), definitionText(tables.plan));
  // A snapshot says where the server is, which after a restored backup is further back.
  const isFurther = replaces?.kind === 'snapshot' ? 'true' : 'rev <= ?6';
  const newer = (column: string, value: string): string =>
    `${column} = CASE WHEN ${isFurther} THEN ${value} ELSE ${column} END`;
  const sets = [
    newer('epoch', '?4'),
    newer('definition', '?10'),
    newer('cursor', '?5'),
    newer('rev', '?6'),
    newer('complete_through', '?7'),
    newer('retained_from', '?8'),
    'generation = ?9',
    `updated_at = ${NOW}`,
  ];
  if (kind === 'finish')
    sets.push(...Object.keys(STATE_COLUMNS).flatMap((name) => (name.startsWith('stage_') ? [`${name} = NULL`] : [])));
  const fence = kind === 'apply' ? "coalesce(stage_kind, 'changes') = 'changes'" : isUnmoved(values, asked.stage);
  return { sql: update(tables, sets, fence), values };
}

/** The same for a stage, or none. */
export function saveStage(tables: SqliteTables, asked: Place, stage: Stage | null): Statement {
  const { tenant, view } = tables.plan;
  const values: SqliteValue[] = [tenant, view, BigInt(asked.generation)];
  const columns: Readonly<Record<string, SqliteValue>> = {
    stage_kind: stage?.kind ?? null,
    stage_epoch: stage?.epoch ?? null,
    stage_cursor: stage?.cursor ?? null,
    stage_listing: stage === null ? null : stage.isListing ? 1n : 0n,
    stage_from: stage?.from ?? null,
    stage_to: stage?.to ?? null,
  };
  const sets = Object.entries(columns).map(([name, value]) => `${name} = ?${values.push(value)}`);
  return { sql: update(tables, [...sets, `updated_at = ${NOW}`], isUnmoved(values, asked.stage)), values };
}

function update({ state }: SqliteTables, sets: readonly string[], fence: string): string {
  return `UPDATE ${state} SET ${sets.join(', ')} WHERE tenant = ?1 AND view = ?2 AND generation = ?3 AND ${fence} RETURNING *`;
}

function isUnmoved(values: SqliteValue[], stage: Stage | null): string {
  const kind = values.push(stage?.kind ?? null);
  return `stage_kind IS ?${kind} AND stage_cursor IS ?${values.push(stage?.cursor ?? null)}`;
}
