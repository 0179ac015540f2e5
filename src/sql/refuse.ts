/**
 * What cannot run, and what to write instead: one table for the code, the docs and the tests.
 *
 * Each entry carries an example that the tests hold against it; `docs/reference/sql.md` prints the table.
 */
import type { Node } from 'libpg-query';
import type { MillraceError } from '../util/errors.js';
import { bindError } from './context.js';
import type { BindContext } from './context.js';

/** One refusal. */
export interface Refusal {
  /** What is not supported. */
  readonly what: string;
  /** What to write instead, a whole sentence. */
  readonly instead: string;
  /** A view's body (after AS), or a whole statement, that it refuses. */
  readonly example: string;
}

const FROM = "FROM TUMBLE(events, event_time, INTERVAL '1 minute')";
const GROUP = 'GROUP BY window_start';
const select = (item: string): string => `SELECT window_start, ${item} ${FROM} ${GROUP}`;

/** Every refusal, by a stable name. */
export const REFUSALS = {
  // spellings that PostgreSQL's grammar takes for something else
  streamKeyword: {
    what: 'SELECT STREAM',
    instead: 'Leave STREAM out: every view is a standing query.',
    example: `SELECT STREAM tenant ${FROM} GROUP BY tenant, window_start`,
  },
  intervalUnit: {
    what: "INTERVAL '10' MINUTES",
    instead: "Write the unit into the text: INTERVAL '10 minutes'. (PostgreSQL would read 10 seconds, named minutes.)",
    example: select("INTERVAL '10' MINUTES"),
  },
  emitClause: {
    what: 'a trailing EMIT',
    instead: "Say it in front: CREATE MATERIALIZED VIEW v WITH (emit = 'close') AS SELECT ….",
    example: `SELECT count(*) ${FROM} EMIT`,
  },
  asof: {
    what: 'ASOF joins',
    instead: 'A view reads one stream so far.',
    example: `SELECT count(*) ${FROM} a ASOF LEFT JOIN clicks b ON true`,
  },
  source: {
    what: 'CREATE SOURCE, CREATE SINK and WATERMARK FOR',
    instead: "Declare streams in millrace.config; give a view's lag in WITH (watermark_lag = '5 seconds').",
    example: 'CREATE SOURCE s (a int)',
  },
  // statements
  statement: {
    what: 'a statement other than CREATE MATERIALIZED VIEW',
    instead: 'Write CREATE MATERIALIZED VIEW name WITH (…) AS SELECT ….',
    example: 'CREATE TABLE t (a int)',
  },
  existence: {
    what: 'IF NOT EXISTS, TEMP, TABLESPACE, USING and WITH NO DATA',
    instead: 'Leave it out: the files say which views there are.',
    example: `CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT window_start ${FROM} ${GROUP}`,
  },
  // FROM
  hop: {
    what: 'HOP windows',
    instead: 'Use TUMBLE; sum its rows for a longer window in a query.',
    example:
      "SELECT count(*) FROM HOP(events, event_time, INTERVAL '1 minute', INTERVAL '5 minutes') GROUP BY window_start",
  },
  session: {
    what: 'SESSION windows',
    instead: 'Use TUMBLE.',
    example: "SELECT count(*) FROM SESSION(events, event_time, INTERVAL '1 minute') GROUP BY window_start",
  },
  cumulate: {
    what: 'CUMULATE windows',
    instead: 'Use TUMBLE; sum its rows up in a query.',
    example:
      "SELECT count(*) FROM CUMULATE(events, event_time, INTERVAL '1 minute', INTERVAL '1 hour') GROUP BY window_start",
  },
  stagger: {
    what: 'STAGGER windows',
    instead: 'Use TUMBLE.',
    example: "SELECT count(*) FROM STAGGER(events, event_time, INTERVAL '1 minute') GROUP BY window_start",
  },
  noWindow: {
    what: 'a view that is not over a window',
    instead: "Write FROM TUMBLE(stream, event_time, INTERVAL '1 minute').",
    example: 'SELECT count(*) FROM events',
  },
  join: {
    what: 'joins',
    instead: 'A view reads one stream so far; join its rows in a query.',
    example: `SELECT count(*) ${FROM} a, clicks b GROUP BY window_start`,
  },
  subqueryFrom: {
    what: 'a subquery in FROM',
    instead: 'Put its conditions and expressions into the view itself.',
    example: 'SELECT count(*) FROM (SELECT 1) s',
  },
  // the query's shape
  cte: {
    what: 'WITH queries',
    instead: 'Write the expressions out in the one SELECT.',
    example: `WITH a AS (SELECT 1) SELECT count(*) ${FROM} ${GROUP}`,
  },
  union: {
    what: 'UNION, INTERSECT and EXCEPT',
    instead: 'Make one view of each part and unite them in a query.',
    example: `SELECT count(*) ${FROM} ${GROUP} UNION ALL SELECT count(*) ${FROM} ${GROUP}`,
  },
  values: { what: 'VALUES', instead: 'Write SELECT … FROM TUMBLE(…).', example: 'VALUES (1)' },
  distinct: {
    what: 'SELECT DISTINCT',
    instead: 'Put the columns into GROUP BY.',
    example: `SELECT DISTINCT tenant ${FROM} GROUP BY tenant, window_start`,
  },
  orderBy: {
    what: 'ORDER BY',
    instead: 'A view has no order; order the rows in the query that reads it.',
    example: `SELECT count(*) ${FROM} ${GROUP} ORDER BY 1`,
  },
  limit: {
    what: 'LIMIT and OFFSET',
    instead: 'Limit the rows in the query that reads the view.',
    example: `SELECT count(*) ${FROM} ${GROUP} LIMIT 5`,
  },
  locking: {
    what: 'FOR UPDATE and SELECT INTO',
    instead: 'Leave it out.',
    example: `SELECT count(*) ${FROM} ${GROUP} FOR UPDATE`,
  },
  windowClause: {
    what: 'window functions (OVER)',
    instead: 'Aggregate with GROUP BY; use OVER in the query that reads the view.',
    example: select('sum(count(*)) OVER ()'),
  },
  groupingSets: {
    what: 'GROUPING SETS, ROLLUP and CUBE',
    instead: 'Make one view of each grouping.',
    example: `SELECT count(*) ${FROM} GROUP BY ROLLUP (window_start)`,
  },
  groupWindow: {
    what: 'a view that does not group by its window',
    instead: 'Add window_start to GROUP BY.',
    example: `SELECT tenant, count(*) ${FROM} GROUP BY tenant`,
  },
  star: {
    what: 'SELECT *',
    instead: 'Name the columns; a view groups by some and aggregates the others.',
    example: `SELECT * ${FROM} ${GROUP}`,
  },
  // expressions
  subquery: {
    what: 'a subquery in an expression',
    instead: 'Write the value out, or compare in a query over the view.',
    example: `SELECT count(*) ${FROM} WHERE tenant IN (SELECT 'a') ${GROUP}`,
  },
  clock: {
    what: 'now(), CURRENT_TIMESTAMP and the like',
    instead: 'Use event_time or received_at: a view gives the same rows whenever it is replayed.',
    example: select('CURRENT_TIMESTAMP'),
  },
  aggregateOrder: {
    what: 'ORDER BY and WITHIN GROUP in an aggregate',
    instead: 'The aggregates here do not depend on order; leave it out.',
    example: select('count(tenant ORDER BY tenant)'),
  },
  callModifier: {
    what: 'DISTINCT, FILTER, * or VARIADIC in a call that is no aggregate',
    instead: 'Leave it out.',
    example: `${select('window_end').replace('window_end', 'lower(DISTINCT tenant)')}, tenant`,
  },
  similar: {
    what: 'SIMILAR TO',
    instead: "Write a regular expression: x ~ '^(a|b)$'.",
    example: `SELECT count(*) ${FROM} WHERE tenant SIMILAR TO 'a' ${GROUP}`,
  },
  anyAll: {
    what: '<op> ALL (…)',
    instead: 'Write NOT IN (…), or the comparisons with AND.',
    example: `SELECT count(*) ${FROM} WHERE tenant <> ALL (labels) ${GROUP}`,
  },
  row: {
    what: 'row and array constructors',
    instead: 'Write the items one by one.',
    example: `SELECT count(*) ${FROM} WHERE (tenant, country) = ('a', 'b') ${GROUP}`,
  },
  collate: {
    what: 'COLLATE',
    instead: 'Text compares by code point; leave COLLATE out.',
    example: `SELECT count(*) ${FROM} WHERE tenant COLLATE "C" = 'a' ${GROUP}`,
  },
  subscript: {
    what: 'subscripts',
    instead: 'Use = ANY (labels) to test a list, and -> for json.',
    example: `SELECT count(*) ${FROM} WHERE labels[1] = 'a' ${GROUP}`,
  },
  parameter: {
    what: 'parameters ($1)',
    instead: 'Write the value out.',
    example: `SELECT count(*) ${FROM} WHERE tenant = $1 ${GROUP}`,
  },
  expression: {
    what: 'this expression',
    instead: 'docs/reference/sql.md lists what there is.',
    example: `SELECT count(*) ${FROM} WHERE XMLELEMENT(NAME a) IS DOCUMENT ${GROUP}`,
  },
} as const satisfies Record<string, Refusal>;

