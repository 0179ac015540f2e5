/** `millrace test`: what passes, what fails and how it is told. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { differences } from '../../src/cli/test/diff.js';
import { runSuite } from '../../src/cli/test/run-suite.js';
import { readSuite } from '../../src/cli/test/suite.js';
import { root } from '../tidy/sources.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-suites-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(text: string): string {
  const file = join(folder, 'suite.yaml');
  writeFileSync(file, text);
  return file;
}

async function run(text: string): Promise<(readonly string[])[]> {
  return (await runSuite(await readSuite(write(text)))).map(({ failures }) => failures);
}

const HEAD = `
setup: CREATE TABLE clicks (at timestamptz NOT NULL, who text, cost numeric(18,6), tags text[], body jsonb)
views:
  - sql: CREATE MATERIALIZED VIEW minutes AS SELECT window_start, who, count(*) AS n, sum(cost) AS cost FROM TUMBLE(clicks, at, INTERVAL '1 minute') GROUP BY 1, 2
  - sql: CREATE VIEW named AS SELECT who, tags, body FROM clicks WHERE who IS NOT NULL
clock: 2024-01-01 00:00:00
cases:
`;

const EVENTS = `
      - events: clicks
        rows:
          - { at: 2024-01-01 00:00:05, who: ann, cost: 1.5, tags: [a, b], body: { x: 1, y: [2] } }
          - { at: 2024-01-01T00:00:06Z, who: bob }
`;

describe('a suite', () => {
  test('steps and expectations that hold', async () => {
    expect(
      await run(`${HEAD}
  - name: all kinds
    steps: ${EVENTS}
      - expect: { view: minutes, rows: [{ who: bob, cost: null }, { who: ann, cost: 1.50, n: 1 }] }
      - advance: 1 min
      - sql: INSERT INTO clicks (at, who) VALUES ('2024-01-01 00:00:07', 'bob')
      - flush: true
      - clock: 2024-01-01 01:00:00
      - late: []
    expect:
      - { query: 'SELECT who, n FROM minutes ORDER BY who', ordered: true, rows: [[ann, 1], [bob, 2]] }
      - { view: named, rows: [{ who: ann, tags: [a, b], body: { y: [2], x: 1 } }, { who: bob }, { who: bob }] }
    late: []`),
    ).toEqual([[]]);
  });

  test('each case begins anew', async () => {
    const one = `
  - name: one
    steps: ${EVENTS}
    expect: [{ view: minutes, rows: [{ who: ann }, { who: bob }] }]`;
    expect(await run(HEAD + one + one)).toEqual([[], []]);
  });

  test('rows that are missing and rows that are too many', async () => {
    expect(
      await run(`${HEAD}
  - name: wrong
    steps: ${EVENTS}
    expect:
      - { view: minutes, rows: [{ who: ann, n: 2 }, { who: bob, n: 1 }] }
      - { query: 'SELECT who FROM minutes ORDER BY who', ordered: true, rows: [[zoe], [ann], [cat], [bob]] }
      - { view: minutes, rows: [{ whom: ann }] }
      - { query: 'SELECT 1 FROM nowhere', rows: [] }
      - { query: 'SELECT who FROM minutes', rows: [[ann, 1]] }
    late: [{ view: minutes }]`),
    ).toEqual([
      [
        'minutes:\n  - who: ann, n: 2\n  + who: ann, n: 1',
        'SELECT who FROM minutes ORDER BY who:\n  - who: zoe\n    who: ann\n  - who: cat\n    who: bob',
        'expect: there is no column "whom"; there are: window_start, who, n, cost',
        expect.stringContaining('expect: line 1:15: relation "nowhere" does not exist'),
        'expect: expected a row of 1 values (who), not of 2',
        'late:\n  - view: minutes',
      ],
    ]);
  });

  test('late rows by what they say', async () => {
    expect(
      await run(`${HEAD}
  - name: late
    clock: 2024-01-15 00:00:00
    steps: ${EVENTS}
    expect: [{ view: minutes, rows: [] }]
    late:
      - { view: minutes, reason: late, window_start: 2024-01-01 00:00:00 }
      - { view: minutes, reason: late, window_start: 2024-01-01 00:00:00 }`),
    ).toEqual([[]]);
  });

  test('events that can not be', async () => {
    const step = (rows: string): string => `${HEAD}
  - name: bad
    steps: [{ events: clicks, rows: ${rows} }]`;
    expect(await run(step('[{ at: soon }]'))).toEqual([
      [expect.stringContaining('step 1: invalid input syntax for type timestamp with time zone: "soon"')],
    ]);
    expect(await run(step('[{ when: 1 }]'))).toEqual([['step 1: clicks has no column "when"']]);
    expect(await run(step('[{ who: ann }]'))).toEqual([['step 1: clicks: a row needs "at", which may not be null']]);
    expect(await run(step('[]').replace('events: clicks', 'events: nope'))).toEqual([
      [expect.stringContaining('relation "nope" does not exist')],
    ]);
  });

  test('a file that is wrong names each mistake', async () => {
    const read = readSuite(
      write(
        'views: [a.sql]\ncases:\n  - name: x\n    steps: [{ event: a }, { advance: soon }, { flush: true, sql: x }]\n    expcet: []',
      ),
    );
    await expect(read).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    const message = await read.catch((error: Error) => error.message);
    expect(message).toContain("cases[0].steps[0].event: is not known; did you mean 'events'?");
    expect(message).toContain('cases[0].steps[1].advance: expected a duration');
    expect(message).toContain('cases[0].steps[2]: expected one of events, advance, clock, flush, sql, expect, late');
    expect(message).toContain("cases[0].expcet: is not known; did you mean 'expect'?");
    await expect(readSuite(join(folder, 'nowhere.yaml'))).rejects.toMatchObject({ code: 'CONFIG_NOT_FOUND' });
  });
});

describe('differences', () => {
  const got = (...rows: (number | null)[]) => ({
    columns: [{ name: 'x', type: 'double precision' as const }],
    rows: rows.map((value) => [value]),
  });

  test('doubles are near, NULL is only NULL, copies count', () => {
    expect(differences([[0.3]], got(0.1 + 0.2), false)).toEqual([]);
    expect(differences([[0.3001]], got(0.3), false)).toEqual(['- x: 0.3001', '+ x: 0.3']);
    expect(differences([[null]], got(null), false)).toEqual([]);
    expect(differences([[null]], got(0), false)).toEqual(['- x: null', '+ x: 0']);
    expect(differences([[1], [1]], got(1), false)).toEqual(['- x: 1']);
    expect(differences([], got(), false)).toEqual([]);
  });

  test('a row is compared by the columns that it names', () => {
    const two = {
      columns: [
        { name: 'a', type: 'integer' as const },
        { name: 'b', type: 'integer' as const },
      ],
      rows: [
        [1, 1],
        [1, 2],
      ],
    };
    expect(differences([{ a: 1 }, { a: 1, b: 1 }], two, false)).toEqual([]);
    expect(differences([{ a: 2 }, { a: 1, b: null }], two, false)).toEqual([
      '- a: 1, b: null',
      '- a: 2',
      '+ a: 1, b: 1',
      '+ a: 1, b: 2',
    ]);
  });

  test('order matters where it is asked for', () => {
    expect(differences([[1], [2]], got(2, 1), false)).toEqual([]);
    expect(differences([[1], [2]], got(2, 1), true)).toEqual(['- x: 1', '  x: 2', '+ x: 1']);
  });
});

/** Runs the built command in the repository. */
function millrace(...args: string[]): Promise<{ code: number; out: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [join(root, 'dist', 'cli', 'main.js'), ...args], { cwd: root }, (error, out) =>
      done({ code: error === null ? 0 : Number(error.code ?? 1), out }),
    );
  });
}

