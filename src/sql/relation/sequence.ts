/**
 * `SEQUENCE(stream, event_time, within, keys, a => …, b => …, not_c => …)`: for each row that is an `a`, the first
 * `b` of the same key behind it, and no `c` then, all within a time of the `a`. It is what MATCH_RECOGNIZE is mostly used for.
 *
 * Each step but the first is a join by time: a step that must come takes the nearest row behind the one before it
 * (ASOF), a step that must not come bars the match (anti join): between its neighbours, or, as the last, up to the end.
 *
 * Fields: the keys; of each step that comes its columns, named `<step>_<column>`; `sequence_end`, the time at which
 * it is decided: the first row's time and `within`.
 */
import type { FuncCall, Node } from 'libpg-query';
import { bindCondition } from '../bind.js';
import { bindOperator, makeCall } from '../bind-call.js';
import { bindError, literal } from '../context.js';
import type { Expression } from '../plan.js';
import { allOf, columnOf, shifted } from './columns.js';
import { joinOf } from './join-of.js';
import { lengthMs } from './lengths.js';
import type { QueryContext } from './query-context.js';
import type { Field, Relation } from './relation.js';
import { scopeOf } from './scope.js';
import { scopeContext } from './scope-context.js';
import { planInput, timeField, windowKeys } from './windows.js';

/** How it is written. */
export const SEQUENCE_SYNTAX =
  "SEQUENCE(stream, event_time, within INTERVAL '1 hour', keys, first => condition, then_name => condition, not_name => condition)";

/** Most steps. */
const STEPS_MAX = 16;

interface Step {
  readonly name: string;
  readonly isBarred: boolean;
  readonly condition: Node;
}

/** A match so far: where the fields of its steps are. */
interface Match {
  readonly relation: Relation;
  /** Steps that came, with their first field. */
  readonly steps: readonly { readonly name: string; readonly at: number }[];
}

/** Plans the call. Throws SQL_* with what to write. */
export function planSequence(context: QueryContext, call: FuncCall): Relation {
  const { source } = context;
  const args = call.args ?? [];
  const steps = args.flatMap((node) => ('NamedArgExpr' in node ? [stepOf(node.NamedArgExpr)] : []));
  const plain = args.filter((node) => !('NamedArgExpr' in node));
  const [inputNode, timeNode, withinNode, ...keyNodes] = plain;
  const refuse = (message: string): Error =>
    bindError(source, 'SQL_TYPE', message, call.location, `Write ${SEQUENCE_SYNTAX}.`);
  if (inputNode === undefined || timeNode === undefined || withinNode === undefined || keyNodes.length === 0)
    throw refuse('SEQUENCE takes a stream, its time, a length of time and a key before its steps');
  if (steps.length < 2 || steps.length > STEPS_MAX || steps[0]!.isBarred)
    throw refuse(`SEQUENCE takes 2 to ${STEPS_MAX} steps, the first of which comes`);
  const { relation: input } = planInput(context, inputNode, 'sequence', `Write ${SEQUENCE_SYNTAX}.`);
  const time = timeField(context, input, timeNode, `Write ${SEQUENCE_SYNTAX}.`);
  const withinMs = lengthMs(source, withinNode, 'The length of a sequence');
  if (!(withinMs > 0)) throw refuse('the length of a sequence must be more than 0');
  const keys = windowKeys(context, keyNodes, input);
  const builder = new SequenceBuilder(context, input, time, withinMs, keys);
  return builder.build(steps);
}

function stepOf(arg: { readonly name?: string; readonly arg?: Node }): Step {
  const name = arg.name ?? '';
  const isBarred = name.startsWith('not_');
  return { name: isBarred ? name.slice(4) : name, isBarred, condition: arg.arg! };
}

class SequenceBuilder {
  readonly #context: QueryContext;
  readonly #input: Relation;
  readonly #time: number;
  readonly #within: Expression;
  readonly #keys: readonly Expression[];

