import { describe, expect, test } from 'vitest';
import { aggregateTable, findAggregate, isAggregateName } from '../../../src/sql/aggregates/index.js';
import type { BindingType } from '../../../src/sql/types.js';

/** Name and arguments, and the parameters and the result that are meant; null: none. */
const CALLS: readonly (readonly [string, readonly BindingType[], string | null])[] = [
  ['count', [], '() bigint'],
  ['count', ['json'], '(json) bigint'],
  ['sum', ['integer'], '(integer) bigint'],
  ['sum', ['bigint'], '(bigint) numeric'],
  ['sum', ['interval'], '(interval) interval'],
  ['sum', ['text'], null],
  ['avg', ['unknown'], null],
  ['min', ['unknown'], '(text) text'],
  ['min', ['date'], '(date) date'],
  ['min', ['boolean'], null],
  ['max', ['uuid'], null],
  ['corr', ['integer', 'numeric'], '(double precision, double precision) double precision'],
  ['percentile_cont', ['bigint', 'numeric'], '(double precision, double precision) double precision'],
  ['percentile_cont', ['interval', 'numeric'], '(interval, double precision) interval'],
  ['percentile_disc', ['bigint', 'numeric'], '(bigint, double precision) bigint'],
  ['sum', ['time'], '(interval) interval'],
  ['avg', ['real'], '(real) double precision'],
  ['min', ['numeric[]'], '(numeric[]) numeric[]'],
  ['percentile_disc', ['date', 'numeric[]'], '(date, double precision[]) date[]'],
  ['array_agg', ['uuid'], '(uuid) uuid[]'],
  ['string_agg', ['text', 'unknown'], '(text, text) text'],
  ['string_agg', ['text'], null],
  ['array_agg', ['text'], '(text) text[]'],
  ['first_value', ['uuid'], '(uuid) uuid'],
  ['json_object_agg', ['text', 'json'], '(text, json) json'],
  ['lower', ['text'], null],
];

describe('the aggregate that a call means', () => {
  test.each(CALLS)('%s(%j): %s', (name, args, expected) => {
    const found = aggregateTable.resolve(name, args);
    if (expected === null) {
      expect(found).toHaveProperty('error');
      expect(findAggregate(name, args)).toBeUndefined();
      return;
    }
    if (!('overload' in found)) throw new Error(found.error);
    const { definition, params } = found.overload;
    const result = typeof definition.result === 'function' ? definition.result(params) : definition.result;
    expect(`(${params.join(', ')}) ${result}`).toBe(expected);
    expect(findAggregate(name, args)).toBe(definition);
  });

  test('names, overloads and help', () => {
    expect(isAggregateName('sum')).toBe(true);
    expect(isAggregateName('lower')).toBe(false);
    expect(aggregateTable.overloads('sum').map(({ params }) => params[0])).toEqual([
      'smallint',
      'integer',
      'bigint',
      'numeric',
      'real',
      'double precision',
      'interval',
    ]);
    for (const { help } of aggregateTable.all()) expect(help).toMatch(/^[A-Z].*\.$/);
  });
});
