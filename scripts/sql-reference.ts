/** Renders docs/reference/sql.md from the function table and the table of refusals. */
import { functionTable } from '../src/sql/functions/index.js';
import type { FunctionDefinition } from '../src/sql/functions/registry.js';
import { REFUSALS, REFUSED_FUNCTIONS } from '../src/sql/refuse.js';
import { JOIN_ADVICE } from '../src/sql/relation/bounds.js';
import { COLUMN_TYPES, isArray, SCALAR_TYPES } from '../src/sql/types.js';
import { statementSections, windowSections } from './sql-statements.js';

const SKETCHES = `\`approx_count_distinct_sketch(x)\` is the sketch behind \`approx_count_distinct(x)\`, as bytea: minutes' sketches merge into
the very sketch of the hour or the day. Side by side both cost one state. It stands alone in SELECT. Its bytes
are about four a value up to 192 values, then about 1 KiB, in every change of the row; \`emit = '1 minute'\` or \`'close'\`
makes fewer of those.`;

/** The content of docs/reference/sql.md. */
export function sqlPage(note: string): string {
  return `${note}
# SQL

A \`.sql\` file of a configuration holds any number of statements. The grammar is PostgreSQL 18's own; so are names, types, casts, NULL and the
results, with time zone UTC and collation C.UTF-8 (text compares by code point; \`lower\` and \`upper\` map one code point
to one). A test runs every function, operator and cast below against a real PostgreSQL.

\`\`\`sql
CREATE MATERIALIZED VIEW clicks WITH (watermark_lag = '5 seconds', allowed_lateness = '1 hour', emit = 'change') AS
SELECT tenant_id, campaign_id, window_start, count(*) AS clicks, sum(cost) AS cost
FROM TUMBLE(events, event_time, INTERVAL '1 minute')
WHERE event_type = 'click'
GROUP BY tenant_id, campaign_id, window_start;
\`\`\`

The guide shows each with examples: [streaming SQL](../guide/sql.md).

${statementSections()}

${windowSections()}

## Types

| stream column | SQL type |
| --- | --- |
${Object.entries(COLUMN_TYPES)
  .map(([column, type]) => `| ${column} | ${type === 'numeric' ? 'numeric(18,6)' : type} |`)
  .join('\n')}

Beside these an expression can be of any type of: ${SCALAR_TYPES.map((type) => `\`${type}\``).join(', ')}, and an array of any of
them (\`integer[]\`), which has one dimension and counts from 1. \`varchar(n)\` and \`char(n)\` are text cut to a length;
the spaces at the end of \`char\` are dropped. A view's column of an array, a time of day or an interval is stored as its
text, \`real\` as double precision, \`jsonb\` as json.

\`numeric\` is exact and has no NaN or infinity; times and intervals are finite, in microseconds from 1692 to 2248 and
in milliseconds outside. A row whose expression is an error (division by zero, text that is no number) goes to the late
stream with PostgreSQL's message.

## Aggregates

[Aggregates](aggregates.md) has all of them, with their types. Each takes \`FILTER (WHERE …)\` and DISTINCT. Result types are PostgreSQL's:
\`sum(bigint)\` is numeric, \`avg(numeric)\` is numeric.

${SKETCHES}

## Functions and operators

Besides these: \`CASE\`, \`COALESCE\`, \`NULLIF\`, \`GREATEST\`, \`LEAST\`, \`AND\`, \`OR\`, \`NOT\`, \`BETWEEN\`, \`IN (…)\`, \`IS [NOT] NULL\`,
\`IS [NOT] TRUE | FALSE | UNKNOWN\`, \`IS [NOT] DISTINCT FROM\`, \`BETWEEN SYMMETRIC\`, \`op ANY (array)\` and \`op ALL (array)\` of every
operator that answers a boolean, \`ARRAY[…]\`, \`ARRAY(SELECT …)\`, rows compared with rows (\`(a, b) < (c, d)\`, \`(a, b) IN (…)\`), \`SIMILAR TO\`,
\`COLLATE "C"\`, \`SUBSTRING(x FROM … FOR …)\`, \`OVERLAY\`, \`TRIM\`, \`POSITION(x IN y)\`, \`EXTRACT(… FROM …)\`, \`AT TIME ZONE\`,
\`||\` of text with anything, \`pg_typeof\`. T is any type; where values are compared, any but json.

| name | arguments → result |
| --- | --- |
${functionRows()}

Casts (\`x::type\`, \`CAST(x AS type)\`); an array is cast item by item, and from and to text:

| from | to |
| --- | --- |
${castRows()}

${notes()}

## What is refused, and what to write instead

| not supported | instead |
| --- | --- |
${Object.values(REFUSALS)
  .map(({ what, instead }) => `| ${cell(what)} | ${cell(instead)} |`)
  .join('\n')}
| a join in a view whose rows would stay for ever | ${JOIN_ADVICE} |

| function or operator | instead |
| --- | --- |
${Object.entries(REFUSED_FUNCTIONS)
  .map(([name, instead]) => `| \`${cell(name)}\` | ${cell(instead)} |`)
  .join('\n')}
