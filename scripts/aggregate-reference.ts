/** Renders docs/reference/aggregates.md from the registry of aggregates and ordered functions. */
import { aggregateTable, orderedTable } from '../src/sql/aggregates/index.js';
import type { AggregateDefinition, OrderedDefinition } from '../src/sql/aggregates/definition.js';
import type { SqlType } from '../src/sql/plan.js';
import { isArray } from '../src/sql/types.js';

/** The content of docs/reference/aggregates.md. */
export function aggregatesPage(note: string): string {
  return `${note}
# Aggregates and functions of ordered rows

Results are PostgreSQL 18's, which a test compares with, for all that PostgreSQL has. Every aggregate takes
\`FILTER (WHERE …)\`. Sums and averages are exact: the order of rows, batches and partitions makes no difference, in doubles
too. *ordered*: the order of rows counts; ORDER BY in the call says which. Without it
values come in their own order, NULL last, whatever the order of rows; those of a table of \`millrace sql\` in memory that has no key as they were
inserted. *constant*: the last arguments must be constants.

## Aggregates

| name | arguments → result | |
| --- | --- | --- |
${rows(aggregateTable.all())}

## Functions of ordered rows

They are called with \`OVER (PARTITION BY … ORDER BY …)\` and answer one value a row, from that row and all before it.

| name | arguments → result | |
| --- | --- | --- |
${rows(orderedTable.all())}
`;
}

/** What both kinds of entry have. */
type Entry = AggregateDefinition | OrderedDefinition;

/** One row for entries of one name that say the same of themselves. */
function rows(entries: readonly Entry[]): string {
  const groups = new Map<string, [Entry, ...Entry[]]>();
  for (const entry of entries) {
    const key = `${entry.name}\n${entry.help}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return [...groups.values()]
    .map((group) => `| \`${group[0].name}\` | ${signatures(group)} | ${group[0].help}${marks(group[0])} |`)
    .join('\n');
}

/** Overloads that differ in their first argument alone are one: `(integer, bigint) → the same`. */
function signatures(entries: readonly Entry[]): string {
  const forms = new Map<string, Set<string>>();
  for (const entry of entries) {
    const [first, ...rest] = entry.params;
    const form = `${rest.join(', ')}\n${resultOf(entry)}`;
    forms.set(form, (forms.get(form) ?? new Set()).add(first === undefined ? '' : shown(first)));
  }
  const texts = [...forms].map(([form, firsts]) => {
    const [rest, result] = form.split('\n') as [string, string];
    const first = [...firsts].join(' or ');
    if (isWithinGroup(entries[0]!)) return `(${rest}) WITHIN GROUP (ORDER BY ${first}) → ${result}`;
    return `(${[first, rest].filter((text) => text !== '').join(', ')}) → ${result}`;
  });
  // The forms of a forest differ in how many numbers they take.
  if (!entries[0]!.name.startsWith('rcf_')) return texts.join('; ');
  const { params, result } = entries[0]!;
  return `(double precision, …${params.at(-1) === 'text' ? ', text' : ''}) → ${String(result)}`;
}

function shown(param: SqlType | 'any'): string {
  return param !== 'any' && isArray(param) ? 'array' : param;
}

function resultOf({ params: [first], result }: Entry): string {
  if (typeof result === 'function' || result === first) return 'the same';
  return result === `${String(first)}[]` ? 'array of it' : result;
}

function isWithinGroup(entry: Entry): boolean {
  return 'withinGroup' in entry && entry.withinGroup === true;
}

function marks(entry: Entry): string {
  const constants = isWithinGroup(entry) ? 0 : (entry.constants ?? 0);
  const isOrdered = 'ordered' in entry && entry.ordered === true;
  const texts = [
    ...(isOrdered ? ['*ordered*'] : []),
    ...(constants === 0 ? [] : [`*constant: ${constants === 1 ? 'the last argument' : `the last ${constants}`}*`]),
  ];
  return texts.map((text) => ` ${text}`).join('');
}
