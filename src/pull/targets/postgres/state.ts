/** The state table: a row a tenant and view, locked and moved as the first statement of every transaction. */
import type { Move, Place, Stage } from '../../place.js';
import { definitionText } from '../../table-plan.js';
import type { PgTables } from './statements.js';

/** The columns of `millrace_pull` after `tenant` and `view`, as `format_type` prints their types. */
export const STATE_COLUMNS: Readonly<Record<string, string>> = {
  table_name: 'text',
  epoch: 'text',
  definition: 'text',
  cursor: 'text',
  rev: 'bigint',
  complete_through: 'timestamp with time zone',
  retained_from: 'timestamp with time zone',
  generation: 'bigint',
  stage_kind: 'text',
  stage_epoch: 'text',
  stage_cursor: 'text',
  stage_listing: 'boolean',
  stage_from: 'timestamp with time zone',
  stage_to: 'timestamp with time zone',
  updated_at: 'timestamp with time zone',
};

/** A row of it, as `STATE_LIST` reads it. */
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
  readonly stage_listing: boolean | null;
  readonly stage_from: string | null;
  readonly stage_to: string | null;
}

/** Reads every column as what it is here, whatever the session and its type parsers are set to. */
const STATE_LIST = Object.entries(STATE_COLUMNS)
  .map(([name, type]) => {
    if (type === 'bigint') return `${name}::float8 AS ${name}`;
    if (!type.startsWith('timestamp')) return name;
    return `to_char(${name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${name}`;
  })
  .join(', ');

/** Reads the row of `$1`, `$2`. */
export function readState({ state }: PgTables): string {
  return `SELECT ${STATE_LIST} FROM ${state} WHERE tenant = $1 AND view = $2`;
}

/** Reads the definition of `$1`, `$2`, of a table with this name. */
export function readDefinition(state: string): string {
  return `SELECT definition FROM ${state} WHERE tenant = $1 AND view = $2`;
}

/** Makes the row, at its beginning. */
export function makeState({ state }: PgTables): string {
  return (
    `INSERT INTO ${state} (tenant, view, table_name, rev, generation, updated_at) ` +
    'VALUES ($1, $2, $3, 0, 0, now()) ON CONFLICT (tenant, view) DO NOTHING'
  );
}

/** A place out of a row. */
export function placeOf(row: StateRow): Place {
  return {
    epoch: row.epoch,
    cursor: row.cursor,
    rev: row.rev,
    completeThrough: row.complete_through,
    retainedFrom: row.retained_from,
    generation: row.generation,
    stage:
      row.stage_kind === null
        ? null
        : {
            kind: row.stage_kind,
            epoch: row.stage_epoch!,
            cursor: row.stage_cursor,
            isListing: row.stage_listing!,
            from: row.stage_from,
            to: row.stage_to,
          },
  };
}

/** A statement and its parameters. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** Locks the row, and saves where the move leads. Gives no row when the move no longer fits. */
export function saveMove(tables: PgTables, asked: Place, { kind, replaces, to }: Move): Statement {
  if (kind === 'stage') return saveStage(tables, asked, to.stage);
  const { tenant, view } = tables.plan;
  const values: unknown[] = [tenant, view, asked.generation, to.epoch, to.cursor, to.rev];
  values.push(to.completeThrough, to.retainedFrom, to.generation, definitionText(tables.plan));
  // A snapshot says where the server is, which after a restored backup is further back.
  const isFurther = replaces?.kind === 'snapshot' ? 'true' : 'rev <= $6';
  const newer = (column: string, value: string): string =>
    `${column} = CASE WHEN ${isFurther} THEN ${value} ELSE ${column} END`;
  const sets = [
    newer('epoch', '$4'),
    newer('definition', '$10'),
    newer('cursor', '$5'),
    newer('rev', '$6::bigint'),
    newer('complete_through', '$7::timestamptz'),
    newer('retained_from', '$8::timestamptz'),
    'generation = $9::bigint',
    'updated_at = now()',
  ];
  if (kind === 'finish')
    sets.push(...Object.keys(STATE_COLUMNS).flatMap((name) => (name.startsWith('stage_') ? [`${name} = NULL`] : [])));
  const fence = kind === 'apply' ? "coalesce(stage_kind, 'changes') = 'changes'" : isUnmoved(values, asked.stage);
  return { sql: update(tables, sets, fence), values };
}

/** The same for a stage, or none. */
export function saveStage(tables: PgTables, asked: Place, stage: Stage | null): Statement {
  const { tenant, view } = tables.plan;
  const values: unknown[] = [tenant, view, asked.generation];
  const columns = {
    stage_kind: stage?.kind ?? null,
    stage_epoch: stage?.epoch ?? null,
    stage_cursor: stage?.cursor ?? null,
    stage_listing: stage?.isListing ?? null,
    stage_from: stage?.from ?? null,
    stage_to: stage?.to ?? null,
  };
  const sets = Object.entries(columns).map(
    ([name, value]) => `${name} = $${values.push(value)}::${STATE_COLUMNS[name]!}`,
  );
  return { sql: update(tables, [...sets, 'updated_at = now()'], isUnmoved(values, asked.stage)), values };
}

function update({ state }: PgTables, sets: readonly string[], fence: string): string {
  return (
    `UPDATE ${state} SET ${sets.join(', ')} ` +
    `WHERE tenant = $1 AND view = $2 AND generation = $3 AND ${fence} RETURNING ${STATE_LIST}`
  );
}

function isUnmoved(values: unknown[], stage: Stage | null): string {
  return (
    `stage_kind IS NOT DISTINCT FROM $${values.push(stage?.kind ?? null)}::text AND ` +
    `stage_cursor IS NOT DISTINCT FROM $${values.push(stage?.cursor ?? null)}::text`
  );
}
