import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ComeAgain, type Sink } from '../../../src/deliver/sink.js';
import { createSink } from '../../../src/deliver/sinks/index.js';
import type { Clock } from '../../../src/io/clock.js';
import { systemClock } from '../../../src/io/clock.js';
import { sinkContext } from '../support.js';
import { settings } from './engine.js';
import { startScripted, type Scripted, type ScriptedServer, type Seen } from './scripted.js';

let server: ScriptedServer;
let sink: Sink;
beforeEach(async () => {
  server = await startScripted();
});
afterEach(async () => {
  await sink.close();
  await server.close();
});

const clock: Clock = { ...systemClock, now: () => Date.parse('2026-05-05T12:00:00Z') };
const ok = (body: object): Scripted => ({ status: 200, body });
const OPENSEARCH = ok({ version: { number: '2.19.1', distribution: 'opensearch' } });
const ELASTICSEARCH = ok({ version: { number: '8.14.1', build_flavor: 'default' }, tagline: 'You Know, for Search' });

/** Opens a sink on a cluster that answers these, by `METHOD path`, and everything else with 200. */
async function open(answers: Record<string, Scripted>, rest: Parameters<typeof settings>[1] = {}): Promise<void> {
  server.answer = ({ method, path }) => answers[`${method} ${path}`] ?? ok({ acknowledged: true });
  sink = createSink(settings(server.url, rest), sinkContext({ clock }));
  await sink.open(new AbortController().signal);
}

const asked = (): string[] => server.seen.map(({ method, path }) => `${method} ${path}`);
const bodyOf = ({ text }: Seen): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;
const sent = (request: string): Record<string, unknown> =>
  bodyOf(server.seen[asked().indexOf(request)] ?? { method: '', path: '', headers: {}, text: 'null' });