describe('the command', () => {
  test('the example passes', async () => {
    const { code, out } = await millrace('test', 'examples/ad-tracking/tests/traffic.yaml');
    expect(out).toMatch(/ok examples\/ad-tracking\/tests\/traffic\.yaml: a minute of a campaign \d+ ms\n/);
    expect(out).toMatch(/\n3 passed, 0 failed\n$/);
    expect(code).toBe(0);
  });

  test('a failure ends with 1, in words and as JSON', async () => {
    const file = write('cases: [{ name: no, expect: [{ query: SELECT 1 AS a, rows: [[2]] }] }]');
    const { code, out } = await millrace('test', file);
    expect(code).toBe(1);
    expect(out).toMatch(/: no \d+ ms\n {2}SELECT 1 AS a:\n {4}- a: 2\n {4}\+ a: 1\n0 passed, 1 failed\n$/);
    const json = await millrace('test', '--json', file);
    expect(JSON.parse(json.out)).toMatchObject({
      name: 'no',
      ok: false,
      cpuMs: expect.any(Number),
      failures: ['SELECT 1 AS a:\n  - a: 2\n  + a: 1'],
    });
  });

  test('sql runs a script in memory, goes on after an error, and ends with 1', async () => {
    const script = join(folder, 'a.sql');
    writeFileSync(
      script,
      "CREATE TABLE t (a int);\nSELECT nope\nFROM t;\nINSERT INTO t VALUES (1);\nSELECT a, 'x' AS b FROM t;\n",
    );
    const { code, out } = await millrace('sql', '--memory', '-f', script, '--json');
    expect(out).toBe('{"a":1,"b":"x"}\n');
    expect(code).toBe(1);
    expect(
      (await millrace('sql', '--memory', '-c', 'CREATE TABLE t (a int)', '-c', 'SELECT count(*) AS n FROM t', '--csv'))
        .out,
    ).toBe('n\n0\n');
  });
});
