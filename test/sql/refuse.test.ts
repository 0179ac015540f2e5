/** What cannot run is refused where it stands, with a caret and what to write instead. */
import { describe, expect, test } from 'vitest';
import { adEvents } from '../../src/event/ad-events.js';
import { parseViews } from '../../src/sql/parse.js';
import { planView } from '../../src/sql/standing.js';
import { functionTable } from '../../src/sql/functions/index.js';
import { REFUSALS, REFUSED_FUNCTIONS } from '../../src/sql/refuse.js';
import { MillraceError } from '../../src/util/errors.js';

const catalog = new Map(
  ['events', 'clicks'].map((name) => [name, { name, schema: adEvents({ tenant: 'dictionary?' }) }]),
);
const OPTIONS = 'WITH (watermark_lag = $$5 seconds$$)';

async function refused(sql: string): Promise<string> {
  try {
    for (const view of await parseViews(sql, 'v.sql')) planView(view, catalog);
  } catch (error) {
    if (error instanceof MillraceError) return error.message;
    throw error;
  }
  throw new Error(`not refused: ${sql}`);
}

function view(body: string): string {
  return `CREATE MATERIALIZED VIEW v ${OPTIONS} AS\n${body}`;
}

const FROM = "FROM TUMBLE(events, event_time, INTERVAL '1 minute')";

describe('refusals', () => {
  test.each(Object.entries(REFUSALS))('%s', async (_, { what, instead, example }) => {
    const message = await refused(/^(?:CREATE|UPDATE) /.test(example) ? example : view(example));
    expect(message).toContain(`${what}: not supported\nLINE `);
    expect(message).toMatch(/\n *\^\nHINT: /);
    expect(message).toContain(`HINT: ${instead}`);
  });

  test.each(Object.entries(REFUSED_FUNCTIONS))('function %s', async (name, instead) => {
    expect(functionTable.overloads(name)).toEqual([]);
    const call = /^\w+$/.test(name) ? `"${name}"(country)` : `(labels ${name} labels)::text`;
    expect(
      await refused(view(`SELECT window_start, country, ${call} ${FROM} GROUP BY window_start, country`)),
    ).toContain(`HINT: ${instead}`);
  });
});

/** SQL after `AS`, and the whole message. */
const GOLDEN: readonly (readonly [string, string])[] = [
  [
    `SELECT window_start, camp ${FROM} GROUP BY 1`,
    `v.sql:2:22: column "camp" does not exist\nLINE 2: SELECT window_start, camp FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY 1\n                             ^\nHINT: There are: `,
  ],
  [
    `SELECT window_start, 'é', campaign ${FROM} GROUP BY 1`,
    `v.sql:2:27: column "campaign" does not exist\nLINE 2: SELECT window_start, 'é', campaign FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY 1\n                                  ^\nHINT: `,
  ],
  [
    `SELECT window_start,\n\tcountry ${FROM}\nGROUP BY 1`,
    `v.sql:3:2: column "events.country" must appear in the GROUP BY clause or be used in an aggregate function\nLINE 3: \tcountry FROM TUMBLE(events, event_time, INTERVAL '1 minute')\n        \t^\nHINT: Add country to GROUP BY, or write max(country).`,
  ],
  [`SELECT window_start frm ${FROM} x y`, `v.sql:2:80: syntax error at or near "y"\nLINE 2: `],
  [
    `SELECT count(*), '😀' ~ '(' ${FROM} GROUP BY window_start`,
    'v.sql:2:22: invalid regular expression: parentheses () not balanced\nLINE 2: ',
  ],
];

