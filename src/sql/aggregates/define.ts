import type { AggregateDefinition, Aggregator, OrderedDefinition, OrderedFunction } from './definition.js';
import type { SqlType } from '../plan.js';
import type { Value } from '../value.js';

/** An aggregate with a state of one type. */
type Typed<State> = Omit<AggregateDefinition, 'create'> & {
  create(args: readonly SqlType[], constants: readonly Value[]): Aggregator<State>;
};

/** An ordered function with a state of one type. */
type TypedOrdered<State> = Omit<OrderedDefinition, 'create'> & {
  create(args: readonly SqlType[], constants: readonly Value[]): OrderedFunction<State>;
};

/** An entry of the registry: whoever made a state hands it back, so its type need not be known outside. */
export function aggregate<State>(definition: Typed<State>): AggregateDefinition {
  return definition as AggregateDefinition;
}

/** An entry of the list of ordered functions. */
export function ordered<State>(definition: TypedOrdered<State>): OrderedDefinition {
  return definition as OrderedDefinition;
}

/** The same aggregator where its kind of state need not be known. */
export function anyState<State>(aggregator: Aggregator<State>): Aggregator<unknown> {
  return aggregator as Aggregator<unknown>;
}
