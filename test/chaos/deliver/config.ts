/** The pipeline that the harness runs: one stream into three sinks of different makes, and a folder that can be full. */
import { writeFileSync } from 'node:fs';
import { OPERATOR_KEY } from '../client.js';

/** Names of the deliveries under test. */
export const DELIVERIES = ['objects', 'folder', 'search', 'db'] as const;

/** One of them. */
export type DeliveryName = (typeof DELIVERIES)[number];

/** Where the sinks are. */
export interface Places {
  readonly s3: {
    readonly port: number;
    readonly bucket: string;
    readonly region: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
  readonly folder: string;
  readonly search: { readonly port: number; readonly index: string };
  readonly db: { readonly url: string; readonly table: string };
}

/** Writes the configuration. */
export function writeConfig(file: string, places: Places): void {
  const { s3, search, db } = places;
  const buffer = { size: '256 KiB', interval: '150 ms' };
  const retry = { first: '20 ms', longest: '500 ms' };
  const shared = { from: 'events', buffer, retry };
  const config = {
    streams: {
      events: {
        schema: {
          columns: {
            id: 'string',
            tenant: 'dictionary',
            kind: 'dictionary',
            t: 'timestamp',
            amount: 'int64',
            note: 'string?',
            props: 'json?',
          },
          tenant: 'tenant',
          eventId: 'id',
          eventTime: 't',
        },
        partitions: 2,
        lake: false,
      },
    },
    deliveries: {
      objects: {
        ...shared,
        to: {
          type: 's3',
          endpoint: `http://127.0.0.1:${s3.port}`,
          bucket: s3.bucket,
          region: s3.region,
          accessKeyId: s3.accessKeyId,
          secretAccessKey: s3.secretAccessKey,
          prefix: 'events/!{partitionKeyFromQuery:kind}/',
          partitionBy: { kind: 'kind' },
          compression: 'gzip',
        },
      },
      folder: {
        ...shared,
        to: {
          type: 'directory',
          path: places.folder,
          partitionBy: { tenant: 'tenant' },
          prefix: '!{partitionKeyFromQuery:tenant}/',
        },
      },
      search: {
        ...shared,
        to: {
          type: 'opensearch',
          url: `http://127.0.0.1:${search.port}`,
          index: search.index,
          rotation: 'NoRotation',
          // `props` is an object in the template; a scalar is refused by the node.
          template: { mappings: { properties: { props: { type: 'object', enabled: true, dynamic: false } } } },
        },
      },
      db: { ...shared, to: { type: 'postgres', url: db.url, table: db.table } },
    },
    tenants: Array.from({ length: 5 }, (_, i) => ({ id: `t${i}` })),
    operators: [{ name: 'chaos', key: OPERATOR_KEY }],
    log: { segmentSize: '1 MiB' },
    http: { drain: '1 s' },
    messages: { level: 'info', format: 'json' },
  };
  writeFileSync(file, JSON.stringify(config, null, 2));
}
