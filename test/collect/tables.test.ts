/** Who may write rows of tables. */
import { afterEach, describe, expect, test } from 'vitest';
import { streamOptions } from '../../src/declared.js';
import { declare } from '../../src/sql/declared.js';
import { readSqlFiles } from '../../src/sql/sql-files.js';
import { FrontDoor, KEYS } from './front-door.js';

let door: FrontDoor | undefined;
afterEach(async () => {
  await door?.end();
  door = undefined;
});

/** A front door with the streams that SQL declares. */
async function open(sql: string): Promise<FrontDoor> {
  const { relations } = await readSqlFiles([{ text: sql }]);
  return FrontDoor.open({ streams: declare(relations, new Map()).streams.map(streamOptions) });
}

describe('rows of a table', () => {
  test("of all tenants take an operator's key: they change what every tenant sees", async () => {
    door = await open('CREATE TABLE budgets (campaign text PRIMARY KEY, daily numeric)');
    const row = '{"campaign":"spring","daily":"250"}';
    const refused = await door.post(row, KEYS.acme, {}, '?stream=budgets');
    expect([refused.status, refused.json().error.code]).toEqual([403, 'KEY_FORBIDDEN']);
    expect(door.rows('budgets')).toEqual([]);
    expect((await door.post(row, KEYS.operator, {}, '?stream=budgets')).json().accepted).toBe(1);
    expect(door.rows('budgets')).toMatchObject([{ campaign: 'spring' }]);
  });

  test("of a tenant take that tenant's key", async () => {
    door = await open("CREATE TABLE names (tenant text, id text, PRIMARY KEY (tenant, id)) WITH (tenant = 'tenant')");
    expect((await door.post('{"id":"a"}', KEYS.acme, {}, '?stream=names')).json().accepted).toBe(1);
    expect(door.rows('names')).toMatchObject([{ tenant: 'acme', id: 'a' }]);
  });

  test('of a plain stream take any key', async () => {
    door = await open('CREATE SOURCE notes (line text)');
    expect((await door.post('{"line":"a"}', KEYS.acme, {}, '?stream=notes')).json().accepted).toBe(1);
  });
});
