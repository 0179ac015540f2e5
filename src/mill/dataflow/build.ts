/**
 * From a relation to a tree of operators.
 *
 * `OPERATORS` has a factory for each kind of relation. A factory makes the operator and says which
 * relations feed it: as a rule the relation's inputs; one that does the work of the relations below
 * as well (an aggregate over a window) names theirs.
 */
import type { Relation } from '../../sql/relation/relation.js';
import type { DataflowContext, Deltas, Operator, Output } from './operator.js';
import { inputsOf } from '../../sql/relation/walk-relation.js';
import { countOf } from './block.js';
import { aggregateOperator } from './operators/aggregate.js';
import { filterOperator, projectOperator } from './operators/row-wise.js';
import { expandOperator } from './operators/expand.js';
import { joinOperator } from './operators/join.js';
import { overOperator } from './operators/over/over-operator.js';
import { scanOperator } from './operators/scan.js';
import { setOperator } from './operators/set-operation.js';
import { topOperator } from './operators/top.js';
import { unionOperator } from './operators/union.js';
import { valuesOperator } from './operators/values.js';
import { waitsMs } from './waits.js';
import { windowOperator } from './operators/window-rows.js';

/** What an operator is made with. */
export interface OperatorScope {
  readonly context: DataflowContext;
  /** A name that no other operator of the dataflow has: its tables are named with it, `${path}.rows`. */
  readonly path: string;
  /** Where it passes its rows on. */
  readonly output: Output;
}

/** An operator and the relations that feed it, by input; left out: the relation's inputs. */
export interface BuiltOperator {
  readonly operator: Operator;
  readonly inputs?: readonly Relation[];
}

/** Makes the operator of a relation of one kind. Throws where the relation can't be run. */
export type OperatorFactory<K extends Relation['kind']> = (
  relation: Extract<Relation, { kind: K }>,
  scope: OperatorScope,
) => BuiltOperator;

/** Every kind of relation that can be run. */
const OPERATORS: { readonly [K in Relation['kind']]?: OperatorFactory<K> } = {
  scan: scanOperator,
  values: valuesOperator,
  filter: filterOperator,
  project: projectOperator,
  union: unionOperator,
  join: joinOperator,
  over: overOperator,
  top: topOperator,
  intersect: setOperator,
  except: setOperator,
  expand: expandOperator,
  aggregate: aggregateOperator,
  window: windowOperator,
};

/** An operator of a dataflow. */
export interface OperatorNode {
  readonly operator: Operator;
  /** Takes rows at an input and counts them. */
  take(input: number, deltas: Deltas): void;
  /** Rows taken so far. */
  rows: number;
}

/** A dataflow's operators. */
export interface OperatorTree {
  /** Every operator after all that feed it: the order in which they are flushed and advanced. */
  readonly nodes: readonly OperatorNode[];
  /** Where rows of a source come in. */
  readonly sources: readonly { readonly source: string; readonly node: OperatorNode }[];
}

/** Makes the operators of a relation; `output` takes what the root passes on. */
export function buildOperators(relation: Relation, context: DataflowContext, output: Output): OperatorTree {
  const nodes: OperatorNode[] = [];
  const sources: { source: string; node: OperatorNode }[] = [];
  const build = (of: Relation, path: string, target: Output): void => {
    const factory = OPERATORS[of.kind] as OperatorFactory<Relation['kind']> | undefined;
    if (factory === undefined) throw new Error(`no operator runs '${of.kind}'`);
    const waits = waitsMs(of);
    const own = waits === 0 ? context : { ...context, allowedLatenessMs: context.allowedLatenessMs + waits };
    const { operator, inputs } = factory(of as never, { context: own, path, output: target });
    const node = counted(operator);
    for (const [i, input] of (inputs ?? inputsOf(of)).entries())
      build(input, `${path}.${i}`, (deltas) => node.take(i, deltas));
    nodes.push(node);
    if (of.kind === 'scan') sources.push({ source: of.source, node });
  };
  build(relation, '0', output);
  return { nodes, sources };
}

function counted(operator: Operator): OperatorNode {
  const node: OperatorNode = {
    operator,
    rows: 0,
    take: (input, deltas) => {
      node.rows += countOf(deltas);
      operator.take(input, deltas);
    },
  };
  return node;
}
