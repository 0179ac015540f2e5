/** Plans a bench's query over its streams, as the mill does: one fused kernel where that is possible, else operators. */
import type { Schema } from '../../src/event/schema.js';
import { columnIndex } from '../../src/event/schema-define.js';
import { parseStatements } from '../../src/sql/statements/parse.js';
import type { CatalogRelation } from '../../src/sql/relation/catalog.js';
import { fuse } from '../../src/sql/relation/fuse.js';
import { planRelationView } from '../../src/sql/relation/view.js';
import { streamRelation, type StandingPlan } from '../../src/sql/standing.js';

/** A stream of a bench; one with a `key` is a table of which each row replaces the one before. */
export interface BenchStream {
  readonly name: string;
  readonly schema: Schema;
  /** The column of the PRIMARY KEY. */
  readonly key?: string;
}

/** The plan of the one view that `sql` creates. */
export async function planned(sql: string, streams: readonly BenchStream[]): Promise<StandingPlan> {
  const [statement] = await parseStatements(sql, 'bench.sql');
  if (statement?.kind !== 'createMaterializedView') throw new Error(`no view: ${sql}`);
  const relations = new Map(streams.map((stream) => [stream.name, relationOf(stream)]));
  const view = planRelationView(statement.view, relations);
  return fuse(view, (source) => streams.find(({ name }) => name === source)?.schema) ?? view;
}

function relationOf(stream: BenchStream): CatalogRelation {
  const relation = streamRelation(stream);
  if (stream.key === undefined) return relation;
  return { ...relation, kind: 'table', key: [columnIndex(stream.schema, stream.key)], time: null };
}
