/** Statements, options, windows and window functions, for docs/reference/sql.md. */
import { orderedTable } from '../src/sql/aggregates/index.js';
import { DECLARED_OPTIONS } from '../src/sql/declared.js';
import { ALLOWED_LATENESS_DEFAULT_MS, VIEW_OPTIONS, WATERMARK_LAG_DEFAULT_MS } from '../src/sql/plan-options.js';
import { expansionNames } from '../src/sql/relation/expansions.js';
import { RANKING } from '../src/sql/relation/over.js';
import { SEQUENCE_SYNTAX } from '../src/sql/relation/sequence.js';
import { WINDOWS } from '../src/sql/relation/windows.js';
import type { Statement } from '../src/sql/statements/statement.js';

/** A statement as the reference lists it. */
export interface StatementEntry {
  readonly kind: Statement['kind'];
  /** A whole statement of this kind; a test parses it. */
  readonly example: string;
  /** Whether files of views may have it; all else is for SQL in memory, SELECT for servers as well. */
  readonly inFiles: boolean;
  readonly meaning: string;
}

/** Every kind of statement. */
export const STATEMENTS: readonly StatementEntry[] = [
  {
    kind: 'createMaterializedView',
    example: "CREATE MATERIALIZED VIEW v WITH (emit = 'close') AS SELECT * FROM s",
    inFiles: true,
    meaning: 'a standing query',
  },
  {
    kind: 'createView',
    example: 'CREATE OR REPLACE VIEW v AS SELECT * FROM s',
    inFiles: true,
    meaning: 'a name for a query; OR REPLACE in memory alone',
  },
  {
    kind: 'createSource',
    example: "CREATE SOURCE s (k text, at timestamptz, WATERMARK FOR at AS at - INTERVAL '5 seconds')",
    inFiles: true,
    meaning: 'a stream',
  },
  {
    kind: 'createTable',
    example: "CREATE TABLE t (k text PRIMARY KEY, n bigint) WITH (file = 't.csv')",
    inFiles: true,
    meaning: 'a table; without PRIMARY KEY, on a server, a stream',
  },
  {
    kind: 'createSink',
    example: "CREATE SINK out FROM v WITH (connector = 'blackhole')",
    inFiles: true,
    meaning: 'in files: a delivery, with the options of the configuration; in memory: a view that SUBSCRIBE follows',
  },
  {
    kind: 'drop',
    example: 'DROP MATERIALIZED VIEW IF EXISTS v',
    inFiles: true,
    meaning: 'takes away what was said before; CASCADE in memory alone',
  },
  {
    kind: 'insert',
    example: "INSERT INTO t (k, n) VALUES ('a', 1)",
    inFiles: true,
    meaning: 'in files: first rows of a table, VALUES alone; in memory: events, rows of a table',
  },
  {
    kind: 'update',
    example: "UPDATE t SET n = n + 1 WHERE k = 'a'",
    inFiles: false,
    meaning: 'changes rows of a table',
  },
  { kind: 'delete', example: "DELETE FROM t WHERE k = 'a'", inFiles: false, meaning: 'takes rows of a table away' },
  { kind: 'select', example: 'SELECT * FROM v', inFiles: false, meaning: 'asks what is there now' },
  { kind: 'subscribe', example: 'SUBSCRIBE v', inFiles: false, meaning: 'changes as they come, in the shell' },
  {
    kind: 'explain',
    example: 'EXPLAIN v',
    inFiles: false,
    meaning: 'the plan of a query; of a view its clock and state too',
  },
  {
    kind: 'show',
    example: 'SHOW MATERIALIZED VIEWS',
    inFiles: false,
    meaning: 'what there is; SHOW CREATE … v its text',
  },
  { kind: 'describe', example: 'DESCRIBE v', inFiles: false, meaning: 'columns' },
  {
    kind: 'set',
    example: "SET clock = '2026-01-31 12:00:00'",
    inFiles: false,
    meaning: 'moves the clock of the session',
  },
  { kind: 'flush', example: 'FLUSH', inFiles: false, meaning: 'all that came is in the views' },
];

const DAY_MS = 86_400_000;
const GUARD = '[guards](../guide/guards.md)';
const ALERT = '[alerts](../guide/alerts.md)';

