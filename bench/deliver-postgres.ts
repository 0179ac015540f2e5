/**
 * Deliveries to PostgreSQL, in records per CPU-second of our side (the server is other processes): from
 * the bytes of the log's batches to committed rows, against a plain loop that parses lines of JSON and
 * inserts with parameters, many rows a statement. Both leave out rows that are there, as all are after
 * the first run: what the server does is about the same for both, and small.
 */
import pg from 'pg';
import { startPostgres } from '../test/engines/postgres.js';
import { measureSink, RECORDS, storedBatches, storedLines } from './deliver-rig.js';
import { measure, row, type BenchRow } from './harness.js';

const SESSIONS = 4;
/** PostgreSQL takes at most 65,535 parameters a statement. */
const STATEMENT_ROWS = 500;

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const engine = await startPostgres({ settings: { max_wal_size: '4GB', shared_buffers: '512MB' } });
  const batches = storedBatches();
  const lines = storedLines(batches);
  try {
    const to = { type: 'postgres', url: engine.url, table: 'events', onConflict: 'ignore' };
    const measured = await measureSink(to, batches);
    const baseline = await measure(() => plainInserts(engine.url, lines), { times: 3 });
    return [
      row('deliver: PostgreSQL, COPY and upsert', measured, 'JSON.parse, pg, INSERT with parameters', baseline, {
        extra: {
          'bytes a row': measured.bytesPerRow,
          'rows/s': RECORDS / measured.wallSeconds,
          'baseline rows/s': RECORDS / baseline.wallSeconds,
        },
      }),
    ];
  } finally {
    await engine.stop();
  }
}

/** What one would write. */
async function plainInserts(url: string, lines: readonly string[]): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: SESSIONS });
  // Sessions that are closing when the server stops.
  pool.on('error', () => undefined);
  const { rows: columns } = await pool.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type
       FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0 ORDER BY attnum`,
  );
  const head = `INSERT INTO events (${columns.map(({ name }) => `"${name}"`).join(', ')}) VALUES `;
  const count = Math.ceil(lines.length / STATEMENT_ROWS);
  const starts = Array.from({ length: count }, (_, index) => index * STATEMENT_ROWS).values();
  const run = async (): Promise<void> => {
    for (const start of starts) {
      const values: unknown[] = [];
      const tuples = lines.slice(start, start + STATEMENT_ROWS).map((line) => {
        const event = JSON.parse(line) as Record<string, unknown>;
        const places = columns.map(({ name, type }) => {
          const value = event[name] ?? null;
          if (value === null) values.push(null);
          else if (type === 'jsonb') values.push(JSON.stringify(value));
          else if (type.startsWith('timestamp')) values.push(new Date(value as number));
          else values.push(value);
          return `$${values.length}`;
        });
        return `(${places.join(',')})`;
      });
      await pool.query(`${head}${tuples.join(',')} ON CONFLICT DO NOTHING`, values);
    }
  };
  await Promise.all(Array.from({ length: SESSIONS }, run));
  await pool.end();
  return lines.length;
}
