/**
 * When rows of an OVER are final that look at rows behind them: `lead`, and frames of ROWS that end n FOLLOWING.
 *
 * A row's place is settled once the clock is beyond its time; that of the last row it looks at, once it is beyond that
 * one's. So the time of the row n behind it closes it, which is one more function of the OVER. A row with fewer rows
 * behind it stays open.
 */
import { literal } from '../context.js';
import type { Expression } from '../plan.js';
import { columnOf } from './columns.js';
import type { Field, Over, OverSpec, Relation } from './relation.js';
import { looksAhead, settlesAfterMs } from './settle.js';

/** A relation with one more field, from whose time on, and so long after, its rows are final. */
export interface Followed {
  readonly relation: Relation;
  readonly field: number;
  readonly afterMs: number;
}

/** Adds the time that closes rows which look at rows behind them; null where there is none. */
export function withFollower(relation: Relation): Followed | null {
  switch (relation.kind) {
    case 'over':
      return ofOver(relation);
    case 'filter': {
      const inner = withFollower(relation.input);
      if (inner === null) return null;
      return { ...inner, relation: { ...relation, input: inner.relation, fields: inner.relation.fields } };
    }
    case 'project': {
      const inner = withFollower(relation.input);
      if (inner === null) return null;
      const { fields } = inner.relation;
      const expressions = [...relation.expressions, columnOf(fields, inner.field)];
      const project = { ...relation, input: inner.relation, expressions };
      return {
        ...inner,
        relation: { ...project, fields: [...relation.fields, fields[inner.field]!] },
        field: relation.fields.length,
      };
    }
    default:
      return null;
  }
}

function ofOver(over: Over): Followed | null {
  const { functions, input, order } = over;
  const [first] = order;
  if (first === undefined || first.descending || first.nullsFirst || first.expression.kind !== 'column') return null;
  const afterMs = settlesAfterMs(input, first.expression.index);
  const ahead = functions.map(looksAhead);
  const rows = Math.max(...ahead.map((each) => each.rows));
  const isByRows = ahead.every(({ ms }) => ms === 0);
  if (!isByRows || !Number.isFinite(afterMs) || !Number.isFinite(rows)) return null;
  const field: Field = { name: '_follower', type: first.expression.type, nullable: true, hidden: true };
  return {
    relation: { ...over, fields: [...over.fields, field], functions: [...functions, follower(first.expression, rows)] },
    field: over.fields.length,
    afterMs,
  };
}

function follower(time: Expression, rows: number): OverSpec {
  return {
    name: 'lead',
    args: [time, literal(rows, 'integer')],
    distinct: false,
    filter: null,
    ignoreNulls: false,
    frame: { mode: 'range', start: { kind: 'unboundedPreceding' }, end: { kind: 'currentRow' }, exclude: 'none' },
    type: time.type,
  };
}
