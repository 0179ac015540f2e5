/** Random streams and keyed tables, and rows for them. */
import type { SqlType } from '../../src/sql/plan.js';
import type { SeededRandom } from '../sim/random.js';
import type { Case, Cell, Change, Row, Table, TableColumn } from './ast.js';

/** First moment of event time, ms. */
export const START_MS = Date.UTC(2024, 2, 10, 6, 0, 0);
const SPAN_MS = 150_000;

/** One of a list. */
export function pick<T>(random: SeededRandom, list: readonly T[]): T {
  return list[random.below(list.length)]!;
}

interface ColumnKind {
  readonly name: string;
  readonly type: SqlType;
  readonly isWild: boolean;
  readonly cell: (random: SeededRandom) => Cell;
}

const same = (text: string): Cell => ({ sql: text, duck: text });
const quoted = (text: string): Cell => same(`'${text.replaceAll("'", "''")}'`);
const typed = (text: string, duckType: string): Cell => ({ sql: `'${text}'`, duck: `'${text}'::${duckType}` });
const integer = (n: number | bigint): Cell => same(String(n));

const WORDS = ['', 'a', 'b', 'ab', 'Zoë', 'straße', 'x y', "it''s", '𝄞', '日本', 'aaa', 'B'];
const JSONS = ['{"a":1,"b":[1,2]}', '{"a":null}', '[]', '3', '"x"', '{"b":2,"a":1}'];

function decimals(random: SeededRandom): string {
  const units = random.below(20_001) - 10_000;
  return (units / 100).toFixed(random.chance(0.3) ? 4 : 2);
}

function instant(random: SeededRandom): string {
  return new Date(START_MS + (random.below(5) - 2) * 86_400_000 + random.below(4) * 3_600_500).toISOString();
}

/** Columns beyond those that every stream has. */
const KINDS: readonly ColumnKind[] = [
  { name: 'w', type: 'smallint', isWild: true, cell: (r) => integer(pick(r, [-32768, 32767, 0, 1, 7])) },
  {
    name: 'b',
    type: 'bigint',
    isWild: true,
    cell: (r) => integer(pick(r, [-9223372036854775807n, 9223372036854775807n, 9007199254740993n, 0n, 5n])),
  },
  { name: 'n', type: 'numeric', isWild: false, cell: (r) => same(decimals(r)) },
  { name: 'd', type: 'double precision', isWild: false, cell: (r) => same(String((r.below(401) - 200) / 8)) },
  {
    name: 'x',
    type: 'double precision',
    isWild: true,
    cell: (r) => typed(pick(r, ['NaN', 'Infinity', '-Infinity', '1e300', '-0', '0', '5e-324', '0.1']), 'DOUBLE'),
  },
  { name: 'r', type: 'real', isWild: false, cell: (r) => same(String((r.below(81) - 40) / 4)) },
  { name: 's', type: 'text', isWild: false, cell: (r) => quoted(pick(r, WORDS)) },
  { name: 'f', type: 'boolean', isWild: false, cell: (r) => same(pick(r, ['true', 'false'])) },
  { name: 'dt', type: 'date', isWild: false, cell: (r) => typed(instant(r).slice(0, 10), 'DATE') },
  {
    name: 'tm',
    type: 'time',
    isWild: false,
    cell: (r) => typed(pick(r, ['00:00:00', '12:30:00.5', '23:59:59.999', '06:00:00']), 'TIME'),
  },
  {
    name: 'iv',
    type: 'interval',
    isWild: false,
    cell: (r) => typed(pick(r, ['1 day 02:03:04', '00:00:00', '2 mons', '-01:00:00', '00:00:00.25']), 'INTERVAL'),
  },
  {
    name: 'u',
    type: 'uuid',
    isWild: false,
    cell: (r) => typed(`00000000-0000-4000-8000-00000000000${r.below(5)}`, 'UUID'),
  },
  {
    name: 'y',
    type: 'bytea',
    isWild: false,
    cell: (r) => {
      const hex = pick(r, ['', '00', 'ff00', 'c3a4']);
      return { sql: `'\\x${hex}'`, duck: `from_hex('${hex}')` };
    },
  },
  { name: 'j', type: 'json', isWild: false, cell: (r) => quoted(pick(r, JSONS)) },
  { name: 'jb', type: 'jsonb', isWild: false, cell: (r) => quoted(pick(r, JSONS)) },
  {
    name: 'tags',
    type: 'text[]',
    isWild: false,
    cell: (r) => {
      const list = Array.from({ length: r.below(4) }, () => pick(r, ['a', 'b', 'c']));
      return { sql: `'{${list.join(',')}}'`, duck: `[${list.map((each) => `'${each}'`).join(', ')}]::VARCHAR[]` };
    },
  },
  {
    name: 'nums',
    type: 'integer[]',
    isWild: false,
    cell: (r) => {
      const list = Array.from({ length: r.below(4) }, () => r.below(5));
      return { sql: `'{${list.join(',')}}'`, duck: `[${list.join(', ')}]::INTEGER[]` };
    },
  },
  {
    name: 'moment',
    type: 'timestamp',
    isWild: false,
    cell: (r) => typed(instant(r).replace('T', ' ').slice(0, 23), 'TIMESTAMP'),
  },
];

