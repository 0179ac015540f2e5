/** Lengths of time that a query must give as constants. */
import type { Node } from 'libpg-query';
import { MillraceError } from '../../util/errors.js';
import { bindError } from '../context.js';
import { fixedLengthMs, parseInterval } from '../interval.js';
import { locationOf } from '../tree.js';
import type { QuerySource } from './catalog.js';

const UNIT_BITS: Readonly<Record<number, string>> = { 8: 'day', 1024: 'hour', 2048: 'minute', 4096: 'second' };

/**
 * A constant interval in ms. `what` names it in errors.
 *
 * @throws SQL_TYPE for anything else, SQL_UNSUPPORTED for months and years, which differ in length.
 */
export function lengthMs(source: QuerySource, node: Node, what: string): number {
  const arg = 'TypeCast' in node ? node.TypeCast.arg : node;
  const type = 'TypeCast' in node ? node.TypeCast.typeName?.names?.at(-1) : undefined;
  const constant = arg !== undefined && 'A_Const' in arg ? arg.A_Const.sval?.sval : undefined;
  const isInterval = type === undefined || ('String' in type && type.String.sval === 'interval');
  if (constant === undefined || !isInterval) {
    throw bindError(
      source,
      'SQL_TYPE',
      `${what} must be a constant interval`,
      locationOf(node),
      "Write INTERVAL '1 minute'.",
    );
  }
  const modifiers = 'TypeCast' in node ? (node.TypeCast.typeName?.typmods ?? []) : [];
  const [modifier] = modifiers;
  const bits = modifier !== undefined && 'A_Const' in modifier ? modifier.A_Const.ival?.ival : undefined;
  const field = bits === undefined ? undefined : UNIT_BITS[bits];
  if (modifiers.length > 0 && field === undefined) {
    throw bindError(
      source,
      'SQL_UNSUPPORTED',
      'this interval qualifier is not supported',
      locationOf(node),
      "Write the units in the text: INTERVAL '1 minute'.",
    );
  }
  try {
    const length = fixedLengthMs(parseInterval(constant, field));
    if (length !== undefined) return length;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw bindError(source, 'SQL_TYPE', error.message, locationOf(node), "Write INTERVAL '1 minute'.");
  }
  throw bindError(
    source,
    'SQL_UNSUPPORTED',
    `${what} cannot be in months or years: they differ in length`,
    locationOf(node),
    "Write days: INTERVAL '30 days'.",
  );
}
