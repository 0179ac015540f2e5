import type { FuncCall } from 'libpg-query';
import type { AggregateDefinition, OrderedDefinition } from '../aggregates/definition.js';
import { bindError } from '../context.js';
import type { BindContext } from '../context.js';
import { literalValue } from '../evaluate.js';
import type { Expression } from '../plan.js';

/** Checks that the last arguments are constants, and such that the function can work with them. */
export function checkConstants(
  context: BindContext,
  call: FuncCall,
  definition: AggregateDefinition | OrderedDefinition,
  args: readonly Expression[],
): void {
  const { name, constants = 0 } = definition;
  const fixed = args.slice(args.length - constants);
  const values = fixed.flatMap((arg) => (arg.kind === 'literal' ? [literalValue(arg.value, arg.type)] : []));
  if (values.length < fixed.length)
    throw bindError(
      context,
      'SQL_TYPE',
      `the last ${constants === 1 ? 'argument' : `${constants} arguments`} of ${name} must be constant`,
      call.location,
    );
  try {
    definition.create(
      args.map(({ type }) => type),
      values,
    );
  } catch (error) {
    throw bindError(context, 'SQL_TYPE', (error as Error).message, call.location);
  }
}
