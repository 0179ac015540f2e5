/** The unmodified AWS SDK before a front door, and a proxy that loses answers. */
import net, { type AddressInfo } from 'node:net';
import { FirehoseClient, type FirehoseClientConfig } from '@aws-sdk/client-firehose';
import type { TenantsInput } from '../../../src/config/tenants.js';
import { RECORDS_SCHEMA } from '../../../src/event/records.js';
import { FrontDoor, stream, TENANTS } from '../front-door.js';

export const ACCESS = {
  acme: { accessKeyId: 'MRAKACME00000001', secretAccessKey: 'acme-secret-0123456789' },
  bolt: { accessKeyId: 'MRAKBOLT00000001', secretAccessKey: 'bolt-secret-0123456789' },
  operator: { accessKeyId: 'MRAKOPER00000001', secretAccessKey: 'oper-secret-0123456789' },
};

const declared = ({ accessKeyId, secretAccessKey }: (typeof ACCESS)['acme']) => [
  { id: accessKeyId, secret: secretAccessKey },
];

export const FIREHOSE_TENANTS: TenantsInput = {
  ...TENANTS,
  tenants: TENANTS.tenants.map((tenant) => ({ ...tenant, accessKeys: declared(ACCESS[tenant.id as 'acme' | 'bolt']) })),
  operatorAccessKeys: declared(ACCESS.operator),
};

export type DoorOptions = NonNullable<Parameters<typeof FrontDoor.open>[0]>;

/** What such a front door is opened with: a stream of raw records beside those of events, and access keys. */
export const DOOR: DoorOptions = { tenants: FIREHOSE_TENANTS, streams: [stream('raw', RECORDS_SCHEMA, 1)] };

/** A front door of the Firehose API. */
export function openDoor(options: DoorOptions = {}): Promise<FrontDoor> {
  return FrontDoor.open({ ...DOOR, ...options });
}

/** A client of the SDK. */
export function clientOf(
  port: number,
  credentials: FirehoseClientConfig['credentials'] = ACCESS.acme,
  config: FirehoseClientConfig = {},
): FirehoseClient {
  return new FirehoseClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'eu-west-1',
    maxAttempts: 1,
    ...config,
    ...(credentials === undefined ? {} : { credentials }),
  });
}

/** A proxy in front of a port. */
export interface Proxy {
  readonly port: number;
  /** Connections whose answers are thrown away and that are cut instead; counts down. */
  losing: number;
  /** Answers lost so far. */
  readonly lost: number;
  close(): Promise<void>;
}

/** Forwards bytes; cuts a connection when its answer comes, as often as told. */
export async function startProxy(target: number): Promise<Proxy> {
  const sockets = new Set<net.Socket>();
  const state = { losing: 0, lost: 0 };
  const server = net.createServer((client) => {
    const upstream = net.connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      if (state.losing === 0) return void client.write(chunk);
      state.losing -= 1;
      state.lost += 1;
      client.resetAndDestroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get losing() {
      return state.losing;
    },
    set losing(count: number) {
      state.losing = count;
    },
    get lost() {
      return state.lost;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