describe('setting a cluster up', () => {
  test('OpenSearch: a template for the indexes of this sink, and fields of the current one', async () => {
    await open({ 'GET /': OPENSEARCH });
    expect(asked()).toEqual(['GET /', 'PUT /_index_template/millrace-events', 'PUT /events-2026-05-05/_mapping']);
    expect(sent('PUT /_index_template/millrace-events')).toMatchObject({
      index_patterns: ['events-1*', 'events-2*'],
      priority: 200,
      template: {
        settings: {},
        mappings: {
          properties: {
            id: { type: 'keyword' },
            at: { type: 'date', format: 'epoch_millis' },
            cost: { type: 'scaled_float', scaling_factor: 1_000_000 },
            note: { type: 'text', fields: { keyword: { type: 'keyword' } } },
            props: { type: 'flat_object' },
            received_at: { type: 'date' },
          },
        },
      },
    });
  });

  test('Elasticsearch: another type for JSON, and a policy that the template names', async () => {
    await open(
      { 'GET /': ELASTICSEARCH },
      { rotation: 'OneWeek', retention: '30 d', template: { settings: { number_of_shards: 3 } } },
    );
    expect(asked()).toEqual([
      'GET /',
      'PUT /_ilm/policy/millrace-events',
      'PUT /_index_template/millrace-events',
      'PUT /events-2026-w19/_mapping',
    ]);
    // The youngest row of an index is a week younger than the index.
    expect(sent('PUT /_ilm/policy/millrace-events')).toEqual({
      policy: { phases: { hot: { actions: {} }, delete: { min_age: '888h', actions: { delete: {} } } } },
    });
    expect(sent('PUT /_index_template/millrace-events')).toMatchObject({
      template: {
        settings: { 'index.lifecycle.name': 'millrace-events', number_of_shards: 3 },
        mappings: { properties: { props: { type: 'flattened' } } },
      },
    });
  });

  test('a cluster that poses as an old Elasticsearch is OpenSearch', async () => {
    const posing = ok({ version: { number: '7.10.2' }, tagline: 'The OpenSearch Project: https://opensearch.org/' });
    await open({ 'GET /': posing });
    expect(JSON.stringify(sent('PUT /_index_template/millrace-events'))).toContain('flat_object');
  });

  test('OpenSearch: a policy is made, left alone while it is the same, and replaced when it is not', async () => {
    const path = '/_plugins/_ism/policies/millrace-events';
    const missing: Scripted = { status: 404, body: { error: 'Policy not found' } };
    await open({ 'GET /': OPENSEARCH, [`GET ${path}`]: missing }, { retention: '7 d' });
    expect(asked().slice(1, 3)).toEqual([`GET ${path}`, `PUT ${path}`]);
    const made = sent(`PUT ${path}`);
    expect(made).toMatchObject({
      policy: {
        default_state: 'hot',
        states: [
          { name: 'hot', transitions: [{ state_name: 'delete', conditions: { min_index_age: '192h' } }] },
          { name: 'delete', actions: [{ delete: {} }] },
        ],
        ism_template: [{ index_patterns: ['events-1*', 'events-2*'] }],
      },
    });
    const there = ok({ _id: 'millrace-events', _seq_no: 7, _primary_term: 2, ...made });
    await sink.close();
    server.seen.length = 0;
    await open({ 'GET /': OPENSEARCH, [`GET ${path}`]: there }, { retention: '7 d' });
    expect(asked()).toEqual([
      'GET /',
      `GET ${path}`,
      'PUT /_index_template/millrace-events',
      'PUT /events-2026-05-05/_mapping',
    ]);
    await sink.close();
    server.seen.length = 0;
    await open({ 'GET /': OPENSEARCH, [`GET ${path}`]: there }, { retention: '8 d' });
    expect(asked()[2]).toBe(`PUT ${path}?if_seq_no=7&if_primary_term=2`);
  });

  test('without rotation the template is for one index, whatever the time', async () => {
    await open(
      { 'GET /': OPENSEARCH },
      {
        rotation: 'NoRotation',
        index: 'ads',
        template: { mappings: { dynamic: false, properties: { at: { type: 'date_nanos' } } } },
      },
    );
    const template = sent('PUT /_index_template/millrace-ads');
    expect(template).toMatchObject({
      index_patterns: ['ads'],
      template: { mappings: { dynamic: false, properties: { at: { type: 'date_nanos' }, id: { type: 'keyword' } } } },
    });
    expect(asked().at(-1)).toBe('PUT /ads/_mapping');
  });

  test('`setUp: false` asks for nothing', async () => {
    await open({}, { setUp: false });
    expect(asked()).toEqual([]);
  });

  test.each([404, 400])('an index that answers %i to new fields is left as it is', async (status) => {
    await open({ 'GET /': OPENSEARCH, 'PUT /events-2026-05-05/_mapping': { status, body: {} } });
    expect(asked()).toHaveLength(3);
  });

  test.each([
    ['GET /', 401],
    ['GET /', 503],
    ['PUT /_index_template/millrace-events', 403],
    ['PUT /_index_template/millrace-events', 400],
    ['PUT /events-2026-05-05/_mapping', 403],
    ['GET /_plugins/_ism/policies/millrace-events', 400],
  ])('%s answered with %i: not open, and the error says what to do', async (request, status) => {
    const refused: Scripted = { status, body: { error: { type: 'x', reason: 'not for you' } } };
    const opening = open({ 'GET /': OPENSEARCH, [request]: refused }, { retention: '7 d' });
    await expect(opening).rejects.toBeInstanceOf(ComeAgain);
    await expect(opening).rejects.toThrow(/not for you/);
    await expect(opening).rejects.toThrow(status < 500 ? /set `setUp: false`/ : /answered 503/);
  });

  test('what is no JSON is no cluster', async () => {
    await expect(open({ 'GET /': { status: 200, body: '<html>' } })).rejects.toThrow(/which is no JSON/);
  });
});