`;
}

/** What the table does not say of some functions. */
function notes(): string {
  return `- \`to_char\` of times knows ${code('YYYY YYY YY Y IYYY IYY IY I CC Q MM MONTH Month month MON Mon mon WW IW W DDD DD D IDDD ID DAY Day day DY Dy dy J HH24 HH12 HH MI SS MS US FF1…FF6 SSSS AM PM AD BC TZ OF TZH TZM')}, the prefix \`FM\`, the suffix \`TH\` and \`"quoted text"\`. Refused: ${code('RM TM FX SP')}.
- \`to_char\` of intervals knows ${code('YYYY YYY YY Y CC MM DDD DD HH24 HH12 HH MI SS MS US FF1…FF6 SSSS AM PM')}, with \`FM\` and quoted text.
- \`to_char\` of numbers knows ${code('9 0 . , D G S MI PL SG PR FM TH')}, \`"quoted text"\` and \`RN\` alone. Refused: ${code('EEEE V L')}.
- Regular expressions are PostgreSQL's. Refused, because they could not mean the same or could take exponential time:
  back references, collating elements, options other than \`(?i)\`, nested repeats that can split a text in many ways;
  and, where the matched *part* counts (\`regexp_replace\`, \`substring\`), patterns whose longest match can differ from
  their first: let alternatives begin differently, or end the pattern with \`$\`.
- A \`LIKE\` pattern that ends in a lone backslash is always an error (PostgreSQL raises it only when it gets there).
- \`to_timestamp\` and \`to_date\` know ${code('YYYY YYY YY Y IYYY MM MONTH MON DDD DD IW ID DAY DY J HH24 HH12 HH MI SS MS US FF1…FF6 SSSS AM PM AD BC TZH TZM')} and \`FM\`.
- Times are read from ISO 8601 texts and from dates with a month's name or slashes, the month before the day: \`Jan 5, 2024\`,
  \`5-Jan-2024 1:02 PM\`, \`1/5/2024\`. Intervals are read from texts with units, \`1-2\`, \`1 02:03:04\` and ISO 8601, and with fields
  behind them: \`INTERVAL '1 2' DAY TO HOUR\`. PostgreSQL takes further spellings; \`today\` and \`now\` are refused.
- What a function makes is bounded: a text or bytes to 64 Mi, an array to 1 Mi items, jsonb to a depth of 2,000.
- Time zones are IANA names with a slash, and UTC. Abbreviations such as CET are refused: PostgreSQL takes some for a
  fixed offset and others for a zone with summer time.`;
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

/** From so many types on, overloads that differ in one type alone are shown as one, of T. */
const ALIKE_MIN = 12;

/** Signatures; those that are the same for nearly every type are shown once, with T for it. */
function signatures(entries: readonly FunctionDefinition[]): string[] {
  const alike = new Map<string, number>();
  for (const entry of entries) for (const form of formsOf(entry)) alike.set(form, (alike.get(form) ?? 0) + 1);
  const shown = entries.map(
    (entry) => formsOf(entry).find((form) => alike.get(form)! >= ALIKE_MIN) ?? signature(entry, (type) => type),
  );
  return [...new Set(shown)];
}

/** A signature with T for each of its types in turn, in the result too or not. */
function formsOf(entry: FunctionDefinition): string[] {
  const itemTypes = [...new Set(entry.params.map((type) => type.replace('[]', '')))];
  const forms = itemTypes.flatMap((item) => {
    const generic = (type: string): string => (type === item ? 'T' : type === `${item}[]` ? 'T[]' : type);
    return [signature(entry, generic, generic), signature(entry, generic)];
  });
  return [...new Set(forms)];
}

function signature(
  { params, result, variadic }: FunctionDefinition,
  name: (type: string) => string,
  nameResult = (type: string): string => type,
): string {
  return `(${variadic === undefined ? params.map(name).join(', ') : 'any, …'}) → ${nameResult(result)}`;
}

/** Entries that the grammar or a cast calls, under the spelling that people write. */
const SPELLINGS: Readonly<Record<string, string | null>> = {
  cast: null,
  like_escape: null,
  similar_to_escape: null,
  numeric: null,
  timestamp: null,
  timestamptz: null,
  time: null,
  interval: null,
  timezone: 'AT TIME ZONE',
  subscript: 'x[i]',
  slice: 'x[i:j]',
  overlaps: 'OVERLAPS',
};

function functionRows(): string {
  const byName = new Map<string, FunctionDefinition[]>();
  for (const entry of functionTable.all()) {
    const spelling = Object.hasOwn(SPELLINGS, entry.name) ? SPELLINGS[entry.name] : entry.name;
    if (spelling === null || spelling === undefined) continue;
    byName.set(spelling, [...(byName.get(spelling) ?? []), entry]);
  }
  return [...byName].map(([name, list]) => `| \`${cell(name)}\` | ${cell(signatures(list).join('; '))} |`).join('\n');
}

function castRows(): string {
  const byType = new Map<string, string[]>();
  for (const entry of functionTable.all()) {
    if (entry.name !== 'cast') continue;
    const from = entry.params[0]!;
    if (isArray(from) || isArray(entry.result)) continue;
    byType.set(from, [...(byType.get(from) ?? []), entry.result]);
  }
  return [...byType].map(([from, to]) => `| ${from} | ${to.join(', ')} |`).join('\n');
}
