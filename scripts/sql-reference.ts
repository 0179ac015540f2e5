/** Renders docs/reference/sql.md from the function table and the table of refusals. */
import { functionTable } from '../src/sql/functions/index.js';
import type { FunctionDefinition } from '../src/sql/functions/registry.js';
import { ALLOWED_LATENESS_DEFAULT_MS, WATERMARK_LAG_DEFAULT_MS } from '../src/sql/plan-options.js';
import { REFUSALS, REFUSED_FUNCTIONS } from '../src/sql/refuse.js';
import { COLUMN_TYPES } from '../src/sql/types.js';

const SKETCHES = `\`approx_count_distinct_sketch(x)\` is the sketch behind \`approx_count_distinct(x)\`, as bytea: minutes' sketches merge into
the very sketch of the hour or the day. Side by side both cost one state. It stands alone in SELECT. Its bytes
are about four a value up to 192 values, then about 1 KiB, in every change of the row; \`emit = '1 minute'\` or \`'close'\`
makes fewer of those.`;

/** The content of docs/reference/sql.md. */
export function sqlPage(note: string): string {
  return `${note}
# SQL of views

A \`.sql\` file holds any number of views. The grammar is PostgreSQL 18's own; so are names, types, casts, NULL and the
results, with time zone UTC and collation C.UTF-8 (text compares by code point; \`lower\` and \`upper\` map one code point
to one). A test runs every function, operator and cast below against a real PostgreSQL.

\`\`\`sql
CREATE MATERIALIZED VIEW clicks WITH (watermark_lag = '5 seconds', allowed_lateness = '1 hour', emit = 'change') AS
SELECT tenant_id, campaign_id, window_start, count(*) AS clicks, sum(cost) AS cost
FROM TUMBLE(events, event_time, INTERVAL '1 minute')
WHERE event_type = 'click'
GROUP BY tenant_id, campaign_id, window_start;
\`\`\`

\`TUMBLE(stream, time column, size [, offset])\` adds \`window_start\` and \`window_end\`; GROUP BY names at least one of
them (each determines the other). GROUP BY takes columns, positions, names of SELECT items and expressions.

| option | default | meaning |
| --- | --- | --- |
| \`watermark_lag\` | ${WATERMARK_LAG_DEFAULT_MS / 1000} seconds | how long after its end a window stays open |
| \`allowed_lateness\` | ${ALLOWED_LATENESS_DEFAULT_MS} | how long after that rows still correct it |
| \`emit\` | \`change\` | \`change\`: at every commit; \`close\`: once, when final; a length of time: every so often |
| \`retention\` | for ever | how long rows are kept after their window's end, at least an hour; a change of it is no new definition |
| \`event_time\` | | may repeat the window's time column |

## Types

| stream column | SQL type |
| --- | --- |
${Object.entries(COLUMN_TYPES)
  .map(([column, type]) => `| ${column} | ${type === 'numeric' ? 'numeric(18,6)' : type} |`)
  .join('\n')}

\`numeric\` is exact and has no NaN or infinity; times and intervals are finite, in microseconds from 1692 to 2248 and
in milliseconds outside. A row whose expression is an error (division by zero, text that is no number) goes to the late
stream with PostgreSQL's message.

## Aggregates

\`count(*)\`, \`count(x)\`, \`count(DISTINCT x)\`, \`sum\`, \`avg\`, \`min\`, \`max\`, \`approx_count_distinct\` and its sketch (HyperLogLog), each with
\`FILTER (WHERE …)\`. Result types are PostgreSQL's: \`sum(bigint)\` is numeric, \`avg(numeric)\` is numeric.

${SKETCHES}

## Functions and operators

Besides these: \`CASE\`, \`COALESCE\`, \`NULLIF\`, \`GREATEST\`, \`LEAST\`, \`AND\`, \`OR\`, \`NOT\`, \`BETWEEN\`, \`IN (…)\`, \`IS [NOT] NULL\`,
\`IS [NOT] TRUE | FALSE | UNKNOWN\`, \`IS [NOT] DISTINCT FROM\`, \`= ANY (list)\`, \`SUBSTRING(x FROM … FOR …)\`, \`TRIM\`,
\`POSITION(x IN y)\`, \`EXTRACT(… FROM …)\`, \`AT TIME ZONE\`, \`||\` of text with anything.

| name | arguments → result |
| --- | --- |
${functionRows()}

Casts (\`x::type\`, \`CAST(x AS type)\`):

| from | to |
| --- | --- |
${castRows()}

- \`to_char\` of times knows ${code('YYYY YYY YY Y IYYY IYY IY I CC Q MM MONTH Month month MON Mon mon WW IW W DDD DD D IDDD ID DAY Day day DY Dy dy J HH24 HH12 HH MI SS MS US FF1…FF6 SSSS AM PM AD BC TZ OF TZH TZM')}, the prefix \`FM\`, the suffix \`TH\` and \`"quoted text"\`. Refused: ${code('RM TM FX SP')}.
- \`to_char\` of numbers knows ${code('9 0 . , D G S MI PL SG PR FM TH')}. Refused: ${code('EEEE RN V L')} and quoted text.
- Regular expressions are PostgreSQL's. Refused, because they could not mean the same or could take exponential time:
  back references, collating elements, options other than \`(?i)\`, nested repeats that can split a text in many ways;
  and, where the matched *part* counts (\`regexp_replace\`, \`substring\`), patterns whose longest match can differ from
  their first: let alternatives begin differently, or end the pattern with \`$\`.
- A \`LIKE\` pattern that ends in a lone backslash is always an error (PostgreSQL raises it only when it gets there).
- Times are read from ISO 8601 texts; intervals from texts with units. PostgreSQL takes further spellings.
- Time zones are IANA names with a slash, and UTC. Abbreviations such as CET are refused: PostgreSQL takes some for a
  fixed offset and others for a zone with summer time.

## What is refused, and what to write instead

| not supported | instead |
| --- | --- |
${Object.values(REFUSALS)
  .map(({ what, instead }) => `| ${cell(what)} | ${cell(instead)} |`)
  .join('\n')}

| function or operator | instead |
| --- | --- |
${Object.entries(REFUSED_FUNCTIONS)
  .map(([name, instead]) => `| \`${cell(name)}\` | ${cell(instead)} |`)
  .join('\n')}
`;
}

function code(words: string): string {
  return words
    .split(' ')
    .map((word) => `\`${word}\``)
    .join(' ');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function signature({ params, result, variadic }: FunctionDefinition): string {
  return `(${variadic === undefined ? params.join(', ') : 'any, …'}) → ${result}`;
}

function functionRows(): string {
  const byName = new Map<string, string[]>();
  for (const entry of functionTable.all()) {
    if (entry.name === 'cast' || entry.name === 'like_escape') continue;
    const name = entry.name === 'timezone' ? 'AT TIME ZONE' : entry.name;
    byName.set(name, [...(byName.get(name) ?? []), signature(entry)]);
  }
  return [...byName].map(([name, list]) => `| \`${cell(name)}\` | ${cell(list.join('; '))} |`).join('\n');
}

function castRows(): string {
  const byType = new Map<string, string[]>();
  for (const entry of functionTable.all()) {
    if (entry.name !== 'cast') continue;
    const from = entry.params[0]!;
    byType.set(from, [...(byType.get(from) ?? []), entry.result]);
  }
  return [...byType].map(([from, to]) => `| ${from} | ${to.join(', ')} |`).join('\n');
}