/** A refusal's name. */
export type RefusalName = keyof typeof REFUSALS;

/** The error of a refusal, at a byte position. */
export function refusal(
  context: Pick<BindContext, 'text' | 'file'>,
  name: RefusalName,
  location: number | undefined,
): MillraceError {
  const { what, instead } = REFUSALS[name];
  return bindError(context, 'SQL_UNSUPPORTED', `${what}: not supported`, location, instead);
}

/** Tree nodes by the refusal they meet. */
const NODES: Readonly<Record<string, RefusalName>> = {
  SubLink: 'subquery',
  SQLValueFunction: 'clock',
  RowExpr: 'row',
  A_ArrayExpr: 'row',
  CollateClause: 'collate',
  A_Indirection: 'subscript',
  ParamRef: 'parameter',
  GroupingFunc: 'groupingSets',
};

/** The error for a node of the tree that nothing binds. */
export function refuseNode(context: BindContext, node: Node): MillraceError {
  const kind = Object.keys(node)[0]!;
  const inner = Object.values(node)[0] as { location?: number };
  let name = NODES[kind] ?? 'expression';
  if ('A_Expr' in node) {
    if (node.A_Expr.kind === 'AEXPR_SIMILAR') name = 'similar';
    if (node.A_Expr.kind === 'AEXPR_OP_ALL') name = 'anyAll';
  }
  if ('FuncCall' in node) {
    const call = node.FuncCall;
    name =
      call.over !== undefined
        ? 'windowClause'
        : call.agg_order !== undefined || call.agg_within_group === true
          ? 'aggregateOrder'
          : 'callModifier';
  }
  return refusal(context, name, inner.location ?? context.positions.get(node));
}

