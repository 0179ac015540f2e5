import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { AccessLogReader } from '../../src/cli/inputs/access-log.js';
import type { EventSource } from '../../src/cli/inputs/input.js';
import { jsonValues } from '../../src/cli/inputs/json-values.js';
import { linesOf } from '../../src/cli/inputs/lines.js';
import { formatOf, openInput, type InputOptions } from '../../src/cli/inputs/open-input.js';

const folder = mkdtempSync(join(tmpdir(), 'millrace-inputs-'));
const SAMPLE = new URL('../../examples/ad-tracking/access.log.gz', import.meta.url).pathname;

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function textsOf(source: EventSource): Promise<string[]> {
  const texts: string[] = [];
  for await (const group of source.groups) texts.push(...group.map((event) => Buffer.from(event).toString()));
  return texts;
}

async function read(path: string, options: InputOptions = {}): Promise<string[]> {
  return textsOf(await openInput(path, options));
}

/** The bytes in pieces of every size from 1 to `most`, to cut values at every place. */
async function inPieces<T>(
  text: string,
  most: number,
  run: (bytes: AsyncIterable<Buffer>) => AsyncIterable<T[]>,
): Promise<T[][]> {
  const results: T[][] = [];
  for (let size = 1; size <= most; size++) {
    const bytes = Buffer.from(text);
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    const result: T[] = [];
    for await (const group of run(Readable.from(pieces))) result.push(...group);
    results.push(result);
  }
  return results;
}

describe('ndjson', () => {
  test('yields lines as they are, without blank ones', async () => {
    expect(await read(file('a.ndjson', '{"a":1}\r\n\n  \n{"a":"é"}\nbroken\n{"a":3}'))).toEqual([
      '{"a":1}',
      '{"a":"é"}',
      'broken',
      '{"a":3}',
    ]);
  });

  test('cuts lines right wherever a chunk ends', async () => {
    for (const lines of await inPieces('{"a":1}\r\n\r\n{"b":"é"}\nlast', 12, linesOf))
      expect(lines.map(String)).toEqual(['{"a":1}', '', '{"b":"é"}', 'last']);
  });

  test('refuses a line without end', async () => {
    await expect(read(file('endless.ndjson', Buffer.alloc(17 * 1024 * 1024, 'x')))).rejects.toMatchObject({
      code: 'BODY_MALFORMED',
    });
  });
});

describe('JSON values', () => {
  const values = [
    '{"a":1}',
    '{"b":[1,{"c":"}\\"{"}]}',
    '{"d":"\\\\"}',
    '{"e":{}}',
    '"text, [x]"',
    '12.5',
    'true',
    '{"f":"é"}',
  ];

  test.each([
    ['without separators', values.join('')],
    ['on lines', values.join('\n')],
    ['as an array', `[ ${values.join(' ,\n')} ]`],
    ['as arrays', `[${values.slice(0, 3).join(',')}][${values.slice(3).join(', ')}]`],
  ])('%s', async (name, text) => {
    // Numbers and words can't be told apart without a separator.
    const expected = name === 'without separators' ? [...values.slice(0, 5), '12.5true', '{"f":"é"}'] : values;
    for (const found of await inPieces(text, 30, jsonValues)) expect(found.map(String)).toEqual(expected);
  });

  test('over lines become one line', async () => {
    expect(await read(file('pretty', '{\n  "a": 1\n}\n{\n"b": "x"\n}'))).toEqual(['{   "a": 1 }', '{ "b": "x" }']);
  });

  test('a Firehose object, gzip', async () => {
    expect(await read(file('stream-1-2025-05-17-10-05-03-uuid', gzipSync('{"a":1}{"a":2}\n{"a":3}')))).toEqual([
      '{"a":1}',
      '{"a":2}',
      '{"a":3}',
    ]);
  });

  test('cut off at the end is sent as it is', async () => {
    expect(await read(file('cut', '{"a":1}{"b":'))).toEqual(['{"a":1}', '{"b":']);
  });
});

