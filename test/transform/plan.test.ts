/** What a configuration of transforms is told before anything runs. */
import { afterEach, describe, expect, test } from 'vitest';
import { event, mistake, once, removeFolders, uuid, type Event } from './support.js';

afterEach(removeFolders);

describe('mistakes name the step, the column and what there is', () => {
  test.each<[readonly Event[], string]>([
    [[{ filter: 'kin = 1' }], 'transforms.out.steps[0].filter'],
    [
      [{ rename: { nothing: 'x' } }],
      "transforms.out.steps[0].rename.nothing: there is no column 'nothing'; expected one of id, tenant, at, kind",
    ],
    [[{ rename: { kind: 'country' } }], "transforms.out.steps[0].rename: two columns would be named 'country'"],
    [[{ rename: { received_at: 'x' } }], "column 'received_at' is the stream's receivedAt"],
    [[{ rename: { kind: 'what' } }, { filter: "kind = 'x'" }], 'transforms.out.steps[1].filter'],
    [
      [{ set: { clicks: "'x'" } }],
      'transforms.out.steps[0].set.clicks: the expression is text; expected bigint or integer',
    ],
    [[{ set: { x: "interval '1 day'" } }], 'expected a type that a column can have'],
    [[{ set: { received_at: 'at' } }], 'must stay as it is'],
    [[{ set: { kind: { sql: "'x'", type: 'string' } } }], "column 'kind' is dictionary already"],
    [[{ split: { as: 'x' } }], 'transforms.out.steps[0].split: expected either column or cases'],
    [[{ sample: { rate: 0.5, by: 'nobody' } }], "steps[0].sample.by: there is no column 'nobody'"],
    [[{ dedupe: { by: ['user', 'nobody'] } }], "steps[0].dedupe.by: there is no column 'nobody'"],
    [[{ dedupe: { by: 'user' } }, { dedupe: { by: ['user'] } }], 'steps[1]: an earlier step does the same'],
    [[{ enrich: { userAgent: 'clicks' } }], 'expected string or dictionary'],
  ])('%j', async (steps, message) => {
    expect(await mistake(steps)).toContain(message);
  });

  test('a declared output that the steps do not make', async () => {
    const schema = (columns: Event) => ({ columns, tenant: 'tenant' });
    expect(await mistake([], schema({ tenant: 'dictionary', extra: 'string' }))).toContain(
      "transforms.out.schema.extra: no step makes column 'extra', which takes no NULL",
    );
    expect(await mistake([], schema({ tenant: 'dictionary', user: 'string' }))).toContain(
      "column 'user' may be NULL after the steps; expected 'string?'",
    );
    expect(await mistake([], schema({ tenant: 'dictionary', clicks: 'double?' }))).toContain(
      "column 'clicks' is int64 after the steps",
    );
  });
});

test('a declared output: columns by name, others left out, missing ones NULL', async () => {
  const schema = {
    columns: { tenant: 'dictionary', user: 'string?', kind: 'string?', more: 'json?', id: 'string' },
    tenant: 'tenant',
  };
  const { rows } = await once({ out: { from: 'events', schema } }, [event(1, { user: 'u', kind: 'click', clicks: 4 })]);
  expect(rows).toEqual([{ tenant: 't1', user: 'u', kind: 'click', id: uuid(1) }]);
});
