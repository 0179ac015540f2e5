/** A view's columns as the feed names them, and where the summary has them. */
import type { ColumnType } from '../../event/schema.js';
import type { FeedColumn } from '../../event/feed.js';
import type { ViewColumnType, ViewDescription } from '../../event/view.js';
import { WINDOW_START, type RowLayout } from '../../summary/layout.js';

/** A column of the feed. */
export interface StoredFeedColumn extends FeedColumn {
  /** Position in the layout's columns; -1: the window's start. */
  readonly stored: number;
  readonly columnType: ColumnType;
}

/** What the feed calls the columns of a key and the measures. */
export interface FeedColumns {
  readonly key: readonly StoredFeedColumn[];
  readonly values: readonly StoredFeedColumn[];
}

/** Types of key columns that are not in the view's SELECT list. */
const TYPES: Record<ColumnType, ViewColumnType> = {
  uuid: 'uuid',
  string: 'text',
  dictionary: 'text',
  list: 'text',
  bytes: 'text',
  int64: 'bigint',
  double: 'double precision',
  decimal: 'numeric',
  timestamp: 'timestamptz',
  boolean: 'boolean',
  json: 'json',
};

/** The columns of a view's feed: window bounds and dimensions in declared order, then the measures. */
export function feedColumns(layout: RowLayout): FeedColumns {
  const { view } = layout;
  // The tenant is in the address.
  const key = view.keyColumns.filter((column) => column !== view.schema.roles.tenant);
  return {
    key: key.map((column) => columnOf(layout, column)),
    values: view.valueColumns.map((column) => columnOf(layout, column)),
  };
}

function columnOf(layout: RowLayout, column: number): StoredFeedColumn {
  const { view } = layout;
  const { name, type } = view.schema.columns[column]!;
  const shown = isBound(view, column) ? undefined : view.columns.find((one) => one.column === column);
  return {
    name: shown?.name ?? name,
    type: shown?.type ?? TYPES[type],
    ...(shown?.scale === undefined ? {} : { scale: shown.scale }),
    ...(shown?.additive === true ? { additive: true } : {}),
    stored: column === WINDOW_START ? -1 : layout.columns.findIndex((stored) => stored.column === column),
    columnType: type,
  };
}

/** The window's bounds have the same names in every feed, whatever a view calls them. */
function isBound(view: ViewDescription, column: number): boolean {
  return column === WINDOW_START || view.schema.columns[column]!.name === 'window_end';
}

/** A column without where it is stored. */
export function shownColumn({ name, type, scale, additive }: StoredFeedColumn): FeedColumn {
  return {
    name,
    type,
    ...(scale === undefined ? {} : { scale }),
    ...(additive === undefined ? {} : { additive }),
  };
}
