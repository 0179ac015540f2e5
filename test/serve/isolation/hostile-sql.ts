/** SQL that tries to get at rows of other tenants: about half of it valid, so that much of it runs. */

/** Draws from a seed, always the same for the same seed. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number below `count`. */
  below(count: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % count;
  }

  /** One of a list. */
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** True in `percent` of a hundred cases. */
  in(percent: number): boolean {
    return this.below(100) < percent;
  }
}

const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  traffic: ['tenant_id', 'campaign', 'impressions', 'cost', 'rate', 'window_start', '_state', '_window_start'],
  events: ['tenant_id', 'event_id', 'kind', 'campaign', 'clicks', 'note', 'labels', 'props', '_offset', '_partition'],
};

const TEXTS: Readonly<Record<string, readonly string[]>> = {
  traffic: ['tenant_id', 'campaign'],
  events: ['tenant_id', 'event_id', 'kind', 'campaign', 'note'],
};

const FORBIDDEN = [
  'totals',
  'internal',
  'main.traffic',
  'memory.main.traffic',
  'information_schema.tables',
  'pg_catalog.pg_class',
  'sqlite_master',
  'duckdb_tables()',
  'duckdb_settings()',
  'pragma_database_list()',
  "read_parquet('FOLDER/**/*.parquet')",
  "read_csv('FOLDER/**/*')",
  "read_text('FOLDER/**/*')",
  "glob('FOLDER/**')",
  "query('SELECT * FROM traffic')",
  "query_table('traffic')",
  "'FOLDER/summary/traffic/1.parquet'",
  '"FOLDER/tmp/1.parquet"',
];

const HIDDEN = [
  'tenant',
  'id',
  'c6',
  'c0',
  't1.c1',
  'rowid',
  'filename',
  'file_row_number',
  'received_at',
  'state',
  'op',
];
const CALLS = ["getenv('HOME')", "current_setting('temp_directory')", 'version()', "pg_read_file('/etc/passwd')"];
const STATEMENTS = [
  'PRAGMA database_list',
  'DESCRIBE traffic',
  'SHOW TABLES',
  "COPY traffic TO '/tmp/x'",
  "ATTACH 'x'",
  'SET VARIABLE a = 1',
  'SELECT 1; SELECT * FROM traffic',
  'CREATE VIEW v AS SELECT * FROM traffic',
  'EXPLAIN SELECT * FROM traffic',
  'TABLE traffic',
  'VALUES ((SELECT max(campaign) FROM traffic))',
];

/** Writes one statement. `folder` is where the files with everybody's rows are. */
export function hostileSql(dice: Dice, folder: string): string {
  if (dice.in(3)) return dice.of(STATEMENTS);
  return new Writer(dice, folder).query(2);
}

class Writer {
  readonly #dice: Dice;
  readonly #folder: string;
  #names = 0;

  constructor(dice: Dice, folder: string) {
    this.#dice = dice;
    this.#folder = folder;
  }

  query(depth: number): string {
    const dice = this.#dice;
    const roll = dice.below(100);
    if (depth > 0 && roll < 12) {
      const op = dice.of(['UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT ALL']);
      const column = dice.of(TEXTS['traffic']!);
      return `SELECT ${column} FROM traffic ${op} SELECT ${dice.of(TEXTS['events']!)} FROM events${this.#where('events', depth - 1)}`;
    }
    if (depth > 0 && roll < 24) {
      // A CTE that takes a relation's name, and one behind it.
      const name = dice.of(['traffic', 'events', 'x', '"view.traffic"', 'totals']);
      return `WITH ${name} AS (${this.select('traffic', depth - 1)}) SELECT * FROM ${name}${dice.in(30) ? ', traffic AS again' : ''}`;
    }
    return this.select(dice.of(['traffic', 'traffic', 'events']), depth);
  }

  select(relation: string, depth: number): string {
    const dice = this.#dice;
    const alias = `a${++this.#names}`;
    const from = this.#from(relation, alias, depth);
    const where = this.#where(relation, depth);
    if (dice.in(25)) {
      const key = dice.of(COLUMNS[relation]!.filter((column) => column !== 'props'));
      return `SELECT ${key}, count(*) AS n, string_agg(${dice.of(TEXTS[relation]!)}, ',') AS s FROM ${from}${where} GROUP BY ${key}`;
    }
    const outputs = Array.from(
      { length: 1 + dice.below(3) },
      (_, index) => `${this.#expression(relation, depth)} AS o${index}`,
    );
    if (dice.in(20)) outputs.push('*');
    const order = dice.in(30) ? ' ORDER BY 1' : '';
    const limit = dice.in(30) ? ` LIMIT ${1 + dice.below(50)}` : '';
    const comment = dice.in(10) ? dice.of([' /* tenant = bolt */', ' -- bolt\n', " /* ' */"]) : '';
    return `SELECT ${dice.in(10) ? 'DISTINCT ' : ''}${outputs.join(', ')} FROM ${from}${comment}${where}${order}${limit}`;
  }