describe('files', () => {
  test('formats by name', () => {
    expect(
      [
        'a.ndjson',
        'a.jsonl.gz',
        'b.csv',
        'b.csv.gz',
        'access.log',
        'x/access.log.1',
        'access_log',
        'c.json',
        'object',
      ].map(formatOf),
    ).toEqual(['ndjson', 'ndjson', 'csv', 'csv', 'combined', 'combined', 'combined', 'json', 'json']);
  });

  test('that are not there or damaged say so', async () => {
    await expect(read(join(folder, 'nowhere.csv'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      place: join(folder, 'nowhere.csv'),
    });
    await expect(read(file('cut.ndjson.gz', gzipSync('{"a":1}\n'.repeat(1000)).subarray(0, 40)))).rejects.toMatchObject(
      { code: 'BODY_MALFORMED' },
    );
  });

  test('know how far they are', async () => {
    const source = await openInput(file('b.ndjson', '{"a":1}\n'.repeat(1000)));
    expect(source.progress()).toBe(0);
    await textsOf(source);
    expect(source.progress()).toBe(1);
  });
});

describe('csv', () => {
  test('cells are strings; raw, utc, rename and set', async () => {
    const path = file(
      'spend.csv',
      '\ufefftimestamp,value,note,n\r\n2011-07-01 00:00:01,0.0819647355164,"a ""b"", c",3\r\n2011-07-01 01:00:01,,,\r\n',
    );
    const events = await read(path, {
      set: { tenant_id: 'acme', note: 'none' },
      csv: { raw: ['value'], utc: ['timestamp'], rename: { timestamp: 'event_time' } },
    });
    expect(events).toEqual([
      '{"tenant_id":"acme","note":"a \\"b\\", c","event_time":"2011-07-01T00:00:01Z","value":0.0819647355164,"n":"3"}',
      '{"tenant_id":"acme","note":"none","event_time":"2011-07-01T01:00:01Z"}',
    ]);
  });

  test('a broken file says where', async () => {
    await expect(read(file('bad.csv', 'a,b\n1,2\n1,2,3\n'))).rejects.toMatchObject({
      code: 'BODY_MALFORMED',
      message: expect.stringContaining('line 3'),
    });
  });
});

describe('access logs', () => {
  test('a line', () => {
    const reader = new AccessLogReader('site');
    expect(
      reader.read(
        '83.149.9.216 - frank [17/May/2015:10:05:03 -0130] "GET /a?b=1 HTTP/1.1" 200 203023 "http://x/\\"q" "Googlebot/2.1"',
      ),
    ).toEqual({
      id: 'site:1',
      event_time: '2015-05-17T10:05:03-01:30',
      ip: '83.149.9.216',
      method: 'GET',
      path: '/a?b=1',
      status: 200,
      bytes: 203023,
      referrer: 'http://x/\\"q',
      user_agent: 'Googlebot/2.1',
      labels: ['bot'],
    });
    expect(reader.read('1.2.3.4 - - [17/May/2015:10:05:03 +0000] "-" 408 - "-" "-"')).toEqual({
      id: 'site:2',
      event_time: '2015-05-17T10:05:03+00:00',
      ip: '1.2.3.4',
      path: '-',
      status: 408,
    });
    expect(reader.read('1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.0" 200 5')).toMatchObject({
      id: 'site:3',
      bytes: 5,
    });
    expect(reader.read('1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.0" 200 5 "-" "cut of')).toMatchObject({
      id: 'site:4',
      user_agent: 'cut of',
    });
    expect(reader.read('something else')).toBeNull();
    expect(reader.read('1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.0" 200 5')).toMatchObject({
      id: 'site:6',
    });
  });

  test('the real log: every line is an event, repeated lines too', async () => {
    const lines = gunzipSync(readFileSync(SAMPLE)).toString().trimEnd().split('\n');
    const events = (await read(SAMPLE, { name: 'web' })).map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(events).toHaveLength(10_000);
    expect(new Set(events.map(({ id }) => id)).size).toBe(10_000);
    expect(new Set(lines).size).toBe(9_981);
    events.forEach((event, i) => {
      // An independent reading: by position of the quotes.
      const [, request, , referrer, , agent] = lines[i]!.split('"');
      expect(event).toMatchObject({
        id: `web:${i + 1}`,
        ip: lines[i]!.split(' ')[0],
        path: request!.split(' ')[1],
        method: request!.split(' ')[0],
      });
      expect(event['referrer'] ?? '-').toBe(referrer);
      expect(event['user_agent'] ?? '-').toBe(agent);
      const [status, bytes] = lines[i]!.split('"')[2]!.trim().split(' ');
      expect([event['status'], event['bytes'] ?? '-'].map(String)).toEqual([status, bytes]);
      const [, day, month, year, time] = /\[(\d+)\/(\w+)\/(\d+):(\S+) /.exec(lines[i]!)!;
      expect(Date.parse(event['event_time'] as string)).toBe(Date.parse(`${day} ${month} ${year} ${time} GMT`));
    });
    expect(events.filter(({ labels }) => labels !== undefined).length).toBeGreaterThan(1000);
  });

  test('a line in another format is sent as it is', async () => {
    const path = file('access.log', 'what?\n\n1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.0" 200 5\n');
    expect(await read(path)).toEqual([
      'what?',
      '{"id":"access.log:3","event_time":"2015-05-17T10:05:03+00:00","ip":"1.2.3.4","method":"GET","path":"/","status":200,"bytes":5}',
    ]);
  });
});