const VIEW_MEANINGS: Readonly<Record<string, readonly [string, string]>> = {
  watermark_lag: [`${WATERMARK_LAG_DEFAULT_MS / 1000} seconds`, 'how long after its end a window stays open'],
  allowed_lateness: [`${ALLOWED_LATENESS_DEFAULT_MS / DAY_MS} days`, 'how long after that rows still correct it'],
  emit: ['`change`', '`change`: at every commit; `close`: once, when final; a length of time: every so often'],
  event_time: ['', "may repeat the windows' time column"],
  retention: [
    'for ever',
    "how long rows are kept after their window's end, at least an hour; a change of it is no new definition",
  ],
  late: ['`keep`', '`keep`: rows that take no part are in `late`; `drop`: they are only counted'],
  state_policy: [
    '`refuse`',
    '`refuse`: beyond its budget a view refuses rows that need more; `shed`: lets go of the oldest; `spill`: puts state on disk: [limits](../guide/sql.md#limits)',
  ],
  idle_timeout: ['', 'is read, and means nothing: a stream without events holds no window back'],
  guard: ['', `columns, also of events: while a row is there, events with this key are acted on: ${GUARD}`],
  guard_action: ['`label`', 'what becomes of them: `label`, `block`, `redirect`'],
  guard_label: ["the view's name", 'what they are labelled with'],
  guard_url: ['', "where a click's visitor goes instead"],
  guard_for: ['10 minutes', 'how long a key is guarded after its row appeared'],
  alert: ['', `a URL, or \`env:NAME\`: told of each row once a key and window: ${ALERT}`],
  alert_headers: ['', '`Name: value; Name: value`, values may be `env:NAME`'],
  alert_key: ["`guard`, else the view's key", 'columns that with the tenant are the key'],
  alert_every: ['', 'at most one alert of a key in so long'],
};

const DECLARED_MEANINGS: Readonly<Record<string, string>> = {
  event_time: 'the column with the event time; of a table: rows are versions from then on',
  event_id: 'the column by which a resent event counts once',
  tenant: 'the column that says whose a row is',
  stream: 'a table: the last row of each key of a stream that exists',
  file: 'a table: its rows, CSV with a header or NDJSON; followed',
  clock: "`'arrival'` or `'event'`; WATERMARK FOR makes it `'event'`",
};

function meaningOf<T>(meanings: Readonly<Record<string, T>>, name: string): T {
  const meaning = meanings[name];
  if (meaning === undefined) throw new Error(`scripts/sql-statements.ts says nothing of the option ${name}`);
  return meaning;
}

/** The section on statements and their options. */
export function statementSections(): string {
  return `## Statements

| statement | in files | |
| --- | --- | --- |
${STATEMENTS.map(({ example, inFiles, meaning }) => `| \`${example}\` | ${inFiles ? 'yes' : ''} | ${meaning} |`).join('\n')}

What files can't have is for \`millrace sql\` in memory; SELECT is for servers too.

## Options of a materialized view

| option | default | meaning |
| --- | --- | --- |
${VIEW_OPTIONS.map((name) => `| \`${name}\` | ${meaningOf(VIEW_MEANINGS, name).join(' | ')} |`).join('\n')}

A view of streams that all say WATERMARK FOR has the longest of their delays as its lag, and no allowed lateness.
\`EMIT ON WINDOW CLOSE\` behind the query is \`emit = 'close'\`.

## Options of CREATE SOURCE and CREATE TABLE

| option | meaning |
| --- | --- |
${DECLARED_OPTIONS.map((name) => `| \`${name}\` | ${meaningOf(DECLARED_MEANINGS, name)} |`).join('\n')}

A session in memory has \`event_time\`, \`clock\` and \`tenant\`, and keeps those of a \`connector\` without a meaning.`;
}

/** The section on windows in FROM and OVER. */
export function windowSections(): string {
  const ordered = [...new Set(orderedTable.all().map(({ name }) => name))];
  return `## Windows

${[...Object.values(WINDOWS), SEQUENCE_SYNTAX].map((syntax) => `- \`${syntax}\``).join('\n')}

They stand in FROM and add \`window_start\` and \`window_end\`, which GROUP BY names: [windows](../guide/windows.md).
GROUP BY takes columns, positions, names of SELECT items and expressions, \`ROLLUP\`, \`CUBE\` and \`GROUPING SETS\`.

Window functions, with OVER: every aggregate, ${Object.keys(RANKING).map(code).join(', ')},
${ordered.map(code).join(', ')}. A named WINDOW, \`ROWS\`, \`RANGE\` and \`GROUPS\` with constant bounds, and
\`EXCLUDE\` are PostgreSQL's; \`ORDER BY ts SESSION WITH GAP INTERVAL '10 minutes'\` is the row's session. \`rate_limit(key, n, interval)\` goes without OVER: the key's rows in event time.

## Joins

\`[INNER] JOIN\`, \`LEFT\`, \`RIGHT\`, \`FULL\`, \`CROSS\`, \`NATURAL\`, \`ON\`, \`USING\`, \`[NOT] EXISTS\`, \`[NOT] IN (SELECT …)\`,
\`ASOF [LEFT] JOIN\`, \`FOR SYSTEM_TIME AS OF PROCTIME()\` or of a column: [joins](../guide/joins.md).
\`UNION\`, \`INTERSECT\`, \`EXCEPT\`, each with ALL; WITH (not recursive); subqueries in FROM, also LATERAL, and in
expressions: for one value, \`EXISTS\`, \`IN\`, and \`ANY\` and \`ALL\` of any comparison; each may read the queries around it.
Several rows of one, in FROM (also \`LEFT JOIN LATERAL … ON true\` and \`WITH ORDINALITY\`) or the SELECT list:
${expansionNames().map(code).join(', ')}.`;
}

function code(name: string): string {
  return `\`${name}\``;
}
