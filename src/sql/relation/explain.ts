/** A relation as text, a line an operator: what EXPLAIN prints. */
import type { Expression } from '../plan.js';
import type { FrameBound, OrderItem, Relation, WindowSpec } from './relation.js';
import { inputsOf } from './walk-relation.js';

/** The lines of a plan, inputs indented under what reads them. */
export function explainRelation(relation: Relation, depth = 0): string[] {
  const line = `${'  '.repeat(depth)}${describe(relation)}`;
  return [line, ...inputsOf(relation).flatMap((input) => explainRelation(input, depth + 1))];
}

function describe(relation: Relation): string {
  switch (relation.kind) {
    case 'scan': {
      const columns = relation.fields.map((field) => field.name).join(', ');
      return `Scan ${relation.source} (${columns})${relation.key === null ? '' : ' table'}${relation.late ? ' late' : ''}`;
    }
    case 'values':
      return `Values ${relation.rows.length}`;
    case 'filter':
      return `Filter ${print(relation.condition)}`;
    case 'project':
      return `Project ${relation.expressions.map(print).join(', ')}`;
    case 'window':
      return `Window ${windowText(relation.window)} of ${relation.input.fields[relation.time]!.name}${relation.late ? ' late' : ''}`;
    case 'aggregate': {
      const sets = relation.sets === null ? '' : ` sets ${JSON.stringify(relation.sets)}`;
      const end = relation.windowEnd === null ? '' : ` until ${relation.fields[relation.windowEnd]!.name}`;
      return `Aggregate by [${relation.keys.map(print).join(', ')}]${sets} ${relation.aggregates.map(call).join(', ')}${end}`;
    }
    case 'join':
      return joinText(relation);
    case 'over':
      return `Over ${relation.functions.map(overText).join(', ')} partition [${relation.partition.map(print).join(', ')}] order [${orderText(relation.order)}]`;
    case 'top': {
      const end = relation.windowEnd === null ? '' : ` until ${relation.fields[relation.windowEnd]!.name}`;
      const number = relation.numbered ? ' numbered' : '';
      return `Top ${relation.ranking} ${relation.offset}..${relation.limit ?? ''} partition [${relation.partition.map(print).join(', ')}] order [${orderText(relation.order)}]${number}${end}`;
    }
    case 'expand':
      return `Expand ${relation.calls.map(({ name, args }) => `${name}(${args.map(print).join(', ')})`).join(', ')}`;
    case 'union':
      return 'Union all';
    case 'intersect':
    case 'except':
      return `${relation.kind === 'except' ? 'Except' : 'Intersect'}${relation.all ? ' all' : ''}`;
  }
}

function joinText(join: Extract<Relation, { kind: 'join' }>): string {
  const pairs = join.equal.map(
    ({ left, right, nullSafe }) => `${print(left)} ${nullSafe ? '<=>' : '='} ${print(right)}`,
  );
  const rest = join.condition === null ? '' : ` where ${print(join.condition)}`;
  const bound = join.bound === null ? '' : ` within ${join.bound.lowMs ?? '-inf'}..${join.bound.highMs ?? 'inf'} ms`;
  const window = join.windowEnd === null ? '' : ' in a window';
  const mode = join.mode.kind === 'both' ? '' : ` ${join.mode.kind}`;
  return `Join ${join.type}${mode} on [${pairs.join(', ')}]${rest}${bound}${window}`;
}

function windowText(window: WindowSpec): string {
  const keys = 'keys' in window && window.keys.length > 0 ? ` by [${window.keys.map(print).join(', ')}]` : '';
  switch (window.kind) {
    case 'tumble':
      return `tumble ${window.sizeMs} ms${window.offsetMs === 0 ? '' : ` offset ${window.offsetMs} ms`}`;
    case 'hop':
      return `hop ${window.slideMs}/${window.sizeMs} ms`;
    case 'cumulate':
      return `cumulate ${window.stepMs}/${window.sizeMs} ms`;
    case 'session':
      return `session ${window.gapMs} ms${keys}`;
    case 'stagger':
      return `stagger ${window.sizeMs} ms${keys}`;
  }
}

function orderText(order: readonly OrderItem[]): string {
  return order
    .map(({ expression, descending, nullsFirst }) => {
      const nulls = nullsFirst === descending ? '' : nullsFirst ? ' nulls first' : ' nulls last';
      return `${print(expression)}${descending ? ' desc' : ''}${nulls}`;
    })
    .join(', ');
}

interface Call {
  readonly name: string;
  readonly args: readonly Expression[];
  readonly distinct: boolean;
  readonly filter: Expression | null;
}

function call({ args, distinct, filter, name }: Call): string {
  const inside = args.length === 0 && name === 'count' ? '*' : args.map(print).join(', ');
  return `${name}(${distinct ? 'distinct ' : ''}${inside})${filter === null ? '' : ` filter ${print(filter)}`}`;
}

function overText(spec: Extract<Relation, { kind: 'over' }>['functions'][number]): string {
  const { mode, start, end } = spec.frame;
  const isDefault = mode === 'range' && start.kind === 'unboundedPreceding' && end.kind === 'currentRow';
  return `${call(spec)}${isDefault ? '' : ` ${mode} ${boundText(start)}..${boundText(end)}`}`;
}

function boundText(bound: FrameBound): string {
  return 'offset' in bound ? `${bound.offset} ${bound.kind}` : bound.kind;
}

/** An expression in words near to SQL. */
export function print(expression: Expression): string {
  switch (expression.kind) {
    case 'column':
      return `${expression.name}#${expression.index}`;
    case 'literal':
      return literalText(expression.value);
    case 'call':
      return /^[a-z]/i.test(expression.name) || expression.args.length !== 2
        ? `${expression.name}(${expression.args.map(print).join(', ')}${expression.name === 'cast' ? ` as ${expression.type}` : ''})`
        : `(${print(expression.args[0]!)} ${expression.name} ${print(expression.args[1]!)})`;
    case 'and':
    case 'or':
      return `(${expression.args.map(print).join(` ${expression.kind} `)})`;
    case 'not':
      return `not ${print(expression.arg)}`;
    case 'isNull':
      return `${print(expression.arg)} is ${expression.negated ? 'not ' : ''}null`;
    case 'case': {
      const branches = expression.branches.map(({ when, result }) => `when ${print(when)} then ${print(result)}`);
      return `case ${branches.join(' ')} else ${print(expression.otherwise)} end`;
    }
    default:
      return expression.kind;
  }
}

function literalText(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}
