/**
 * The table of a view in the advertiser's own database: its names, its columns, and rows as they go in.
 *
 * Columns are those of the view, key first, and ours, which begin with `_`. Names come from a server and
 * become part of statements: what a database could take for another name, or cut, is refused here.
 */
import { keyHash, type FeedColumn, type FeedRow, type FeedValue, type FeedView } from '../event/feed.js';
import { MillraceError } from '../util/errors.js';

/** Longest name of a table or column, bytes of UTF-8: PostgreSQL cuts what is longer, without a word. */
const NAME_BYTES_MAX = 63;
/** Where tombstones are, and where the pages of a round wait; behind the table's name. */
const DELETED = '_deleted';
const STAGED = '_staged';
/** Where every pull keeps its place. */
export const STATE_TABLE = 'millrace_pull';
/** Every table has these of PostgreSQL's, in which nothing can be kept. */
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['ctid', 'oid', 'tableoid', 'xmin', 'xmax', 'cmin', 'cmax']);

/** A tenant's part of a table. */
export interface TablePlan {
  readonly tenant: string;
  readonly view: string;
  readonly epoch: string;
  readonly table: string;
  readonly deleted: string;
  readonly staged: string;
  /** The view's columns: the key in declared order, then the values. */
  readonly columns: readonly FeedColumn[];
  /** How many of them are the key. */
  readonly keys: number;
}

/** The definition of a view that a table's rows are of; it is kept beside them, since the server tells only the newest. */
export type Definition = Pick<FeedView, 'view' | 'tenant' | 'epoch' | 'key' | 'values'>;

/** The definition of a plan, as text. */
export function definitionText({ tenant, view, epoch, columns, keys }: TablePlan): string {
  const definition: Definition = { view, tenant, epoch, key: columns.slice(0, keys), values: columns.slice(keys) };
  return JSON.stringify(definition);
}

/** A row as a target takes it. */
export interface TableRow {
  /** `keyHash`: 16 bytes. */
  readonly key: Buffer;
  readonly rev: number;
  readonly txn: number;
  readonly state: string;
  readonly reason: string | null;
  readonly isDelete: boolean;
  /** In the order of the plan's columns; of a delete only those of the key are of use. */
  readonly cells: readonly FeedValue[];
}

/** Plans the table; `table` replaces the view's name. Throws PULL_NAME_REFUSED. */
export function planTable(view: Definition, table: string = view.view): TablePlan {
  const place = `${view.tenant}/${view.view}`;
  checkName(table, 'table', place, NAME_BYTES_MAX - DELETED.length);
  if (table === STATE_TABLE) throw refused(`the table can not be called '${table}'`, TABLE_ADVICE, place);
  const seen = new Map<string, string>();
  for (const { name } of [...view.key, ...view.values]) {
    checkName(name, 'column', place, NAME_BYTES_MAX);
    const folded = name.toLowerCase();
    const same = seen.get(folded);
    if (same !== undefined)
      throw refused(`columns '${same}' and '${name}' are one name to many databases`, COLUMN_ADVICE, place);
    if (SYSTEM_COLUMNS.has(folded)) throw refused(`a column can not be called '${name}'`, COLUMN_ADVICE, place);
    seen.set(folded, name);
  }
  if (view.key[0]?.name !== 'window_start')
    throw new MillraceError('PULL_ANSWER_INVALID', `view ${place} has no window_start as its first key`, { place });
  return {
    tenant: view.tenant,
    view: view.view,
    epoch: view.epoch,
    table,
    deleted: table + DELETED,
    staged: table + STAGED,
    columns: [...view.key, ...view.values],
    keys: view.key.length,
  };
}

/** The rows of a page; of several with one key the newest. Throws PULL_ANSWER_INVALID for what is no row. */
export function tableRows(plan: TablePlan, rows: readonly FeedRow[]): TableRow[] {
  const newest = new Map<string, TableRow>();
  for (const row of rows) {
    const made = tableRow(plan, row);
    const text = made.key.toString('latin1');
    const other = newest.get(text);
    if (other === undefined || other.rev < made.rev) newest.set(text, made);
  }
  return [...newest.values()];
}

function tableRow(plan: TablePlan, row: FeedRow): TableRow {
  const { rev, txn, op, state, reason, key, values } = row;
  const isDelete = op === 'delete';
  const cells = plan.columns.map(({ name }, index) => (index < plan.keys ? key[name] : (values[name] ?? null)));
  const missing = cells.findIndex((cell) => cell === undefined);
  if (!Number.isSafeInteger(rev) || (op !== 'upsert' && !isDelete) || missing >= 0)
    throw new MillraceError(
      'PULL_ANSWER_INVALID',
      `view ${plan.tenant}/${plan.view} has a row that can not be: ${JSON.stringify(row).slice(0, 300)}` +
        (missing >= 0 ? `; its key has no '${plan.columns[missing]!.name}'` : ''),
    );
  const whole = cells as FeedValue[];
  return {
    key: keyHash(plan.tenant, whole.slice(0, plan.keys)),
    rev,
    txn: txn ?? 0,
    state,
    reason: reason ?? null,
    isDelete,
    cells: whole,
  };
}

const TABLE_ADVICE = 'name another with --table, or `table` in the file';
const COLUMN_ADVICE = 'rename it in the view with AS';

function checkName(name: string, kind: 'table' | 'column', place: string, bytesMax: number): void {
  const advice = kind === 'table' ? TABLE_ADVICE : COLUMN_ADVICE;
  if (name === '' || name.includes('\0'))
    throw refused(`a ${kind} has no name, or one with a zero byte`, advice, place);
  if (name.startsWith('_'))
    throw refused(`${kind} '${name}' begins with _, as only Millrace's own columns do`, advice, place);
  if (Buffer.byteLength(name) > bytesMax)
    throw refused(`${kind} '${name}' is longer than ${bytesMax} bytes`, advice, place);
}

function refused(what: string, advice: string, place: string): MillraceError {
  return new MillraceError('PULL_NAME_REFUSED', `view ${place}: ${what}; ${advice}`, { place });
}
