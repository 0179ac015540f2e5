import { afterAll, beforeAll } from 'vitest';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { sinkConformance } from '../../conformance/sinks.js';
import { describeWith } from '../../engines/missing.js';
import { startElasticsearch, startOpenSearch, type OpenSearch } from '../../engines/opensearch.js';
import { sinkContext, someRows } from '../support.js';
import { Cluster, settings } from './engine.js';

// The Elasticsearch under the Apache License has no type `flattened`.
const PROPS = { type: 'object', enabled: false };

for (const [name, start, properties] of [
  ['opensearch', startOpenSearch, { count: { type: 'short' } }],
  ['elasticsearch', startElasticsearch, { count: { type: 'short' }, props: PROPS }],
] as const)
  describeWith([name], `the sink opensearch with ${name}`, () => {
    let engine: OpenSearch;
    beforeAll(async () => {
      engine = await start();
    });
    afterAll(() => engine?.stop());

    let places = 0;
    sinkConformance(name, async () => {
      const index = `conformance-${places++}`;
      const cluster = new Cluster(engine);
      const options = settings(engine.url, { index, requestRowsMax: 20, template: { mappings: { properties } } });
      return {
        make: () => createSink(options, sinkContext()),
        read: async () => (await cluster.documents(index)).map(({ source }) => String(source['id'])),
        guarantee: 'exactly once',
        ordered: false,
        poison: { ...someRows(1, 'poison')[0]!, id: 'poison-0', tenant: 'acme', count: 70_000 },
        outage: { away: () => engine.kill(), back: () => engine.restart() },
        close: async () => void (await cluster.ask('DELETE', `${index}*`)),
      };
    });
  });
