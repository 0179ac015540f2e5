/**
 * Makes the table fit before rows come, or says why it doesn't.
 *
 * What the table lacks is added where `setUp` says so: columns, and that it remembers inserts, without
 * which a resend is not known. A column that is there must hold every value of the stream's unchanged:
 * ClickHouse itself would wrap a number that is too great, without a word.
 */
import type { ColumnType } from '../../../event/schema.js';
import {
  addColumns,
  createTable,
  rememberInserts,
  tableName,
  WINDOW_SETTING,
  type TableColumn,
  type TablePlan,
} from './table.js';

/** Runs a statement; answers rows of JSON. */
export type Ask = (statement: string, parameters?: Readonly<Record<string, string>>) => Promise<string>;

interface TableThere {
  readonly engine: string;
  readonly definition: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** Sets up and checks. Throws an error that says what to do. */
export async function setUpTable(ask: Ask, plan: TablePlan, makes: boolean): Promise<void> {
  let there = await tableThere(ask, plan);
  for (const statement of makes ? await lacking(ask, plan, there) : []) await ask(statement);
  if (makes) there = await tableThere(ask, plan);
  const statements = await lacking(ask, plan, there);
  if (statements.length > 0)
    throw new Error(
      `${tableName(plan)} is not there, lacks columns or does not remember inserts; run: ${statements.join('; ')}`,
    );
  for (const { name, type } of there!.columns) {
    const column = plan.columns.find((one) => one.name === name);
    if (column !== undefined && !holds(column, type))
      throw new Error(`${tableName(plan)}: column "${name}" is ${type}, expected ${column.type}`);
  }
}

/** Statements that make what the table lacks. */
async function lacking(ask: Ask, plan: TablePlan, there: TableThere | null): Promise<string[]> {
  if (there === null) return [createTable(plan)];
  const known = new Set(there.columns.map(({ name }) => name));
  const missing = plan.columns.filter(({ name }) => !known.has(name));
  return [
    ...(missing.length === 0 ? [] : [addColumns(plan, missing)]),
    ...((await remembers(ask, there)) ? [] : [rememberInserts(plan)]),
  ];
}

async function tableThere(ask: Ask, { database, table }: TablePlan): Promise<TableThere | null> {
  // Parameters are read as fields of tab-separated text.
  const [param_database, param_table] = [database, table].map((name) => name.replaceAll('\\', String.raw`\\`)) as [
    string,
    string,
  ];
  const named = { param_database, param_table };
  const where = 'database = {database:String} AND';
  const [found] = rowsOf<{ engine: string; definition: string }>(
    await ask(
      `SELECT engine, engine_full AS definition FROM system.tables WHERE ${where} name = {table:String} FORMAT JSONEachRow`,
      named,
    ),
  );
  if (found === undefined) return null;
  const columns = rowsOf<{ name: string; type: string }>(
    await ask(`SELECT name, type FROM system.columns WHERE ${where} table = {table:String} FORMAT JSONEachRow`, named),
  );
  return { ...found, columns };
}

/** Whether a table knows an insert again. Replicas do by themselves; what is no MergeTree passes rows on, and can't be asked. */
async function remembers(ask: Ask, { engine, definition }: TableThere): Promise<boolean> {
  if (!engine.endsWith('MergeTree') || /^(Replicated|Shared)/.test(engine)) return true;
  const own = new RegExp(`\\b${WINDOW_SETTING} = (\\d+)`).exec(definition)?.[1];
  if (own !== undefined) return Number(own) > 0;
  const [general] = rowsOf<{ value: string }>(
    await ask(`SELECT value FROM system.merge_tree_settings WHERE name = '${WINDOW_SETTING}' FORMAT JSONEachRow`),
  );
  return Number(general?.value ?? 0) > 0;
}

function rowsOf<Row>(lines: string): Row[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}

/** Which types hold every value of a type of ours unchanged, or refuse it. */
const HOLDS: Readonly<Record<Exclude<ColumnType, 'decimal'>, RegExp>> = {
  uuid: /^(UUID|String)$/,
  string: /^(String|Enum(8|16)?\(.*\))$/s,
  dictionary: /^(String|Enum(8|16)?\(.*\))$/s,
  list: /^Array\((LowCardinality\()?(Nullable\()?String\)*$/,
  bytes: /^String$/,
  int64: /^Int(64|128|256)$/,
  double: /^Float64$/,
  timestamp: /^DateTime64\([3-9]\b/,
  boolean: /^(Bool|UInt8)$/,
  json: /^(String|JSON\b.*)$/s,
};

function holds({ from }: TableColumn, there: string): boolean {
  const type = there.replace(/^LowCardinality\((.*)\)$/s, '$1').replace(/^Nullable\((.*)\)$/s, '$1');
  if (from !== 'decimal') return HOLDS[from].test(type);
  const [, digits, scale] = /^Decimal\((\d+), (\d+)\)$/.exec(type) ?? [];
  return Number(scale) >= 6 && Number(digits) - Number(scale) >= 12;
}
