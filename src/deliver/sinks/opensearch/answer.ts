/**
 * What the cluster answers to `_bulk`, item by item, and what that means for the row.
 *
 * | item | row |
 * |---|---|
 * | 2xx | taken |
 * | 429; anything that says that the node is busy | sent again; there was no room for it now |
 * | 401, 403, 404, 5xx; 400 for a fault of the index or the cluster | sent again; nobody gets in, and an operator must see why |
 * | 500, `ROW_ATTEMPTS_MAX` times, where other rows of the request were taken | refused: the row itself breaks the node |
 * | any other | refused |
 *
 * Items are in the order of the rows, and there is one for each: an answer of any other form is no
 * answer, whatever it says of errors.
 */
import type { Receipt } from '../../receipt.js';

/** Answers hold no more than is asked for here. */
export const ANSWER_FILTER =
  'error.type,error.reason,error.caused_by.reason,errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.type,items.*.error.caused_by.reason';

/** Longest message of a row, in characters. */
const MESSAGE_LENGTH_MAX = 1_000;

/** Attempts after which a row that makes the node fail is refused. */
export const ROW_ATTEMPTS_MAX = 10;

/** What became of one document. */
export interface BulkItem {
  readonly status: number;
  readonly type: string;
  readonly reason: string;
}

/** What an item means. */
export type Fate = 'taken' | 'refused' | 'busy' | 'away';

/** Types of a 400 that are no fault of the row. */
const AWAY_TYPES = new Set(['index_closed_exception', 'invalid_index_name_exception', 'invalid_alias_name_exception']);

/** The same where only the reason tells: settings of the cluster, of an index, of a pipeline. */
const AWAY_REASONS =
  /\bpipeline with id \[|\bno write index is defined\b|\bop_type of create are allowed in data streams\b|\bmaximum( normal)? shards open\b|^Failed to parse mapping\b|\btemplates? .*\b(invalid|match)/i;

/** Types that say that there is no room, whatever the status. */
const BUSY_TYPES = new Set([
  'es_rejected_execution_exception',
  'rejected_execution_exception',
  'open_search_rejected_execution_exception',
  'circuit_breaking_exception',
]);

/** What an item means for its row. */
export function fateOf({ status, type, reason }: BulkItem): Fate {
  if (status >= 200 && status < 300) return 'taken';
  if (status === 429 || BUSY_TYPES.has(type)) return 'busy';
  if (status === 401 || status === 403 || status === 404 || status >= 500 || status < 200) return 'away';
  return status === 400 && (AWAY_TYPES.has(type) || AWAY_REASONS.test(reason)) ? 'away' : 'refused';
}

/** Whether this is the answer to `rows` documents that all are new, told without parsing it: the usual one. */
export function isAllCreated(answer: string, rows: number): boolean {
  const length = OPENING.length + rows * (CREATED.length + 1) - 1 + CLOSING.length;
  return answer.length === length && answer === OPENING + `${CREATED},`.repeat(rows).slice(0, -1) + CLOSING;
}

const OPENING = '{"errors":false,"items":[';
const CREATED = '{"index":{"status":201}}';
const CLOSING = ']}';

/** The items of an answer, or null when it is none to `rows` rows. */
export function readItems(answer: string, rows: number): BulkItem[] | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer);
  } catch {
    // Cut off, or from something in between: the caller sends again.
    return null;
  }
  const items = (parsed as { items?: unknown } | null)?.items;
  if (!Array.isArray(items) || items.length !== rows) return null;
  const read: BulkItem[] = [];
  for (const item of items as readonly unknown[]) {
    const found = (item as { readonly index?: RawItem } | null)?.index;
    if (typeof found?.status !== 'number') return null;
    read.push({ status: found.status, type: found.error?.type ?? '', reason: reasonOf(found.error) });
  }
  return read;
}

interface RawError {
  readonly type?: string;
  readonly reason?: string;
  readonly caused_by?: RawError;
}

interface RawItem {
  readonly status?: unknown;
  readonly error?: RawError;
}

/** The reason with its cause, which is often the only part that says what is wrong with the value. */
function reasonOf(error: RawError | undefined): string {
  if (error === undefined) return '';
  const cause = error.caused_by?.reason;
  return cause === undefined ? (error.reason ?? '') : `${error.reason ?? ''}: ${cause}`;
}

/** An item in words. */
export function itemText({ status, type, reason }: BulkItem): string {
  const text = `${status} ${type}: ${reason}`;
  return text.length > MESSAGE_LENGTH_MAX ? `${text.slice(0, MESSAGE_LENGTH_MAX - 1)}…` : text;
}

/** What the items of an answer come to. */
export interface Verdict {
  /** The first that says that nobody gets in. */
  readonly away: BulkItem | null;
  /** The first that there was no room for. */
  readonly busy: BulkItem | null;
  /** Rows that are done with: taken or refused. */
  readonly done: number;
}

/** Marks the rows of a request; with `isRowsFault` those whose item is a 500 are refused. */
export function mark(items: readonly BulkItem[], receipt: Receipt, isRowsFault: boolean): Verdict {
  let away: BulkItem | null = null;
  let busy: BulkItem | null = null;
  let done = 0;
  items.forEach((item, row) => {
    let fate = fateOf(item);
    if (isRowsFault && fate === 'away' && item.status === 500) fate = 'refused';
    if (fate === 'taken') receipt.take(row);
    else if (fate === 'refused') receipt.refuse(row, 'DELIVERY_REFUSED', itemText(item));
    else receipt.again(row, itemText(item));
    if (fate === 'away') away ??= item;
    else if (fate === 'busy') busy ??= item;
    else done += 1;
  });
  return { away, busy, done };
}
