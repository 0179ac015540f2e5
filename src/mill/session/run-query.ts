/** Runs a query that is asked once, over rows that are there now. */
import type { Field, QueryPlan, Relation, Scan } from '../../sql/relation/relation.js';
import { MillraceError } from '../../util/errors.js';
import { batchView, Dataflow } from '../dataflow/dataflow.js';
import type { Row } from '../dataflow/operator.js';
import { rowComparator } from '../dataflow/order.js';
import { inputsOf } from '../../sql/relation/walk-relation.js';
import type { StampedRow } from './stored-rows.js';

/** The rows of a relation now. */
export interface QueryInput {
  readonly fields: readonly Field[];
  readonly rows: Iterable<StampedRow>;
}

/** Where a query finds its rows. */
export interface QueryInputs {
  /** The rows of a name of the catalog. */
  of(name: string): QueryInput;
  readonly stateBytesMax: number;
}

const BATCH_ROWS = 4_096;

/**
 * The rows of a query, in its order, with the columns that are shown.
 *
 * @throws SQL_RUNTIME where a row's data is an error, QUERY_TOO_LARGE where its state has no room.
 */
export function runQuery(plan: QueryPlan, inputs: QueryInputs): Row[] {
  const rows = runRelation(plan.relation, inputs);
  const end = plan.limit === null ? rows.length : plan.offset + plan.limit;
  // Which rows LIMIT leaves must not depend on how they came: a standing query leaves the same.
  if (plan.order.length > 0 || plan.offset > 0 || end < rows.length)
    rows.sort(rowComparator(plan.order, plan.relation.fields));
  const shown = plan.offset === 0 && end >= rows.length ? rows : rows.slice(plan.offset, end);
  return plan.width === plan.relation.fields.length ? shown : shown.map((row) => row.slice(0, plan.width));
}

function runRelation(relation: Relation, inputs: QueryInputs): Row[] {
  const scans = inTurn(relation);
  const sources = new Map(scans.map(({ source }) => [source, inputs.of(source)]));
  const flow = new Dataflow({
    view: batchView('query', relation),
    isBatch: true,
    stateBytesMax: inputs.stateBytesMax,
    sourceFields: new Map([...sources].map(([source, { fields }]) => [source, fields])),
  });
  for (const [source, { rows }] of sources) push(flow, source, rows);
  flow.flush();
  refuseErrors(flow);
  return flow.result();
}

/**
 * Scans in the order in which their rows come: the right side of a join first, so that each left row, in its turn, meets
 * what it joins, and results come in the order of the left side.
 */
function inTurn(relation: Relation): Scan[] {
  const inOrder = (each: Relation): Scan[] => {
    if (each.kind === 'scan') return [each];
    const inputs = inputsOf(each);
    return (each.kind === 'join' ? inputs.toReversed() : inputs).flatMap(inOrder);
  };
  const scans = inOrder(relation);
  // Wherever else a keyed table is read: what looks it up must find it.
  return looksUp(relation) ? scans.toSorted((a, b) => Number(a.key === null) - Number(b.key === null)) : scans;
}

function looksUp(relation: Relation): boolean {
  return (relation.kind === 'join' && relation.mode.kind !== 'both') || inputsOf(relation).some(looksUp);
}

/** The scans of a relation. */
export function scansOf(relation: Relation): Scan[] {
  return relation.kind === 'scan' ? [relation] : inputsOf(relation).flatMap(scansOf);
}

function push(flow: Dataflow, source: string, rows: Iterable<StampedRow>): void {
  let batch: Row[] = [];
  let stamps: number[] = [];
  for (const { row, stamp } of rows) {
    batch.push(row);
    stamps.push(stamp);
    if (batch.length < BATCH_ROWS) continue;
    flow.push(source, batch, stamps);
    batch = [];
    stamps = [];
  }
  flow.push(source, batch, stamps);
}

/** A row that a standing view would put aside is an error of a query. */
function refuseErrors(flow: Dataflow): void {
  for (const { reason } of flow.late()) {
    if (reason.startsWith('error: ')) throw new MillraceError('SQL_RUNTIME', reason.slice('error: '.length));
    if (reason === 'state_full')
      throw new MillraceError('QUERY_TOO_LARGE', 'the query needs more memory than it may have: ask for fewer rows');
  }
}