  #from(relation: string, alias: string, depth: number): string {
    const dice = this.#dice;
    const roll = dice.below(100);
    if (roll < 8) return dice.of(FORBIDDEN).replace('FOLDER', this.#folder);
    if (roll < 12) return `"view.traffic" AS ${alias}`;
    if (roll < 16)
      return dice.of([`"${relation}"`, relation.toUpperCase(), `"${relation.toUpperCase()}"`, `ONLY ${relation}`]);
    if (depth > 0 && roll < 26) return `(SELECT * FROM ${relation}${this.#where(relation, depth - 1)}) AS ${alias}`;
    if (depth > 0 && roll < 34)
      return `${relation}, LATERAL (SELECT max(z.campaign) AS other FROM traffic z WHERE z.tenant_id <> ${relation}.tenant_id OR true) AS ${alias}`;
    if (depth > 0 && roll < 40) return `${relation} CROSS JOIN (SELECT max(campaign) AS m FROM events) AS ${alias}`;
    if (roll < 46) return `${relation} FULL JOIN (SELECT 1 AS one) AS ${alias} ON true`;
    return relation;
  }

  #where(relation: string, depth: number): string {
    const dice = this.#dice;
    if (dice.in(45)) return '';
    const conditions = [
      "tenant_id = 'bolt'",
      "tenant_id <> 'acme' OR true",
      "tenant_id IN ('acme', 'bolt')",
      "tenant_id LIKE '%'",
      'true',
      "1 = 1 OR tenant_id = 'bolt'",
      'tenant_id IS NOT NULL',
      "campaign LIKE '%canary%' OR campaign IS NULL OR campaign = campaign",
      "coalesce(tenant_id, 'bolt') = ANY (ARRAY['acme', 'bolt'])",
      "tenant_id = '' OR ''''  = '\\' OR true",
    ];
    const condition = dice.of(conditions);
    if (depth > 0 && dice.in(25)) {
      const other = dice.of(['traffic', 'events']);
      return ` WHERE ${dice.of([
        `EXISTS (SELECT 1 FROM ${other} i WHERE i.tenant_id <> ${relation === other ? "'acme'" : `'x'`} OR true)`,
        `tenant_id IN (SELECT tenant_id FROM ${other})`,
        `campaign = ANY (SELECT campaign FROM ${other}${this.#where(other, depth - 1)}) OR true`,
        `(SELECT count(*) FROM ${other}) >= 0`,
      ])}`;
    }
    return ` WHERE ${condition}`;
  }

  #expression(relation: string, depth: number): string {
    const dice = this.#dice;
    const text = dice.of(TEXTS[relation]!);
    const roll = dice.below(100);
    if (roll < 3) return dice.of(HIDDEN);
    if (roll < 5) return dice.of(CALLS);
    if (roll < 12) return `upper(${text})`;
    if (roll < 18) return `reverse(${text})`;
    if (roll < 24) return `${text} || ${dice.of(["'-'", "''''", `${text}::text`])}`;
    if (roll < 30) return `substr(${text}, 1, ${dice.below(40)})`;
    if (roll < 38)
      return `max(${text}) OVER (ORDER BY ${text} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)`;
    if (roll < 44) return `lag(${text}) OVER (ORDER BY ${text})`;
    if (depth > 0 && roll < 56) {
      const other = dice.of(['traffic', 'events', 'traffic', 'totals']);
      return `(SELECT max(${other === 'totals' ? 'campaign' : dice.of(TEXTS[other] ?? ['campaign'])}) FROM ${other}${dice.in(50) ? " WHERE tenant_id <> 'acme' OR true" : ''})`;
    }
    if (roll < 62) return `coalesce(nullif(${text}, 'x'), 'y')`;
    if (roll < 68) return `CASE WHEN ${text} = 'bolt' THEN ${text} ELSE ${dice.of(TEXTS[relation]!)} END`;
    return dice.of(COLUMNS[relation]!);
  }
}
