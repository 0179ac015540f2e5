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
  matchRecognize: {
    what: 'MATCH_RECOGNIZE',
    instead:
      "Write FROM SEQUENCE(stream, ts, INTERVAL '1 hour', key, a => condition, b => condition, not_c => condition).",
    example: 'SELECT * FROM events MATCH_RECOGNIZE (PARTITION BY tenant)',
  },
  qualify: {
    what: 'QUALIFY',
    instead: 'Write SELECT * FROM (SELECT …, row_number() OVER (…) AS n FROM …) q WHERE n = 1.',
    example: 'SELECT tenant FROM events QUALIFY row_number() OVER (PARTITION BY tenant ORDER BY event_time) = 1',
  },
  byAll: {
    what: 'GROUP BY ALL and ORDER BY ALL',
    instead: 'Name the columns, or count them: GROUP BY 1, 2.',
    example: `SELECT window_start, count(*) ${FROM} GROUP BY ALL`,
  },
  corresponding: {
    what: 'CORRESPONDING',
    instead: 'Name the columns that both sides have: SELECT a, b FROM t UNION ALL SELECT a, b FROM u.',
    example: 'SELECT tenant FROM events UNION ALL CORRESPONDING SELECT tenant FROM events',
  },
  struct: {
    what: 'STRUCT<…>',
    instead: "Write jsonb, whose fields are x ->> 'name'.",
    example: 'SELECT tenant::struct<a text> FROM events',
  },
  changelog: {
    what: 'AS CHANGELOG FROM',
    instead: 'SUBSCRIBE v, or a sink of v, has every change of a view.',
    example: 'WITH c AS CHANGELOG FROM events SELECT * FROM c',
  },
  // statements
  statement: {
    what: 'in the files of a configuration, a statement other than CREATE VIEW, MATERIALIZED VIEW, TABLE, SOURCE and SINK, INSERT and DROP',
    instead: 'Run it with millrace sql: the files say what there is, and are read at each start.',
    example: "UPDATE t SET n = 1 WHERE k = 'a'",
  },
  existence: {
    what: 'IF NOT EXISTS, TEMP, TABLESPACE, USING and WITH NO DATA',
    instead: 'Leave it out: the files say which views there are.',
    example: `CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT window_start ${FROM} ${GROUP}`,
  },
  // expressions
  clock: {
    what: 'now(), CURRENT_TIMESTAMP and the like',
    instead: 'Use event_time or received_at: a view gives the same rows whenever it is replayed.',
    example: select('CURRENT_TIMESTAMP'),
  },
  callModifier: {
    what: 'DISTINCT, FILTER, * or VARIADIC in a call that is no aggregate',
    instead: 'Leave it out.',
    example: `${select('window_end').replace('window_end', 'lower(DISTINCT tenant)')}, tenant`,
  },
  row: {
    what: 'a row as a value',
    instead: 'Compare rows with rows: (a, b) = (c, d), (a, b) IN ((c, d)).',
    example: `SELECT count(*) ${FROM} WHERE ROW(tenant, country) IS TRUE ${GROUP}`,
  },
  collate: {
    what: 'COLLATE of anything but "C"',
    instead: 'Text compares by code point; leave COLLATE out.',
    example: `SELECT count(*) ${FROM} WHERE tenant COLLATE "de_DE" = 'a' ${GROUP}`,
  },
  subscript: {
    what: 'the field of a composite value',
    instead: 'Use -> for json, and x[1] for arrays.',
    example: `SELECT count(*) ${FROM} WHERE (tenant).name = 'a' ${GROUP}`,
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
  SQLValueFunction: 'clock',
  RowExpr: 'row',
  CollateClause: 'collate',
  A_Indirection: 'subscript',
  ParamRef: 'parameter',
};

/** The error for a node of the tree that nothing binds. */
export function refuseNode(context: BindContext, node: Node): MillraceError {
  const kind = Object.keys(node)[0]!;
  const inner = Object.values(node)[0] as { location?: number };
  let name = NODES[kind] ?? 'expression';
  if ('FuncCall' in node) {
    name = 'callModifier';
  }
  return refusal(context, name, inner.location ?? context.positions.get(node));
}

const CLOCK = REFUSALS.clock.instead;
const RANDOM = 'A view gives the same rows whenever it is replayed, so nothing random can stand in it.';

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
  ifnull: 'Write coalesce(a, b).',
  nvl: 'Write coalesce(a, b).',
  isnull: 'Write a IS NULL.',
  if: 'Write CASE WHEN … THEN … ELSE … END.',
  iif: 'Write CASE WHEN … THEN … ELSE … END.',
  len: 'Write length(x).',
  charindex: 'Write position(a in b).',
  instr: 'Write strpos(text, part).',
  date_format: 'Write to_char(time, pattern).',
  datediff: 'Subtract the times: b - a.',
  dateadd: "Add an interval: x + INTERVAL '1 day'.",
  count_distinct: 'Write count(DISTINCT x).',
  arg_min: 'Write first_value(x ORDER BY y) FILTER (WHERE y IS NOT NULL).',
  arg_max: 'Write last_value(x ORDER BY y) FILTER (WHERE y IS NOT NULL).',
  min_by: 'Write first_value(x ORDER BY y) FILTER (WHERE y IS NOT NULL).',
  max_by: 'Write last_value(x ORDER BY y) FILTER (WHERE y IS NOT NULL).',
  percentile: 'Write approx_percentile(x, 0.95), or percentile_cont(0.95) WITHIN GROUP (ORDER BY x).',
  date_diff: 'Subtract the times: b - a.',
  tumble_start: 'Write window_start.',
  tumble_end: 'Write window_end.',
  tumble: "Write FROM TUMBLE(stream, event_time, INTERVAL '1 minute').",
};

/** What to write instead of a function or operator that does not exist here. */
export function refusedFunction(name: string): string | undefined {
  return Object.hasOwn(REFUSED_FUNCTIONS, name) ? REFUSED_FUNCTIONS[name] : undefined;
}