describe('messages', () => {
  test.each(GOLDEN)('%s', async (body, expected) => {
    const message = await refused(view(body));
    expect(message.slice(0, expected.length)).toBe(expected);
  });

  const lines: readonly (readonly [string, string])[] = [
    [
      `SELECT count(*) FROM TUMBLE(nothing, event_time, INTERVAL '1 minute') GROUP BY window_start`,
      'relation "nothing" does not exist',
    ],
    [
      `SELECT count(*) FROM TUMBLE(events, tenant_id, INTERVAL '1 minute') GROUP BY window_start`,
      'column "tenant_id" is not a timestamp',
    ],
    [
      `SELECT count(*) FROM TUMBLE(events, event_time, INTERVAL '1 month') GROUP BY window_start`,
      'The size of a window cannot be in months or years',
    ],
    [
      `SELECT count(*) FROM TUMBLE(events, event_time, INTERVAL '0 s') GROUP BY window_start`,
      'the size of a window must be a whole number of ms',
    ],
    [
      `SELECT count(*) FROM TUMBLE(events, event_time, 60) GROUP BY window_start`,
      'The size of a window must be a constant interval',
    ],
    [
      `SELECT count(*) FROM TUMBLE(events, event_time) GROUP BY window_start`,
      'TUMBLE takes at least 3 arguments, not 2',
    ],
    [
      `SELECT count(*) ${FROM} WHERE country GROUP BY window_start`,
      'argument of WHERE must be type boolean, not type text',
    ],
    [
      `SELECT count(*) ${FROM} WHERE count(*) > 1 GROUP BY window_start`,
      'aggregate functions are not allowed in WHERE',
    ],
    [`SELECT sum(count(*)) ${FROM} GROUP BY window_start`, 'aggregate function calls cannot be nested'],
    [`SELECT count(*) ${FROM} GROUP BY window_start, 5`, 'GROUP BY position 5 is not in select list'],
    [`SELECT count(*) ${FROM} GROUP BY window_start, count(*)`, 'aggregate functions are not allowed in GROUP BY'],
    [`SELECT count(*) ${FROM} GROUP BY window_start, props`, 'could not identify an equality operator for type json'],
    [`SELECT count(*), count(*) ${FROM} GROUP BY window_start`, 'column "count" specified more than once'],
    [`SELECT count(*) AS state ${FROM} GROUP BY window_start`, 'a view\'s column cannot be named "state"'],
    [
      `SELECT count(*) ${FROM} WHERE cost > 'abc' GROUP BY window_start`,
      'invalid input syntax for type numeric: "abc"',
    ],
    [`SELECT count(*) ${FROM} WHERE cost > country GROUP BY window_start`, 'operator does not exist: numeric > text'],
    [`SELECT count(*) ${FROM} WHERE lower(cost) = 'a' GROUP BY window_start`, 'function lower(numeric) does not exist'],
    [
      `SELECT count(*) ${FROM} WHERE CASE WHEN true THEN 1 ELSE country END = 1 GROUP BY window_start`,
      'CASE types text and integer cannot be matched',
    ],
    [`SELECT sum(country) ${FROM} GROUP BY window_start`, 'function sum(text) does not exist'],
    [`SELECT count() ${FROM} GROUP BY window_start`, 'function count() does not exist'],
    [`SELECT count(*) ${FROM} WHERE cost::money > 1 GROUP BY window_start`, 'type "money" is not supported'],
    [
      `SELECT count(*) ${FROM} WHERE ARRAY[ARRAY[1]] IS NULL GROUP BY window_start`,
      'an array of arrays is not supported',
    ],
    [`SELECT count(*) ${FROM} WHERE ARRAY[] IS NULL GROUP BY window_start`, 'cannot determine type of empty array'],
    [`SELECT count(*) ${FROM} WHERE country[1] = 'a' GROUP BY window_start`, 'cannot subscript type text'],
    [`SELECT count(*) ${FROM} WHERE cost = ANY (country) GROUP BY window_start`, 'op ANY (array) requires array'],
    [
      `SELECT count(*) ${FROM} WHERE cost COLLATE "C" > 1 GROUP BY window_start`,
      'collations are not supported by type',
    ],
    [`SELECT count(*) ${FROM} WHERE (cost, country) = (1, 'a', 2) GROUP BY window_start`, 'unequal number of entries'],
    [`SELECT count(*) ${FROM} WHERE cost::numeric(0) > 1 GROUP BY window_start`, 'NUMERIC precision 0 must be between'],
    [`SELECT count(*) ${FROM} WHERE country::varchar(0) = '' GROUP BY window_start`, 'length for type varchar must be'],
    [`SELECT count(*) ${FROM} WHERE labels::bigint > 1 GROUP BY window_start`, 'cannot cast type text[] to bigint'],
    [
      `SELECT count(*) ${FROM} WHERE country ~ '(a+)+$' GROUP BY window_start`,
      'in a regular expression, a repeat inside a repeat that can split a text in many ways',
    ],
    [
      `SELECT count(*) ${FROM} WHERE regexp_replace(country, 'a*(ab)?', '') = '' GROUP BY window_start`,
      'in a regular expression, a pattern whose longest match differs from its first',
    ],
    [
      `SELECT count(*) ${FROM} WHERE country ~ '(a)\\1' GROUP BY window_start`,
      'in a regular expression, a back reference is not supported',
    ],
    [
      `SELECT count(*) ${FROM} WHERE to_char(event_time, 'RM') = 'I' GROUP BY window_start`,
      'to_char: the pattern RM is not supported',
    ],
    [
      `SELECT count(*) ${FROM} WHERE date_trunc('day', event_time, 'CET') < event_time GROUP BY window_start`,
      'time zone "CET" not recognized',
    ],
    [
      `SELECT count(*) ${FROM} WHERE date_trunc('fortnight', event_time) < event_time GROUP BY window_start`,
      'unit "fortnight" not recognized for type timestamp with time zone',
    ],
    [`SELECT x.country ${FROM} e GROUP BY window_start`, 'missing FROM-clause entry for table "x"'],
    [
      `SELECT count(*) ${FROM} WHERE country LIKE 'a\\' GROUP BY window_start`,
      'LIKE pattern must not end with escape character',
    ],
  ];
  test.each(lines)('%s', async (body, expected) => {
    const message = await refused(view(body));
    expect(message).toContain(`: ${expected}`);
    expect(message).toMatch(/^v\.sql:\d+:\d+: /);
    expect(message).toMatch(/\nLINE \d+: .*\n *\^/);
  });

  test.each([
    ['lag = $$5 seconds$$', 'there is no option lag'],
    ['watermark_lag = 5', 'watermark_lag must be a length of time, not "5"'],
    ['watermark_lag = $$1 month$$', 'watermark_lag must be a length of time, not "1 month"'],
    ['emit = sometimes', "emit must be 'change', 'close' or a length of time, not \"sometimes\""],
    ['event_time = received_at', 'event_time is "received_at", but the window is over "event_time"'],
    ['emit = change, emit = close', 'option emit is given twice'],
    ['late = sometimes', "late must be 'keep' or 'drop', not \"sometimes\""],
    ['idle_timeout = 5', 'idle_timeout must be a length of time, not "5"'],
  ])('WITH (%s)', async (option, expected) => {
    expect(
      await refused(`CREATE MATERIALIZED VIEW v WITH (${option}) AS SELECT count(*) ${FROM} GROUP BY window_start`),
    ).toContain(expected);
  });

  test('names and twins', async () => {
    const body = `AS SELECT count(*) ${FROM} GROUP BY window_start`;
    expect(await refused(`CREATE MATERIALIZED VIEW "Big" ${body}`)).toContain('"Big" cannot be a view\'s name');
    expect(
      await refused(`CREATE MATERIALIZED VIEW v ${body};\n-- again\nCREATE MATERIALIZED VIEW v ${body}`),
    ).toContain('v.sql:3:1: view "v" is created twice');
    expect(await refused(`CREATE MATERIALIZED VIEW v (a, b) ${body}`)).toContain(
      'too many column names were specified',
    );
  });
});
