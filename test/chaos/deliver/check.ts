/**
 * What must be true when everything is well again: each acknowledged event is in each sink exactly
 * once, or in the quarantine under that sink's delivery, never both; and every account closes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import pg from 'pg';
import type { EdgeAccount } from '../../../src/serve/audit-edges.js';
import type { S3Server } from '../../engines/s3.js';
import { query } from '../check.js';
import { OPERATOR_KEY } from '../client.js';
import { DELIVERIES, type DeliveryName } from './config.js';
import type { SentEvent } from './producer.js';

/** Where to look. */
export interface Look {
  readonly url: string;
  readonly s3: S3Server;
  readonly bucket: string;
  readonly folder: string;
  readonly searchUrl: string;
  readonly index: string;
  readonly databaseUrl: string;
  readonly table: string;
}

/** How long deliveries may bring nothing of what is left, ms: a bound against hanging for ever. */
const STILL_MS = 120_000;

/** Throws what is wrong; answers how many events were compared and quarantined. */
export async function check(
  look: Look,
  acknowledged: ReadonlyMap<string, SentEvent>,
): Promise<{ readonly events: number; readonly quarantined: number }> {
  await drained(look.url);
  await closes(look.url, acknowledged.size);
  const quarantined = await quarantine(look.url);
  const found: Record<DeliveryName, string[]> = {
    objects: await idsInBucket(look),
    folder: idsInFolder(look.folder),
    search: await idsInIndex(look),
    db: await idsInTable(look),
  };
  let count = 0;
  for (const name of DELIVERIES) {
    const failed = quarantined.get(name) ?? new Map<string, number>();
    count += failed.size;
    compare(name, found[name], failed, acknowledged);
  }
  return { events: acknowledged.size, quarantined: count };
}

function compare(
  name: DeliveryName,
  ids: readonly string[],
  failed: ReadonlyMap<string, number>,
  acknowledged: ReadonlyMap<string, SentEvent>,
): void {
  const there = new Set<string>();
  for (const id of ids) {
    if (there.has(id)) throw new Error(`${name}: event ${id} is there twice`);
    there.add(id);
    if (!acknowledged.has(id)) throw new Error(`${name}: event ${id} was never acknowledged`);
  }
  for (const [id, times] of failed) {
    if (times > 1) throw new Error(`${name}: event ${id} is in the quarantine ${times} times`);
    if (there.has(id)) throw new Error(`${name}: event ${id} is there and in the quarantine`);
    if (acknowledged.get(id)?.poisonFor !== name)
      throw new Error(`${name}: event ${id} is in the quarantine and was fit for this sink`);
  }
  for (const [id, { poisonFor }] of acknowledged) {
    if (there.has(id) || failed.has(id)) continue;
    throw new Error(`${name}: event ${id}${poisonFor === name ? ', which it can not take,' : ''} is nowhere`);
  }
}

async function get<T>(url: string, path: string): Promise<T> {
  const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${OPERATOR_KEY}` } });
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

interface Delivery {
  readonly name: string;
  readonly pendingRows: number;
  readonly state: string;
  readonly planned: number;
  readonly errors: readonly { readonly message: string }[];
}

async function drained(url: string): Promise<void> {
  let last = '';
  let least = Infinity;
  for (let end = Date.now() + STILL_MS; Date.now() < end; await sleep(50)) {
    const { deliveries } = await get<{ deliveries: Delivery[] }>(url, '/v1/deliveries');
    const waiting = deliveries.filter(({ pendingRows, planned }) => pendingRows > 0 || planned > 0);
    if (waiting.length === 0) return;
    // How much there is to bring depends on how long the round sent: what counts is that it becomes less.
    const left = waiting.reduce((sum, { pendingRows }) => sum + pendingRows, 0);
    if (left < least) end = Date.now() + STILL_MS;
    least = Math.min(least, left);
    last = waiting
      .map(
        ({ name, pendingRows, state, errors }) => `${name} (${state}): ${pendingRows} rows, ${errors.at(-1)?.message}`,
      )
      .join('; ');
  }
  throw new Error(`nothing delivered for ${STILL_MS} ms: ${last}`);
}

/** Every edge closes at every tenant and minute, and has read every event. */
async function closes(url: string, events: number): Promise<void> {
  const { edges } = await get<{ edges: EdgeAccount[] }>(url, '/v1/audit');
  for (const name of DELIVERIES) {
    const edge = edges.find((one) => one.edge === `deliver.${name}`);
    if (edge === undefined) throw new Error(`there is no account of ${name}`);
    const { read, difference, open, pending } = edge;
    if (difference !== 0 || open.length > 0)
      throw new Error(`the account of ${name} differs by ${difference}: ${JSON.stringify(open)}`);
    if (read !== events) throw new Error(`${name} has read ${read} rows of ${events} that were acknowledged`);
    if (pending !== 0) throw new Error(`${pending} rows of ${name} wait`);
  }
}

/** Rows of the quarantine by delivery: how often each event is there. */
async function quarantine(url: string): Promise<Map<string, Map<string, number>>> {
  const { rows } = await query(url, "SELECT reader, event_id FROM quarantine WHERE stage = 'deliver'");
  const found = new Map<string, Map<string, number>>();
  for (const [reader, id] of rows) {
    const events = found.get(String(reader)) ?? new Map<string, number>();
    events.set(String(id), (events.get(String(id)) ?? 0) + 1);
    found.set(String(reader), events);
  }
  return found;
}

function idsOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('an object does not end with a whole line');
  return lines.map((line) => (JSON.parse(line) as { id: string }).id);
}

async function idsInBucket({ s3, bucket }: Look): Promise<string[]> {
  const ids: string[] = [];
  let token: string | undefined;
  do {
    const page = await s3.client.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }));
    for (const { Key } of page.Contents ?? []) {
      const object = await s3.client.send(new GetObjectCommand({ Bucket: bucket, Key }));
      ids.push(...idsOf(gunzipSync(await object.Body!.transformToByteArray()).toString()));
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return ids;
}

function idsInFolder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && !entry.name.startsWith('filler'))
    .flatMap((entry) => idsOf(readFileSync(join(entry.parentPath, entry.name), 'utf8')));
}

async function idsInIndex({ searchUrl, index }: Look): Promise<string[]> {
  const post = async (path: string, body: unknown): Promise<unknown> => {
    const answer = await fetch(`${searchUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (answer.status === 404) return { hits: { hits: [] } };
    if (!answer.ok) throw new Error(`search: ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  await post(`/${index}/_refresh`, {});
  const ids: string[] = [];
  for (let after: unknown; ;) {
    const found = (await post(`/${index}/_search`, {
      size: 5000,
      sort: [{ id: 'asc' }, { _doc: 'asc' }],
      _source: ['id'],
      ...(after === undefined ? {} : { search_after: after }),
    })) as { hits: { hits: { _source: { id: string }; sort: unknown }[] } };
    const { hits } = found.hits;
    if (hits.length === 0) return ids;
    ids.push(...hits.map(({ _source }) => _source.id));
    after = hits.at(-1)!.sort;
  }
}

async function idsInTable({ databaseUrl, table }: Look): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string }>(`SELECT id FROM ${client.escapeIdentifier(table)}`);
    return rows.map(({ id }) => id);
  } finally {
    await client.end();
  }
}
