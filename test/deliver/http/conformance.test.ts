import { createSink } from '../../../src/deliver/sinks/index.js';
import { sinkConformance, type SinkUnderTest } from '../../conformance/sinks.js';
import { sinkContext, someRows } from '../support.js';
import { EndpointProcess } from './endpoint-process.js';
import { settings } from './support.js';

async function open(to: Readonly<Record<string, unknown>>): Promise<SinkUnderTest> {
  const endpoint = await new EndpointProcess().start();
  const options = settings({ url: endpoint.url, allowPrivate: ['127.0.0.1'], ...to });
  return {
    make: () => createSink(options, sinkContext({ requestsMax: 1 })),
    read: async () => endpoint.taken().flatMap(({ ids }) => ids),
    guarantee: 'at least once',
    ordered: true,
    poison: { ...someRows(1)[0]!, id: 'poison' },
    outage: { away: () => endpoint.kill(), back: async () => void (await endpoint.start()) },
    close: () => endpoint.kill(),
  };
}

sinkConformance('http', () => open({ type: 'http', recordsMax: 20 }));
sinkConformance('webhook', () => open({ type: 'webhook', rowsMax: 20 }));