/** Columns that a stream on disk can have. Its decimals have six digits behind the point, its times a zone. */
const STORED: readonly ColumnKind[] = [
  ...KINDS.filter(({ name }) => ['b', 'd', 'x', 's', 'f', 'u', 'y', 'j', 'tags'].includes(name)),
  { name: 'm', type: 'numeric', isWild: false, cell: (r) => same(((r.below(20_001) - 10_000) / 100).toFixed(6)) },
  {
    name: 'happened',
    type: 'timestamptz',
    isWild: false,
    cell: (r) => typed(`${instant(r).replace('T', ' ').slice(0, 23)}+00`, 'TIMESTAMPTZ'),
  },
];

const FIXED: Readonly<Record<string, ColumnKind>> = {
  id: { name: 'id', type: 'bigint', isWild: true, cell: (r) => integer(r.below(1000)) },
  tenant: { name: 'tenant', type: 'text', isWild: false, cell: (r) => quoted(pick(r, ['acme', 'bolt', 'core'])) },
  k: { name: 'k', type: 'integer', isWild: false, cell: (r) => integer(r.below(4)) },
  v: { name: 'v', type: 'integer', isWild: false, cell: (r) => integer(r.below(41) - 10) },
};

const byName = new Map([...KINDS, ...STORED, ...Object.values(FIXED)].map((kind) => [kind.name, kind]));

function columnsOf(random: SeededRandom, names: readonly string[], more: number, isStored: boolean): TableColumn[] {
  const kinds = isStored ? STORED : KINDS;
  const rest = kinds.filter(() => random.chance(more / kinds.length));
  const all = [...names.map((name) => byName.get(name)!), ...rest];
  return all.map(({ isWild, name, type }) => ({
    name,
    type: isStored && type === 'integer' ? 'bigint' : type,
    isWild,
    notNull: name === 'id' || name === 'since',
  }));
}

function stream(random: SeededRandom, name: string, isStored: boolean): Table {
  const type: SqlType = isStored || random.chance(0.5) ? 'timestamptz' : 'timestamp';
  const time: TableColumn = { name: 'ts', type, isWild: false, notNull: isStored };
  const tenant = random.chance(0.5) ? 'tenant' : null;
  const [first, ...rest] = columnsOf(random, ['id', 'tenant', 'k', 'v'], 9, isStored).map((column) =>
    isStored && column.name === tenant ? { ...column, notNull: true } : column,
  );
  const clock = !isStored && random.chance(0.5) ? 'event' : 'arrival';
  return {
    name,
    kind: 'stream',
    columns: [first!, time, ...rest],
    time: 'ts',
    clock,
    delayMs: clock === 'event' ? pick(random, [0, 2_000, 10_000]) : 0,
    tenant,
    key: [],
    hasUniqueTimes: random.chance(0.5),
  };
}

