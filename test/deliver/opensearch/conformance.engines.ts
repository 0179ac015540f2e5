import { afterAll, beforeAll } from 'vitest';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { sinkConformance } from '../../conformance/sinks.js';
import { describeWith } from '../../engines/missing.js';
import { startOpenSearch, type OpenSearch } from '../../engines/opensearch.js';
import { sinkContext, someRows } from '../support.js';
import { Cluster, settings } from './engine.js';

describeWith(['opensearch'], 'the sink opensearch', () => {
  let engine: OpenSearch;
  beforeAll(async () => {
    engine = await startOpenSearch();
  }, 120_000);
  afterAll(() => engine?.stop());

  let places = 0;
  sinkConformance('opensearch', async () => {
    const index = `conformance-${places++}`;
    const cluster = new Cluster(engine);
    const options = settings(engine.url, { index, requestRowsMax: 20 });
    return {
      make: () => createSink(options, sinkContext()),
      read: async () => (await cluster.documents(index)).map(({ source }) => String(source['id'])),
      guarantee: 'exactly once',
      ordered: false,
      poison: { ...someRows(1, 'poison')[0]!, id: 'poison-0', tenant: 'acme', props: 'no object' },
      outage: { away: () => engine.kill(), back: () => engine.restart() },
      close: async () => void (await cluster.ask('DELETE', `${index}*`)),
    };
  });
});
