/** Where the fields of a relational view stand in its changes stream. */
import { expect, test } from 'vitest';
import { relationLayout } from '../../../src/sql/describe-relation.js';
import { parseViews } from '../../../src/sql/parse.js';
import type { CatalogRelation } from '../../../src/sql/relation/catalog.js';
import { planRelationView } from '../../../src/sql/relation/view.js';

const STREAM: CatalogRelation = {
  kind: 'stream',
  name: 'e',
  fields: [
    { name: 'k', type: 'text', nullable: true },
    { name: 'ts', type: 'timestamptz', nullable: false },
  ],
  key: null,
  time: 1,
  tenant: null,
};

test('a row without a key is named by its hidden time too: two that show the same are two', async () => {
  const [statement] = await parseViews('CREATE MATERIALIZED VIEW v AS SELECT k FROM e', 'test.sql');
  const view = planRelationView(statement!, new Map([['e', STREAM]]));
  expect(view).toMatchObject({ key: null, closes: 1, width: 1 });
  const { columns, copy, keys } = relationLayout(view);
  expect(keys).toEqual([...columns, copy]);
});