function keyed(random: SeededRandom, name: string, isStored: boolean): Table {
  const columns = columnsOf(random, ['id', 'k', 'v'], 5, isStored);
  return {
    name,
    kind: 'table',
    columns,
    time: null,
    clock: 'arrival',
    delayMs: 0,
    tenant: null,
    key: ['id'],
    hasUniqueTimes: false,
  };
}

function versions(random: SeededRandom, type: SqlType, isStored: boolean): Table {
  const [id, k, ...rest] = columnsOf(random, ['id', 'k', 'v'], 3, isStored);
  const since: TableColumn = { name: 'since', type, isWild: false, notNull: true };
  return {
    name: 'rates',
    kind: 'versions',
    columns: [id!, since, k!, ...rest],
    time: 'since',
    clock: 'arrival',
    delayMs: 0,
    tenant: null,
    key: ['id', 'since'],
    hasUniqueTimes: true,
  };
}

/** Two streams and three tables; both streams' times are of one type. `isStored`: of columns that streams on disk have. */
export function randomTables(random: SeededRandom, isStored: boolean): Table[] {
  const first = stream(random, 'events', isStored);
  const type = first.columns[1]!.type;
  const second = stream(random, 'clicks', isStored);
  const clicks = {
    ...second,
    clock: first.clock,
    delayMs: first.clock === 'event' ? pick(random, [0, 2_000, 10_000]) : 0,
    columns: second.columns.map((each) => (each.name === 'ts' ? { ...each, type } : each)),
  };
  return [
    first,
    clicks,
    keyed(random, 'items', isStored),
    keyed(random, 'places', isStored),
    versions(random, type, isStored),
  ];
}

const NULL: Cell = { sql: 'NULL', duck: 'NULL' };

function timeCell(ms: number, type: SqlType): Cell {
  const text = new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
  return type === 'timestamptz' ? typed(`${text}+00`, 'TIMESTAMPTZ') : typed(text, 'TIMESTAMP');
}

function cellOf(random: SeededRandom, { name, notNull }: TableColumn, nulls: number): Cell {
  return !notNull && random.chance(nulls) ? NULL : byName.get(name)!.cell(random);
}

function rowOf(random: SeededRandom, table: Table, id: number, timeMs: number | null, nulls: number): Row {
  const cells = table.columns.map((column) => {
    if (column.name === 'id') return integer(id);
    if (column.name === table.time) return timeMs === null ? NULL : timeCell(timeMs, column.type);
    return cellOf(random, column, nulls);
  });
  return { cells, timeMs };
}

/** Rows of a stream, by time. */
export function streamRows(random: SeededRandom, table: Table, nullTimes: boolean): Row[] {
  const count = 8 + random.below(33);
  const nulls = pick(random, [0, 0.1, 0.3]);
  const grain = pick(random, [1, 500, 1_000, 10_000]);
  const used = new Set<number>();
  const rows: Row[] = [];
  for (let i = 0; i < count; i++) {
    let timeMs: number | null = START_MS + Math.floor(random.below(SPAN_MS) / grain) * grain;
    while (table.hasUniqueTimes && used.has(timeMs)) timeMs += 1;
    used.add(timeMs);
    if (nullTimes && random.chance(0.05)) timeMs = null;
    const row = rowOf(random, table, i + 1, timeMs, nulls);
    rows.push(row);
    if (!table.hasUniqueTimes && random.chance(0.05)) rows.push(row);
  }
  return rows.toSorted((a, b) => (a.timeMs ?? START_MS) - (b.timeMs ?? START_MS));
}

/** What happens to a keyed table. */
export function tableChanges(random: SeededRandom, table: Table): Change[] {
  if (table.kind === 'versions') return versionRows(random, table);
  const count = 4 + random.below(12);
  const nulls = pick(random, [0, 0.1]);
  return Array.from({ length: count }, (_, i): Change => {
    const id = random.below(6);
    if (i > 3 && random.chance(0.15)) return { kind: 'delete', id };
    if (i > 3 && random.chance(0.25)) {
      const column = 1 + random.below(table.columns.length - 1);
      return { kind: 'update', id, column, cell: cellOf(random, table.columns[column]!, nulls) };
    }
    return { kind: 'put', row: rowOf(random, table, i < 4 ? i : id, null, nulls) };
  });
}

