/** The types of functions, from schemas. The type check of the tests is what fails here. */
import { adEvents, defineBatchTransform, defineSchema, defineTransform, type EventInput, type EventOf } from 'millrace';
import { expectTypeOf, test } from 'vitest';

const schema = defineSchema({
  columns: {
    id: 'uuid',
    tenant: 'dictionary',
    at: 'timestamp',
    note: 'string?',
    count: { type: 'int64', nullable: true },
    cost: { type: 'decimal' },
    ratio: 'double?',
    labels: 'list?',
    on: 'boolean',
    raw: 'bytes?',
    props: 'json?',
  },
  tenant: 'tenant',
});

test('an event has the columns of its schema', () => {
  expectTypeOf<EventOf<typeof schema>>().toEqualTypeOf<{
    id: string;
    tenant: string;
    at: number;
    note: string | null;
    count: number | string | null;
    cost: string;
    ratio: number | null;
    labels: string[] | null;
    on: boolean;
    raw: string | null;
    props: unknown;
    received_at: number;
  }>();
});

test('what comes back may leave out what may be null, and nothing else', () => {
  type Input = EventInput<typeof schema>;
  expectTypeOf<{ id: string; tenant: string; at: Date; cost: number; on: boolean }>().toExtend<Input>();
  expectTypeOf<EventOf<typeof schema>>().toExtend<Input>();
  expectTypeOf<{ id: string; tenant: string; at: Date; on: boolean }>().not.toExtend<Input>();
  expectTypeOf<{ id: string; tenant: string; at: Date; cost: boolean; on: boolean }>().not.toExtend<Input>();
});

test('a function knows its event, with the columns that were added to the ready ones', () => {
  defineTransform(adEvents({ plan: 'dictionary?', user_id: 'int64' }), (event, ctx) => {
    expectTypeOf(event.event_type).toEqualTypeOf<string>();
    expectTypeOf(event.cost).toEqualTypeOf<string | null>();
    expectTypeOf(event.plan).toEqualTypeOf<string | null>();
    expectTypeOf(event.user_id).toEqualTypeOf<number | string>();
    expectTypeOf(ctx.receivedAt).toEqualTypeOf<number>();
    // @ts-expect-error There is no such column.
    if (event.nothing === 1) return null;
    return [event, { ...event, plan: null }];
  });
  // @ts-expect-error A tenant is no number.
  defineTransform(adEvents(), (event) => ({ ...event, tenant_id: null }));
  // @ts-expect-error A forgotten return drops nothing.
  defineTransform(adEvents(), async (event) => void event.cost);
  defineTransform({ input: adEvents(), output: schema }, async (event) => ({
    id: event.event_id,
    tenant: event.tenant_id,
    at: event.event_time,
    cost: event.cost ?? 0,
    on: true,
  }));
});

test('a function over batches knows the columns', () => {
  defineBatchTransform(schema, (batch) => {
    expectTypeOf(batch.values('count')).toEqualTypeOf<(number | string | null)[]>();
    // @ts-expect-error There is no such column.
    batch.values('nothing');
    return batch.set('ratio', batch.numbers('cost'));
  });
});
