/**
 * Values of an endpoint's parameters: texts of a query string become constants of the declared type. A value stands
 * in the bound tree as a constant, so no text of a request is ever part of a statement.
 */
import { MillraceError } from '../../util/errors.js';
import { cast, literal, LiteralError } from '../query/coerce.js';
import { call } from '../query/operators.js';
import type { Bound } from '../query/tree.js';
import { numericOf, typeOf } from '../query/types.js';
import type { ParameterDeclaration } from './declarations.js';

/** Most values of one list. */
export const LIST_VALUES_MAX = 1_000;

/** The constant that texts mean; null is NULL. Throws `LiteralError` when they are no value of the type. */
export function constantOf(declaration: ParameterDeclaration, texts: readonly string[] | null): Bound {
  const { type, scale } = declaration;
  if (texts === null) return literal(null, type === 'numeric' ? numericOf(scale ?? 0) : typeOf(type));
  if (texts.some((text) => text.includes('\0'))) throw new LiteralError('a text can not hold the character NUL');
  if (type === 'text[]') {
    if (texts.length > LIST_VALUES_MAX) throw new LiteralError(`a list has at most ${LIST_VALUES_MAX} values`);
    const items = texts.map((text) => literal(text, typeOf('text')));
    return call(items, typeOf('text[]'), (args) => `CAST([${args.join(', ')}] AS VARCHAR[])`);
  }
  if (texts.length !== 1) throw new LiteralError('it is given more than once');
  const value = cast(literal(texts[0]!, typeOf('unknown')), type, scale);
  if (value === null) throw new LiteralError(`a constant can't be of type ${type}`);
  return value;
}

/** What names an answer's parameters in a cache: equal texts for values that mean the same. */
export function valueKey(value: Bound): unknown {
  if (value.kind === 'literal') return value.value;
  return value.kind === 'call' ? value.args.map(valueKey) : null;
}

/** The values of all parameters, in order. Throws PARAMETER_INVALID. */
export function parameterValues(
  declarations: readonly ParameterDeclaration[],
  given: Readonly<Record<string, readonly string[]>>,
): Bound[] {
  for (const name of Object.keys(given))
    if (!declarations.some((one) => one.name === name))
      throw invalid(name, `there is no parameter '${name.slice(0, 64)}'; there are ${namesOf(declarations)}`);
  return declarations.map((declaration) => {
    const { name, type, byDefault } = declaration;
    const texts = Object.hasOwn(given, name) ? given[name]! : byDefault;
    if (texts === undefined) throw invalid(name, `${name}: expected a value of type ${type}`);
    try {
      return constantOf(declaration, texts);
    } catch (cause) {
      if (!(cause instanceof LiteralError)) throw cause;
      throw invalid(name, `${name}: expected ${type}: ${cause.message.slice(0, 200)}`, cause);
    }
  });
}

function namesOf(declarations: readonly ParameterDeclaration[]): string {
  return [...declarations.map(({ name }) => name), 'format', 'tenant'].join(', ');
}

function invalid(name: string, message: string, cause?: unknown): MillraceError {
  return new MillraceError('PARAMETER_INVALID', message, { place: `query ${name.slice(0, 64)}`, cause });
}
