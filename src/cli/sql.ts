import { Command } from 'commander';
import { count, dim, print, printJson, table, type Cell } from './output.js';
import { Server, withServer, type ServerOptions } from './server.js';
import { runShell } from './sql-shell.js';

/** What `POST /v1/query` answers. */
export interface QueryAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly Cell[])[];
  /** How long it ran, ms. */
  readonly elapsedMs?: number;
}

interface SqlOptions extends ServerOptions {
  readonly tenant?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
}

/** `millrace sql`: one query, or a shell. */
export function sqlCommand(): Command {
  return withServer(new Command('sql'))
    .description('query views and events: one statement, or a shell without one')
    .argument('[statement]', "a SELECT; '-' reads it from standard input")
    .option('--tenant <id>', "as this tenant (with an operator's key)")
    .option('--json', 'print one JSON object a row')
    .option('--csv', 'print CSV')
    .addHelpText(
      'after',
      "\nExamples:\n  millrace sql 'SELECT * FROM traffic ORDER BY window_start DESC LIMIT 10'\n  echo 'SELECT count(*) FROM events' | millrace sql - --json\n  millrace sql            (a shell; \\d lists what there is, \\q leaves)",
    )
    .action(async (statement: string | undefined, options: SqlOptions) => {
      const server = new Server(options);
      if (statement === undefined && process.stdin.isTTY === true)
        return runShell(server, (sql) => query(server, sql, options));
      return query(server, statement === undefined || statement === '-' ? await readInput() : statement, options);
    });
}

/** Runs one statement and prints its rows. */
async function query(server: Server, sql: string, options: SqlOptions): Promise<void> {
  const tenant = options.tenant === undefined ? {} : { tenant: options.tenant };
  const started = performance.now();
  const answer = await server.post<QueryAnswer>('/v1/query', { sql, ...tenant });
  const names = answer.columns.map(({ name }) => name);
  if (options.json === true)
    for (const row of answer.rows) printJson(Object.fromEntries(names.map((name, i) => [name, row[i]])));
  else if (options.csv === true) for (const row of [names, ...answer.rows]) print(row.map(csvCell).join(','));
  else {
    print(table(names, answer.rows));
    print(
      dim(
        `${count(answer.rows.length)} row${answer.rows.length === 1 ? '' : 's'} in ${Math.round(performance.now() - started)} ms`,
      ),
    );
  }
}

/** A cell by RFC 4180: quoted where it must be. */
export function csvCell(cell: Cell): string {
  if (cell === null || cell === undefined) return '';
  const text = typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
  return /[",\r\n]/.test(text) || text === '' ? `"${text.replaceAll('"', '""')}"` : text;
}

async function readInput(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
