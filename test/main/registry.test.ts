/** The registry over a real log: what a start makes of definitions, and what a failing change leaves. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FIREHOSE_DEFAULTS } from '../../src/collect/options.js';
import { Definitions, MADE_STREAMS_MAX, type MadeStream } from '../../src/config/definitions.js';
import type { FirehoseOptions } from '../../src/config/options.js';
import { adEvents } from '../../src/event/ad-events.js';
import { RECORDS_SCHEMA } from '../../src/event/records.js';
import { systemClock } from '../../src/io/clock.js';
import { realDisk } from '../../src/io/disk-real.js';
import { Registry } from '../../src/registry.js';
import { definition, open, removeFolders } from '../log/support.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-registry-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  removeFolders();
});

const events = { ...definition('events'), schema: adEvents(), lake: true };
const registry = (firehose: Partial<FirehoseOptions> = {}, streams = [events]): Registry =>
  new Registry({
    options: {
      file: undefined,
      streams,
      deliveries: [],
      transforms: [],
      firehose: { ...FIREHOSE_DEFAULTS, ...firehose },
    },
    definitions: new Definitions(realDisk, folder),
    views: ['traffic'],
    clock: systemClock,
  });
const openLog = () => open(join(folder, 'log'));

const made = (name: string, destination: MadeStream['destination'] = null): MadeStream => ({
  name,
  createdMs: 1,
  version: 1,
  schema: RECORDS_SCHEMA,
  destination,
});
const endpoint = (Url: string): NonNullable<MadeStream['destination']> => ({
  id: 'destinationId-000000000001',
  kind: 'HttpEndpointDestinationConfiguration',
  settings: { EndpointConfiguration: { Url } },
});
const write = (content: object): void =>
  writeFileSync(
    join(folder, 'definitions.json'),
    JSON.stringify({ format: 1, streams: [], tags: {}, leaving: [], ...content }),
  );

describe('a start', () => {
  test('with a stream of the configuration that was made before is refused', () => {
    write({ streams: [made('events')] });
    expect(() => registry()).toThrow(/stream 'events': the configuration has a stream of this name too/);
  });

  test('without what a made stream needs of the configuration is refused', () => {
    const kind = 'S3DestinationConfiguration';
    write({ streams: [made('x', { id: 'd', kind, settings: { BucketARN: 'arn:aws:s3:::bucket' } })] });
    expect(() => registry()).toThrow(/stream 'x': .*expected firehose\.s3 or firehose\.folder/);
    expect(registry({ folder: '/buckets' }).deliveries).toMatchObject([
      { name: 'firehose.x', from: 'x', sink: { type: 'directory', path: '/buckets/bucket', format: 'records' } },
    ]);
  });

  test.each([
    ['no JSON', '{', 'DATA_FOLDER_DAMAGED'],
    ['something else', '{"a": 1}', 'DATA_FOLDER_DAMAGED'],
    ['of a newer format', '{"format": 2}', 'DATA_FOLDER_NEWER'],
  ])('with definitions that are %s is refused', (_, text, code) => {
    writeFileSync(join(folder, 'definitions.json'), text);
    expect(() => registry()).toThrow(expect.objectContaining({ code }));
  });

  test('ends the removal that a crash cut off', async () => {
    const log = await openLog();
    await log.createStream({ ...definition('gone'), schema: RECORDS_SCHEMA });
    const theirs = ['deliver.firehose.gone', 'transform.firehose.gone', 'lake.gone', 'lake.firehose.gone'];
    for (const id of [...theirs, 'lake.events'])
      await log.registerReader(id, [{ stream: 'gone', partition: 0, offset: 0 }]);
    write({ leaving: ['gone'] });
    await registry().openIn(log);
    expect(log.stats().readers.map(({ id }) => id)).toEqual(['lake.events']);
    expect(JSON.parse(readFileSync(join(folder, 'definitions.json'), 'utf8'))).toMatchObject({ leaving: [] });
    await log.close();
  });
});

describe('a change', () => {
  test('that the threads refuse is taken back', async () => {
    const log = await openLog();
    const streams = registry();
    await streams.openIn(log);
    const opened: string[] = [];
    let failing = true;
    streams.tell({
      doors: { open: ({ name }) => void opened.push(name), close: () => undefined },
      threads: [
        async () => {
          if (failing && streams.deliveries.some(({ from }) => from === 'x')) throw new Error('no');
        },
      ],
    });
    const stream = {
      name: 'x',
      schema: RECORDS_SCHEMA,
      tags: { a: '1' },
      destination: endpoint('https://one.example'),
    };
    await expect(streams.create(stream)).rejects.toThrow('no');
    expect([streams.find('x'), opened]).toEqual([undefined, []]);
    failing = false;
    await streams.create(stream);
    failing = true;
    await expect(streams.replaceDestination('x', 1, endpoint('https://two.example'))).rejects.toThrow();
    // The version has risen: nobody may take the old description for that of now.
    expect(streams.find('x')?.made).toMatchObject({ version: 2, destination: endpoint('https://one.example') });
    expect(opened).toEqual(['x']);
    await log.close();
  });

  test('makes no more streams than can be', async () => {
    write({ streams: Array.from({ length: MADE_STREAMS_MAX }, (_, i) => made(`s${i}`)) });
    const streams = registry();
    const one = { name: 'one-more', schema: RECORDS_SCHEMA, tags: {}, destination: null };
    await expect(streams.create(one)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  test('makes no stream with the name of a view', async () => {
    const log = await openLog();
    const streams = registry();
    await streams.openIn(log);
    const stream = { name: 'traffic', schema: RECORDS_SCHEMA, tags: {}, destination: null };
    await expect(streams.create(stream)).rejects.toThrow("'traffic' is a view");
    await log.close();
  });
});