const CLOCK = REFUSALS.clock.instead;
const RANDOM = 'A view gives the same rows whenever it is replayed, so nothing random can stand in it.';
const LATER = 'It is not an aggregate here; count, sum, min, max, avg and approx_count_distinct are.';

/** Functions and operators that people try, with what to write instead. */
export const REFUSED_FUNCTIONS: Readonly<Record<string, string>> = {
  now: CLOCK,
  clock_timestamp: CLOCK,
  statement_timestamp: CLOCK,
  transaction_timestamp: CLOCK,
  timeofday: CLOCK,
  random: RANDOM,
  gen_random_uuid: RANDOM,
  uuidv4: RANDOM,
  uuidv7: RANDOM,
  array_agg: LATER,
  string_agg: LATER,
  json_agg: LATER,
  jsonb_agg: LATER,
  json_object_agg: LATER,
  bool_and: 'Write count(*) FILTER (WHERE NOT x) = 0.',
  bool_or: 'Write count(*) FILTER (WHERE x) > 0.',
  every: 'Write count(*) FILTER (WHERE NOT x) = 0.',
  stddev: LATER,
  variance: LATER,
  percentile_cont: LATER,
  mode: LATER,
  first_value: LATER,
  last_value: LATER,
  row_number: 'Number the rows in the query that reads the view.',
  ifnull: 'Write coalesce(a, b).',
  nvl: 'Write coalesce(a, b).',
  isnull: 'Write a IS NULL.',
  if: 'Write CASE WHEN … THEN … ELSE … END.',
  iif: 'Write CASE WHEN … THEN … ELSE … END.',
  len: 'Write length(x).',
  charindex: 'Write position(a in b).',
  instr: 'Write strpos(text, part).',
  regexp_like: 'Write x ~ pattern.',
  regexp_match: 'Write substring(x from pattern).',
  regexp_matches: 'Write substring(x from pattern).',
  date_format: 'Write to_char(time, pattern).',
  datediff: 'Subtract the times: b - a.',
  dateadd: "Add an interval: x + INTERVAL '1 day'.",
  tumble_start: 'Write window_start.',
  tumble_end: 'Write window_end.',
  tumble: "Write FROM TUMBLE(stream, event_time, INTERVAL '1 minute').",
  '#>': "Write -> step by step: x -> 'a' -> 'b'.",
  '@>': "Write x ->> 'key' = 'value', or 'a' = ANY (labels).",
  '?': "Write (x -> 'key') IS NOT NULL.",
  '&&': "Write 'a' = ANY (labels) OR 'b' = ANY (labels).",
  '^': 'Write x * x.',
};

/** What to write instead of a function or operator that does not exist here. */
export function refusedFunction(name: string): string | undefined {
  return Object.hasOwn(REFUSED_FUNCTIONS, name) ? REFUSED_FUNCTIONS[name] : undefined;
}
