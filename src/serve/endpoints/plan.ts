/**
 * A `.sql` file → an endpoint: its declarations read, `:name` in the statement found, and the statement bound once
 * with the defaults, so that every mistake is known before anyone asks.
 *
 * The parser knows `$1`, not `:name`: the names are replaced by numbers padded with blanks, so that every position
 * of the statement stays what it was in the file.
 */
import type { EndpointText } from '../../config/options.js';
import { QUERY_STREAMS } from '../../event/internal.js';
import type { Schema } from '../../event/schema.js';
import { describeView } from '../../sql/describe.js';
import type { StandingPlan } from '../../sql/standing.js';
import { loadParser, scanSql, sqlError } from '../../util/sql-text.js';
import { bindStatement, type BoundStatement } from '../query/binder.js';
import { catalogOf, type Catalog, type ServedTable } from '../query/catalog.js';
import { LiteralError } from '../query/coerce.js';
import type { Bound } from '../query/tree.js';
import type { TypeName } from '../query/types.js';
import { mistake, readDeclarations, type ParameterDeclaration } from './declarations.js';
import { constantOf } from './values.js';

/** An endpoint, checked. Plain data. */
export interface Endpoint {
  readonly name: string;
  readonly file: string;
  /** As it was written. */
  readonly text: string;
  /** With `$1` in the places of parameters. */
  readonly statement: string;
  readonly description: string;
  readonly parameters: readonly ParameterDeclaration[];
  /** How old an answer may be, ms; 0: as new as its rows. */
  readonly cacheMs: number;
  readonly columns: readonly EndpointColumn[];
  /** Relations that it reads, by name. */
  readonly relations: readonly string[];
  /** It reads rows of all tenants together, which takes an operator's key. */
  readonly operatorsOnly: boolean;
}

/** A column of the answer. */
export interface EndpointColumn {
  readonly name: string;
  readonly type: TypeName;
}

/** What endpoints may name: the streams of the configuration, Millrace's own, and the views. */
export function endpointCatalog(
  streams: readonly { readonly name: string; readonly schema: Schema }[],
  views: readonly StandingPlan[],
  tables: readonly ServedTable[],
): Catalog {
  // Which definition of a view it is says nothing of its columns.
  const described = views.map((view) => describeView(view, { number: 1, sinceMs: null, id: '' }));
  return catalogOf([...streams, ...QUERY_STREAMS], described, [], tables);
}

/** Checks an endpoint against the catalog. Throws CONFIG_INVALID or SQL_… with file, line, column and a caret. */
export async function planEndpoint(source: EndpointText, catalog: Catalog): Promise<Endpoint> {
  await loadParser();
  const { name, file, text } = source;
  const { description, parameters, cacheMs } = readDeclarations(source);
  const statement = numbered(source, parameters);
  const samples = parameters.map((declaration) => sampleOf(source, declaration));
  const endpoint = { name, file, text, statement, description, parameters, cacheMs };
  const bound = bindEndpoint(endpoint, samples, catalog, null, 0);
  const relations = new Map(bound.bases.map(({ relation }) => [relation.name, relation]));
  return {
    ...endpoint,
    columns: bound.query.outputs.map(({ name: column, type }) => ({ name: column, type: type.name })),
    relations: [...relations.keys()],
    operatorsOnly: [...relations.values()].some(({ tenantSource }) => tenantSource === null),
  };
}

/** The statement with values in place of its parameters. Throws SQL_… */
export function bindEndpoint(
  { statement, text, file }: Pick<Endpoint, 'statement' | 'text' | 'file'>,
  parameters: readonly Bound[],
  catalog: Catalog,
  tenant: string | null,
  nowMs: number,
): BoundStatement {
  return bindStatement({ text: statement, shown: text, file, parameters }, catalog, tenant, nowMs);
}

/** Replaces each `:name` by its number, in as many characters. */
function numbered(source: EndpointText, parameters: readonly ParameterDeclaration[]): string {
  const used = new Set<string>();
  let { text } = source;
  const tokens = scanSql(source.text);
  for (const [at, { start, end, text: name, kind }] of tokens.entries()) {
    const before = tokens[at - 1];
    if (kind !== 'word' || before?.text !== ':' || before.end !== start) continue;
    const index = parameters.findIndex((one) => one.name === name);
    if (index < 0) undeclared(source, before.start, name, parameters);
    const placeholder = `$${index + 1}`;
    if (placeholder.length > end - before.start)
      mistake(source, before.start, 'expected a longer name: one-letter parameters are the first nine or none');
    text = text.slice(0, before.start) + placeholder.padEnd(end - before.start) + text.slice(end);
    used.add(name);
  }
  // Without tokens the parser says what is wrong.
  for (const { name, index } of tokens.length === 0 ? [] : parameters)
    if (!used.has(name)) mistake(source, index, `parameter "${name}" is not used in the statement`);
  return text;
}

function undeclared(
  source: EndpointText,
  index: number,
  name: string,
  parameters: readonly ParameterDeclaration[],
): never {
  const known = parameters.map((one) => `:${one.name}`).join(', ');
  return mistake(
    source,
    index,
    `parameter ":${name}" is not declared`,
    known === '' ? `declare it above the statement: -- @param ${name.toLowerCase()} text` : `there are ${known}`,
  );
}

/** Values that a parameter without a default is tried with: a unit of time among the texts, which some functions ask for. */
const SAMPLES: Readonly<Partial<Record<TypeName, string>>> = {
  boolean: 'true',
  text: 'day',
  'text[]': 'day',
  timestamptz: '2026-01-01',
  timestamp: '2026-01-01',
  date: '2026-01-01',
  time: '12:00',
  interval: '1 day',
  uuid: '00000000-0000-0000-0000-000000000000',
};

function sampleOf(source: EndpointText, declaration: ParameterDeclaration): Bound {
  const { type, byDefault, defaultIndex } = declaration;
  try {
    return constantOf(declaration, byDefault === undefined ? [SAMPLES[type] ?? '1'] : byDefault);
  } catch (error) {
    if (!(error instanceof LiteralError)) throw error;
    throw sqlError('SQL_TYPE', error.message, { text: source.text, file: source.file, index: defaultIndex });
  }
}
