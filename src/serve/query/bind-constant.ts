/** Binds what is the same for every row: constants, and the time of the query. */
import { stringField, type Fields, type Node } from './ast.js';
import type { Binder } from './binder.js';
import { literal, plainDecimal, scaleOf, typedLiteral } from './coerce.js';
import type { Bound } from './tree.js';
import { numericOf, typeOf } from './types.js';

/** A literal of the statement. */
export function bindConstant(binder: Binder, node: Node): Bound {
  const { fields } = node;
  if (fields['isnull'] === true) return literal(null, typeOf('unknown'));
  const part = (name: string, field: string): unknown => (fields[name] as Fields | undefined)?.[field];
  if ('sval' in fields) return literal(String(part('sval', 'sval') ?? ''), typeOf('unknown'));
  if ('ival' in fields) return literal(String(part('ival', 'ival') ?? 0), typeOf('integer'));
  if ('boolval' in fields) return literal(part('boolval', 'boolval') === true, typeOf('boolean'));
  if ('fval' in fields) {
    const text = String(part('fval', 'fval') ?? '0');
    // Whole numbers beyond 32 bits come as floats.
    if (/^\d{1,19}$/.test(text) && BigInt(text) < 1n << 63n) return literal(text, typeOf('bigint'));
    const plain = plainDecimal(text);
    if (plain === null)
      return binder.statement.fail(
        'SQL_TYPE',
        `numeric ${text} has more than 38 digits`,
        fields,
        'cast a text to double precision',
      );
    return literal(plain, numericOf(scaleOf(plain)));
  }
  return binder.statement.refuse('this constant', fields);
}

/** CURRENT_TIMESTAMP and its kind: one moment for the whole query. */
export function bindNow(binder: Binder, node: Node): Bound {
  switch (stringField(node.fields, 'op')) {
    case 'SVFOP_CURRENT_TIMESTAMP':
      return binder.now();
    case 'SVFOP_CURRENT_DATE':
      return typedLiteral(binder.nowText.slice(0, 10), typeOf('date'));
    case 'SVFOP_LOCALTIMESTAMP':
      return typedLiteral(binder.nowText, typeOf('timestamp'));
    default:
      return binder.statement.refuse(stringField(node.fields, 'op'), node.fields);
  }
}
