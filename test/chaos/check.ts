/**
 * What must be true after the last start: acknowledged ids = ids queried = counts in the views + rows
 * in the late stream, and what was late is exactly what the rule says.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { difference } from '../../src/cli/audit.js';
import type { AuditAnswer } from '../../src/serve/audit.js';
import { OPERATOR_KEY, type SentEvent } from './client.js';
import { ALLOWED_MS, LAG_MS, PAIR_MS, PAIRS, VIEWS, WINDOW_MS } from './config.js';

interface Answer {
  readonly columns: readonly { readonly name: string }[];
  readonly rows: readonly (readonly (string | number | null)[])[];
}

/** Runs a query as the operator. */
export async function query(url: string, sql: string): Promise<Answer> {
  const answer = await fetch(`${url}/v1/query`, {
    method: 'POST',
    body: JSON.stringify({ sql }),
    headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
  });
  if (answer.status !== 200) throw new Error(`${sql}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Answer;
}

/** Throws what is wrong; answers how many events were compared and how many of them were late. */
export async function check(
  url: string,
  acknowledged: ReadonlyMap<string, SentEvent>,
): Promise<{ events: number; late: number }> {
  await caughtUp(url, acknowledged.size);
  const stored = await query(url, 'SELECT id, extract(epoch FROM received_at) * 1000 AS received FROM events');
  const received = new Map<string, number>();
  for (const [id, at] of stored.rows) {
    if (received.has(String(id))) throw new Error(`event ${id} is there twice`);
    received.set(String(id), Math.round(Number(at)));
  }
  for (const id of acknowledged.keys()) if (!received.has(id)) throw new Error(`acknowledged event ${id} is lost`);
  for (const id of received.keys())
    if (!acknowledged.has(id)) throw new Error(`event ${id} was never acknowledged, and all were resent`);
  const expected = recount(acknowledged, received);
  for (const view of VIEWS) {
    await compareLate(url, view, expected.late);
    await compareView(url, view, expected.groups);
  }
  await comparePairs(url, pairs(acknowledged, received));
  await closes(url, acknowledged.size);
  return { events: acknowledged.size, late: expected.late.size };
}

async function caughtUp(url: string, events: number): Promise<void> {
  for (const view of VIEWS) await viewCaughtUp(url, view, events);
}

async function viewCaughtUp(url: string, view: string, events: number): Promise<void> {
  let seen = -1;
  for (let tries = 0; tries < 600; tries++) {
    const counted = await query(url, `SELECT coalesce(sum(n), 0) AS n FROM ${view}`);
    const late = await query(url, `SELECT count(*) AS n FROM late WHERE view = '${view}'`);
    seen = Number(counted.rows[0]![0]) + Number(late.rows[0]![0]);
    if (seen === events) return;
    await sleep(50);
  }
  throw new Error(`${events} events were acknowledged; ${view} and the late stream hold ${seen}`);
}

/** The accounts close, and hold every event that was acknowledged, whatever was killed when. */
async function closes(url: string, events: number): Promise<void> {
  const answer = await fetch(`${url}/v1/audit`, { headers: { authorization: `Bearer ${OPERATOR_KEY}` } });
  const { accounts } = (await answer.json()) as AuditAnswer;
  for (const account of accounts) {
    const { stream, received, duplicates, dropped, quarantined } = account;
    if (difference(account) !== 0) throw new Error(`the accounts of ${stream} differ by ${difference(account)}`);
    if (stream !== 'events') continue;
    const reasons = Object.values(dropped).reduce((sum, rows) => sum + rows, 0);
    const accepted = received - duplicates - reasons - quarantined;
    if (accepted !== events) throw new Error(`${events} events were acknowledged; the audit says ${accepted}`);
  }
}

interface Recount {
  readonly groups: ReadonlyMap<string, { readonly n: number; readonly amount: number; readonly users: number }>;
  readonly late: ReadonlySet<string>;
}

/** The plain count: a row is late when its stamp is beyond its window's end, lag and allowed lateness. */
function recount(events: ReadonlyMap<string, SentEvent>, received: ReadonlyMap<string, number>): Recount {
  const groups = new Map<string, { n: number; amount: number; users: Set<string> }>();
  const late = new Set<string>();
  for (const event of events.values()) {
    const start = Math.floor(event.t / WINDOW_MS) * WINDOW_MS;
    if (received.get(event.id)! > start + WINDOW_MS + LAG_MS + ALLOWED_MS) {
      late.add(event.id);
      continue;
    }
    const key = `${event.tenant}|${event.kind}|${start}`;
    const group = groups.get(key) ?? { n: 0, amount: 0, users: new Set<string>() };
    groups.set(key, group);
    group.n++;
    group.amount += event.amount;
    group.users.add(event.user);
  }
  return { groups: new Map([...groups].map(([key, group]) => [key, { ...group, users: group.users.size }])), late };
}

async function compareLate(url: string, view: string, expected: ReadonlySet<string>): Promise<void> {
  const rows = (await query(url, `SELECT event ->> 'id' AS id FROM late WHERE view = '${view}'`)).rows.map((row) =>
    String(row[0]),
  );
  const unique = new Set(rows);
  if (unique.size !== rows.length)
    throw new Error(`the late stream holds ${rows.length} rows of ${unique.size} events`);
  for (const id of expected) if (!unique.has(id)) throw new Error(`event ${id} is late but not in the late stream`);
  for (const id of unique) if (!expected.has(id)) throw new Error(`event ${id} is in the late stream but was in time`);
}

async function compareView(url: string, view: string, expected: Recount['groups']): Promise<void> {
  const answer = await query(
    url,
    `SELECT tenant, kind, extract(epoch FROM window_start) * 1000, n, amount, users FROM ${view}`,
  );
  const seen = new Set<string>();
  for (const [tenant, kind, start, n, amount, users] of answer.rows) {
    const key = `${tenant}|${kind}|${Math.round(Number(start))}`;
    if (seen.has(key)) throw new Error(`${view} holds ${key} twice`);
    seen.add(key);
    const group = expected.get(key);
    if (group === undefined) throw new Error(`${view} holds ${key}, which no event has`);
    const found = `${Number(n)} ${Math.round(Number(amount) * 1e6)} ${Number(users)}`;
    const wanted = `${group.n} ${group.amount} ${group.users}`;
    if (found !== wanted) throw new Error(`${key}: ${view} says ${found}, the recount ${wanted}`);
  }
  for (const key of expected.keys()) if (!seen.has(key)) throw new Error(`${view} lacks ${key}`);
}

/** Pairs of a user's events in time, by a plain loop. */
function pairs(events: ReadonlyMap<string, SentEvent>, received: ReadonlyMap<string, number>): Set<string> {
  const byUser = new Map<string, SentEvent[]>();
  for (const event of events.values()) {
    if (received.get(event.id)! > event.t + LAG_MS + ALLOWED_MS) continue;
    const key = `${event.tenant}|${event.user}`;
    byUser.set(key, [...(byUser.get(key) ?? []), event]);
  }
  const found = new Set<string>();
  for (const all of byUser.values())
    for (const a of all)
      for (const b of all) if (a.id !== b.id && b.t >= a.t && b.t <= a.t + PAIR_MS) found.add(`${a.id} ${b.id}`);
  return found;
}

async function comparePairs(url: string, expected: ReadonlySet<string>): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { rows } = await query(url, `SELECT first, second FROM ${PAIRS}`);
    const found = new Set(rows.map(([first, second]) => `${String(first)} ${String(second)}`));
    if (found.size !== rows.length) throw new Error(`${PAIRS} holds ${rows.length} rows of ${found.size} pairs`);
    const lacks = [...expected].filter((pair) => !found.has(pair));
    const beyond = [...found].filter((pair) => !expected.has(pair));
    if (lacks.length === 0 && beyond.length === 0) return;
    // The join's reader may still be on its way.
    if (tries > 200) throw new Error(`${PAIRS} lacks ${lacks.length} pairs and holds ${beyond.length} that are none`);
    await sleep(50);
  }
}
