/** From the functions of an OVER to the parts that compute them. */
import { findAggregate, findOrdered } from '../../../../sql/aggregates/index.js';
import { literalValue } from '../../../../sql/evaluate.js';
import type { Expression } from '../../../../sql/plan.js';
import type { Over, OverSpec } from '../../../../sql/relation/relation.js';
import type { Value } from '../../../../sql/value.js';
import { compileCondition, compileExpression, compileRow } from '../../expressions.js';
import { keyFunction } from '../../keys.js';
import type { Row } from '../../operator.js';
import { orderComparator } from '../../order.js';
import { valueCodec } from '../../rows.js';
import { distinctAggregator } from './distinct.js';
import { frameBounds } from './frame-bounds.js';
import { AggregateMember, exclusion, ValueMember, type FrameMember, type IsExcluded } from './frame-members.js';
import { FramePart } from './frame-part.js';
import { OffsetPart } from './offset.js';
import { OrderedPart } from './ordered-part.js';
import type { Part } from './part.js';
import { NumberingPart, SharePart } from './ranking.js';
import type { FrameAggregate } from './sliding.js';

const DAY_MS = 86_400_000;

/** Told of a row whose value can't be computed. */
export type Failed = (row: Row, error: unknown) => void;

/** The parts of an OVER. Throws where a function can't be run. */
export function partsOf(over: Over, failed: Failed): Part[] {
  const width = over.input.fields.length;
  const compare = orderComparator(over.order);
  const isPeer = (a: Row, b: Row): boolean => compare(a, b) === 0;
  const parts: unknown[] = [];
  const frames = new Map<string, { spec: OverSpec; members: { output: number; member: FrameMember }[] }>();
  for (const [output, spec] of over.functions.entries()) {
    switch (spec.name) {
      case 'row_number':
      case 'rank':
      case 'dense_rank':
        parts.push(new NumberingPart(spec.name, output, width, isPeer));
        break;
      case 'percent_rank':
      case 'cume_dist':
      case 'ntile': {
        const argument = spec.args[0] === undefined ? null : compileExpression(spec.args[0]);
        parts.push(new SharePart({ name: spec.name, argument }, output, isPeer, failed));
        break;
      }
      case 'lag':
      case 'lead':
        parts.push(offsetPart(spec, output, failed));
        break;
      default: {
        const ordered = orderedPart(over, spec, output, failed);
        if (ordered !== null) {
          parts.push(ordered);
          break;
        }
        const name = JSON.stringify(spec.frame);
        const frame = frames.get(name) ?? { spec, members: [] };
        frames.set(name, frame);
        frame.members.push({ output, member: memberOf(spec, exclusion(spec.frame.exclude, isPeer)) });
      }
    }
  }
  for (const { spec, members } of frames.values())
    parts.push(new FramePart(spec.frame, frameBounds(spec.frame, over.order), members, failed));
  // A part hands its own states back to itself alone.
  return parts as Part[];
}

function constantOf(expression: Expression): Value | undefined {
  return expression.kind === 'literal' ? literalValue(expression.value, expression.type) : undefined;
}

function offsetPart({ name, args, ignoreNulls }: OverSpec, output: number, failed: Failed): OffsetPart {
  const [value, by, otherwise] = args;
  const sign = name === 'lag' ? 1 : -1;
  const distanceOf = by === undefined ? () => 1 : compileExpression(by);
  const constant = by === undefined ? 1 : constantOf(by);
  const spec = {
    value: compileExpression(value!),
    constant: constant === undefined ? null : sign * ((constant ?? 0) as number),
    distance: (row: Row) => {
      const distance = distanceOf(row) as number | null;
      return distance === null ? null : sign * distance;
    },
    otherwise: otherwise === undefined ? () => null : compileExpression(otherwise),
    ignoreNulls,
  };
  return new OffsetPart(spec, output, failed);
}

function memberOf(spec: OverSpec, isExcluded: IsExcluded | null): FrameMember {
  const { name, args, ignoreNulls } = spec;
  if (name !== 'first_value' && name !== 'last_value' && name !== 'nth_value')
    return new AggregateMember(frameAggregate(spec), isExcluded, !spec.distinct) as FrameMember;
  const [value, position] = args;
  const constant = position === undefined ? 1 : constantOf(position);
  const nth = name === 'last_value' ? null : position === undefined ? () => 1 : compileExpression(position);
  return new ValueMember(
    {
      value: compileExpression(value!),
      ignoreNulls,
      nth,
      nthMax: nth === null ? 0 : constant === undefined ? null : Number(constant ?? 0),
    },
    isExcluded,
    valueCodec(value!.type),
  ) as FrameMember;
}

const NO_ARGS: readonly Value[] = [];

function frameAggregate({ name, args, distinct, filter }: OverSpec): FrameAggregate {
  const types = args.map(({ type }) => type);
  const definition = findAggregate(name, types);
  if (definition === undefined) throw new Error(`no function ${name}(${types.join(', ')}) runs over a window`);
  const constants = args.slice(args.length - (definition.constants ?? 0)).map((arg) => constantOf(arg) ?? null);
  const inner = definition.create(types, constants);
  const isDistinct = distinct && definition.idempotent !== true;
  const keyOf = keyFunction([...types.keys()], types);
  return {
    aggregator: isDistinct ? distinctAggregator(inner, keyOf) : inner,
    argsOf: argumentsOf(args, filter, definition.nulls !== true),
  };
}

/** The arguments of a row; null where it does not count. */
function argumentsOf(
  args: readonly Expression[],
  filter: Expression | null,
  skipsNulls: boolean,
): (row: Row) => readonly Value[] | null {
  const takes = filter === null ? () => true : compileCondition(filter);
  if (args.length === 0) return filter === null ? () => NO_ARGS : (row) => (takes(row) ? NO_ARGS : null);
  const [first] = args;
  if (args.length === 1 && first!.kind === 'column') {
    const { index } = first!;
    const values: Value[] = [null];
    return (row) => {
      const value = row[index]!;
      if ((skipsNulls && value === null) || !takes(row)) return null;
      values[0] = value;
      return values;
    };
  }
  const valuesOf = compileRow(args);
  return (row) => {
    if (!takes(row)) return null;
    const values = valuesOf(row);
    return skipsNulls && values.includes(null) ? null : values;
  };
}

function orderedPart(over: Over, { name, args, filter }: OverSpec, output: number, failed: Failed): OrderedPart | null {
  const types = args.map(({ type }) => type);
  const definition = findOrdered(name, types);
  if (definition === undefined) return null;
  const constants = args.slice(args.length - (definition.constants ?? 0)).map((arg) => constantOf(arg) ?? null);
  const first = over.order[0]?.expression;
  const isTime = first !== undefined && ['timestamptz', 'timestamp', 'date'].includes(first.type);
  const valueOf = isTime ? compileExpression(first) : () => null;
  const scale = first?.type === 'date' ? DAY_MS : 1;
  const spec = {
    ordered: definition.create(types, constants),
    argsOf: compileRow(args),
    takes: filter === null ? () => true : compileCondition(filter),
    timeOf: (row: Row) => {
      const value = valueOf(row) as number | null;
      return value === null ? Number.NaN : value * scale;
    },
  };
  return new OrderedPart(spec, output, failed);
}