  constructor(context: QueryContext, input: Relation, time: number, withinMs: number, keys: readonly Expression[]) {
    this.#context = context;
    this.#input = input;
    this.#time = time;
    this.#within = literal({ months: 0, days: 0, ms: withinMs }, 'interval');
    this.#keys = keys;
  }

  build(steps: readonly Step[]): Relation {
    const [first, ...rest] = steps;
    let match: Match = { relation: this.#rows(first!), steps: [{ name: first!.name, at: 0 }] };
    const barred: Step[] = [];
    for (const step of rest) {
      if (step.isBarred) {
        barred.push(step);
        continue;
      }
      const before = match;
      match = this.#then(match, step);
      for (const bar of barred.splice(0)) match = this.#without(match, bar, before);
    }
    for (const bar of barred) match = this.#without(match, bar, null);
    return this.#shown(match);
  }

  /** The rows that are a step. */
  #rows({ condition }: Step): Relation {
    const binder = scopeContext(this.#context, scopeOf('', this.#input.fields));
    const bound = bindCondition(binder, condition, 'SEQUENCE');
    return { kind: 'filter', fields: this.#input.fields, input: this.#input, condition: bound };
  }

  #timeOf({ relation }: Match, at: number): Expression {
    return columnOf(relation.fields, at + this.#time);
  }

  #compare(name: string, a: Expression, b: Expression): Expression {
    return bindOperator(scopeContext(this.#context, { columns: [], fields: [] }), name, [a, b], undefined);
  }

  #end(time: Expression): Expression {
    const binder = scopeContext(this.#context, { columns: [], fields: [] });
    return makeCall(binder, '+', [time, this.#within], time.type, undefined);
  }

  /** What holds of a match and a further row: same keys, and in time of the first row and of the last. */
  #inTime(match: Match, right: Relation): Expression[] {
    const width = match.relation.fields.length;
    const time = shifted(columnOf(right.fields, this.#time), width);
    const last = match.steps.at(-1)!;
    const times = [...new Set([0, last.at])].map((at) => this.#compare('<=', time, this.#end(this.#timeOf(match, at))));
    return [...this.#keys.map((key) => this.#compare('=', key, shifted(key, width))), ...times];
  }

  #then(match: Match, step: Step): Match {
    const right = this.#rows(step);
    const width = match.relation.fields.length;
    const last = this.#timeOf(match, match.steps.at(-1)!.at);
    const join = joinOf(match.relation, right, 'inner', allOf(this.#inTime(match, right)));
    const relation: Relation = {
      ...join,
      mode: { kind: 'asOf', left: last, right: columnOf(right.fields, this.#time), comparison: '<' },
    };
    return { relation, steps: [...match.steps, { name: step.name, at: width }] };
  }

  /** Leaves out matches for which a row comes: between `before` and its last step, or up to the end. */
  #without(match: Match, step: Step, before: Match | null): Match {
    const right = this.#rows(step);
    const width = match.relation.fields.length;
    const time = shifted(columnOf(right.fields, this.#time), width);
    const from = (before ?? match).steps.at(-1)!.at;
    const parts = this.#inTime({ ...match, steps: match.steps.filter(({ at }) => at <= from) }, right);
    parts.push(this.#compare('>', time, this.#timeOf(match, from)));
    if (before !== null) parts.push(this.#compare('<', time, this.#timeOf(match, match.steps.at(-1)!.at)));
    return { ...match, relation: joinOf(match.relation, right, 'anti', allOf(parts)) };
  }

  #shown({ relation, steps }: Match): Relation {
    const fields: Field[] = [];
    const expressions: Expression[] = [];
    const add = (name: string, expression: Expression): void => {
      fields.push({ name, type: expression.type, nullable: expression.kind !== 'column' || expression.nullable });
      expressions.push(expression);
    };
    for (const key of this.#keys) add((key as { name: string }).name, key);
    for (const { at, name } of steps)
      this.#input.fields.forEach((field, i) => add(`${name}_${field.name}`, columnOf(relation.fields, at + i)));
    add('sequence_end', this.#end(columnOf(relation.fields, this.#time)));
    return { kind: 'project', fields, input: relation, expressions };
  }
}