function versionRows(random: SeededRandom, table: Table): Change[] {
  const seen = new Set<string>();
  return Array.from({ length: 12 }, (): Change | null => {
    const id = random.below(4);
    const timeMs = START_MS - 20_000 + random.below(16) * 10_000;
    if (seen.has(`${id} ${timeMs}`)) return null;
    seen.add(`${id} ${timeMs}`);
    return { kind: 'put', row: rowOf(random, table, id, timeMs, 0.1) };
  }).filter((change) => change !== null);
}

/** Rows of a keyed table when everything has happened. */
export function finalRows(table: Table, changes: readonly Change[]): Row[] {
  const rows = new Map<string, Row>();
  const at = table.key.map((name) => table.columns.findIndex((column) => column.name === name));
  for (const change of changes) {
    if (change.kind === 'put') rows.set(at.map((i) => change.row.cells[i]!.sql).join(), change.row);
    else if (change.kind === 'delete') rows.delete(String(change.id));
    else {
      const row = rows.get(String(change.id));
      if (row !== undefined)
        rows.set(String(change.id), {
          ...row,
          cells: row.cells.map((cell, i) => (i === change.column ? change.cell : cell)),
        });
    }
  }
  return [...rows.values()];
}

const DUCK_TYPES: Readonly<Partial<Record<SqlType, string>>> = {
  numeric: 'DECIMAL(18,4)',
  real: 'FLOAT',
  'double precision': 'DOUBLE',
  text: 'VARCHAR',
  bytea: 'BLOB',
  json: 'VARCHAR',
  jsonb: 'VARCHAR',
  'text[]': 'VARCHAR[]',
};

/** CREATE of a table in DuckDB. */
export function duckTable({ columns, name }: Table): string {
  return `CREATE TABLE ${name} (${columns.map((column) => `${column.name} ${DUCK_TYPES[column.type] ?? column.type.toUpperCase()}`).join(', ')})`;
}

/** CREATE of a table or stream. */
export function createTable({ clock, columns, delayMs, key, kind, name, tenant, time }: Table): string {
  const lines = columns.map(
    (column) => `${column.name} ${column.type}${column.notNull && key.length === 0 ? ' NOT NULL' : ''}`,
  );
  if (key.length > 0) lines.push(`PRIMARY KEY (${key.join(', ')})`);
  const isWatermarked = kind === 'stream' && clock === 'event';
  if (isWatermarked) lines.push(`WATERMARK FOR ${time} AS ${time} - INTERVAL '${delayMs} milliseconds'`);
  const options = [
    ...(time !== null && !isWatermarked ? [`event_time = '${time}'`] : []),
    ...(tenant === null ? [] : [`tenant = '${tenant}'`]),
  ];
  return `CREATE ${isWatermarked ? 'SOURCE' : 'TABLE'} ${name} (${lines.join(', ')})${options.length === 0 ? '' : ` WITH (${options.join(', ')})`}`;
}

/** INSERT of rows. */
export function insert(table: string, rows: readonly Row[], dialect: 'sql' | 'duck'): string {
  return `INSERT INTO ${table} VALUES ${rows.map(({ cells }) => `(${cells.map((cell) => cell[dialect]).join(', ')})`).join(', ')}`;
}

/** A keyed table's change as a statement. */
export function changeStatement(table: Table, change: Change): string {
  if (change.kind === 'put') return insert(table.name, [change.row], 'sql');
  if (change.kind === 'delete') return `DELETE FROM ${table.name} WHERE id = ${change.id}`;
  return `UPDATE ${table.name} SET ${table.columns[change.column]!.name} = ${change.cell.sql} WHERE id = ${change.id}`;
}

/** The table of a name. */
export function tableOf(of: Pick<Case, 'tables'>, name: string): Table | undefined {
  return of.tables.find((table) => table.name === name);
}
