/** Digits after the point that a relation's numeric field always has, and the bits that its units take. */
import { DECIMAL_SCALE } from '../../event/schema.js';
import type { Expression } from '../plan.js';
import { staticBits, staticScale } from '../scale.js';
import { visit } from '../walk.js';
import type { Relation } from './relation.js';

/** What is known of a numeric field beforehand. */
export interface NumericShape {
  readonly scale: number;
  /** Bits of its units, the sign apart; undefined where they have no bound. */
  readonly bits: number | undefined;
}

/** A stream's decimals: 64 bits of millionths. */
const COLUMN: NumericShape = { scale: DECIMAL_SCALE, bits: 63 };

/** The shape of a numeric field; null where rows differ. */
export function numericShape(relation: Relation, field: number): NumericShape | null {
  switch (relation.kind) {
    case 'scan':
      return COLUMN;
    case 'filter':
    case 'top':
    case 'window':
    case 'expand':
      return field < relation.input.fields.length ? numericShape(relation.input, field) : null;
    case 'over': {
      const width = relation.input.fields.length;
      if (field < width) return numericShape(relation.input, field);
      const { args, name } = relation.functions[field - width]!;
      return ADDING.includes(name) && args[0] !== undefined ? ofExpression(relation.input, args[0]) : null;
    }
    case 'project':
      return ofExpression(relation.input, relation.expressions[field]!);
    case 'aggregate': {
      const key = relation.keys[field];
      if (key !== undefined) return ofExpression(relation.input, key);
      const spec = relation.aggregates[field - relation.keys.length];
      const arg = spec?.args[0];
      if (spec === undefined || arg === undefined || !ADDING.includes(spec.name)) return null;
      // A sum counts as one of its addends: it is what people expect to fit.
      return arg.type === 'bigint' || arg.type === 'integer'
        ? { scale: 0, bits: 63 }
        : ofExpression(relation.input, arg);
    }
    case 'join': {
      const width = relation.left.fields.length;
      return field < width ? numericShape(relation.left, field) : numericShape(relation.right, field - width);
    }
    default:
      return null;
  }
}

/** Functions whose value has the shape of their argument. */
const ADDING = ['sum', 'min', 'max', 'lag', 'lead', 'first_value', 'last_value', 'nth_value'];

/** The shape of an expression whose numeric columns are all as a stream has them. */
function ofExpression(input: Relation, expression: Expression): NumericShape | null {
  if (expression.kind === 'column') return numericShape(input, expression.index);
  let isPlain = true;
  visit(expression, (node) => {
    if (node.kind !== 'column' || node.type !== 'numeric') return;
    const shape = numericShape(input, node.index);
    if (shape === null || shape.scale !== COLUMN.scale || shape.bits !== COLUMN.bits) isPlain = false;
  });
  const scale = isPlain ? staticScale(expression) : undefined;
  return scale === undefined ? null : { scale, bits: staticBits(expression) };
}
