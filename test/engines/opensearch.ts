/**
 * A real OpenSearch 2.19 or Elasticsearch 7.10 of one node, embedded in one JVM by the runners of CodeLibs.
 *
 * What was learned:
 * - The runner takes the port `base + 1`, and none above 9299, whatever the configuration file says.
 * - It keeps an `opensearch.yml` that is there already: that's how the other settings come in. Roles it sets itself, and
 *   ingest is not among them: no pipelines.
 * - `discovery.type: single-node` saves the three seconds in which a node waits for others.
 * - The quick compiler alone and the serial collector halve the time to start (4 s) and leave the second core to the test.
 * - Plain HTTP without users: there is no security plugin, nor index state management (`_plugins/_ism` is 400).
 * - 7.10.2 is the last Elasticsearch under the Apache License, and the last whose runner is on Maven Central. Parts that
 *   are under Elastic's own are not in it: `flattened` fields, life-cycle policies.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { engineFolder } from '../../scripts/engines/list.js';
import { freePort, launch, type Engine, type EngineOptions } from './process.js';

/** How OpenSearch is started. */
export interface OpenSearchOptions extends EngineOptions {
  /** Settings of the node, such as `thread_pool.write.queue_size` to be answered 429 sooner. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** A running OpenSearch. */
export interface OpenSearch extends Engine {
  /** Such as `http://127.0.0.1:9201`. */
  readonly url: string;
}

const RUNNERS = {
  opensearch: 'org.codelibs.opensearch.runner.OpenSearchRunner',
  elasticsearch: 'org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner',
} as const;
const JVM = ['-Xms256m', '-Xmx1g', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** Starts OpenSearch; about 4 s and 0.4 GB. */
export function startOpenSearch(options: OpenSearchOptions = {}): Promise<OpenSearch> {
  return start('opensearch', options);
}

/** Starts Elasticsearch, the same way. */
export function startElasticsearch(options: OpenSearchOptions = {}): Promise<OpenSearch> {
  return start('elasticsearch', options);
}

async function start(name: keyof typeof RUNNERS, options: OpenSearchOptions): Promise<OpenSearch> {
  const port = await freePort({ first: 9201, last: 9299 });
  const url = `http://127.0.0.1:${port}`;
  const settings = {
    'network.host': '127.0.0.1',
    'transport.port': await freePort(),
    'discovery.type': 'single-node',
    // A test machine's disk may be nearly full, and indexes would turn read-only.
    'cluster.routing.allocation.disk.threshold_enabled': false,
    ...options.settings,
  };
  const engine = await launch(name, options, async (folder) => {
    const config = path.join(folder, 'node_1', 'config');
    await mkdir(config, { recursive: true });
    const lines = Object.entries(settings).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`);
    await writeFile(path.join(config, `${name}.yml`), lines.join(''));
    const args = [
      '-basePath',
      folder,
      '-numOfNode',
      '1',
      '-baseHttpPort',
      String(port - 1),
      '-clusterName',
      'millrace',
    ];
    return {
      command: 'java',
      args: [...JVM, '-cp', path.join(engineFolder(name), 'lib', '*'), RUNNERS[name], ...args],
      ready: async () => {
        const answer = await fetch(`${url}/_cluster/health?wait_for_status=yellow&timeout=1s`);
        const health = (await answer.json()) as { timed_out?: boolean; cluster_name?: string };
        return answer.ok && health.timed_out === false && health.cluster_name === 'millrace';
      },
    };
  });
  return Object.assign(engine, { url });
}
