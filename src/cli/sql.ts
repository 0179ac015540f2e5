import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { splitStatements } from '../sql/statements/statement-text.js';
import { loadParser } from '../util/sql-text.js';
import { print, printError } from './output.js';
import { Server, type ServerOptions } from './server.js';
import type { SqlBackend } from './sql/backend.js';
import { historyFile } from './sql/history.js';
import { MemoryBackend } from './sql/memory-backend.js';
import { printAnswer, printChange, type PrintOptions } from './sql/printer.js';
import { ServerBackend } from './sql/server-backend.js';
import { runShell, subscriptionOf } from './sql/shell.js';

interface SqlOptions extends ServerOptions {
  readonly command?: readonly string[];
  readonly file?: string;
  readonly memory?: boolean;
  readonly tenant?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
}

/** `millrace sql`: statements, a script, or a shell; against a server or a pipeline in memory. */
export function sqlCommand(): Command {
  return new Command('sql')
    .description('SQL from a shell: against a server (--url or a key), else in a pipeline in memory')
    .argument('[statement]', "statements; '-' reads them from standard input")
    .option('-c, --command <sql>', 'run these statements (may be repeated)', (sql: string, all: string[] = []) => [
      ...all,
      sql,
    ])
    .option('-f, --file <file>', 'run a script')
    .addOption(new Option('--url <url>', 'address of the server').env('MILLRACE_URL'))
    .addOption(new Option('--key <key>', 'API key').env('MILLRACE_KEY'))
    .option('--memory', 'a pipeline in memory, although the environment names a server')
    .option('--tenant <id>', "as this tenant (with an operator's key)")
    .option('--json', 'print one JSON object a row')
    .option('--csv', 'print CSV')
    .addHelpText(
      'after',
      "\nExamples:\n  millrace sql            (a shell; \\? helps, \\q leaves)\n  millrace sql -f pipeline.sql\n  millrace sql --url http://127.0.0.1:7070 --key … 'SELECT * FROM traffic ORDER BY window_start DESC LIMIT 10'\n  echo 'SELECT count(*) FROM events' | millrace sql - --json",
    )
    .action(run);
}

async function run(statement: string | undefined, options: SqlOptions): Promise<void> {
  const backend = openBackend(options);
  const form = options.json === true ? 'json' : options.csv === true ? 'csv' : 'table';
  const printing: PrintOptions = { form, expanded: false, timing: true };
  const given = [...(options.command ?? []), ...(statement === undefined || statement === '-' ? [] : [statement])];
  if (options.file !== undefined) return runScript(backend, readFileSync(options.file, 'utf8'), options.file, printing);
  if (given.length > 0) return runScript(backend, given.join(';\n'), undefined, printing);
  if (statement === '-' || process.stdin.isTTY !== true)
    return runScript(backend, await readInput(), undefined, printing);
  const { stdin: input, stdout: output } = process;
  return runShell(backend, printing, { input, output, isTerminal: true, historyFile: historyFile() });
}

/** A server where one is named, by its address or by a key; else a pipeline in memory. */
function openBackend(options: SqlOptions): SqlBackend {
  const isServer = options.memory !== true && (options.url !== undefined || options.key !== undefined);
  if (!isServer) return new MemoryBackend();
  const url = options.url ?? `http://127.0.0.1:${process.env['MILLRACE_PORT'] ?? '7070'}`;
  return new ServerBackend(new Server({ ...options, url }), options.tenant);
}

/** Runs a script: an error is printed with its place, the statements behind it still run, and the exit code is 1. */
async function runScript(
  backend: SqlBackend,
  text: string,
  file: string | undefined,
  printing: PrintOptions,
): Promise<void> {
  await loadParser();
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  for (const part of splitStatements(text, file)) {
    if (stop.signal.aborted) break;
    try {
      const subscribed = subscriptionOf(part);
      if (subscribed !== undefined)
        await backend.subscribe(subscribed, (change) => printChange(change, printing.form, print), stop.signal);
      else {
        const started = performance.now();
        printAnswer(await backend.run(part), printing, performance.now() - started, print);
      }
    } catch (error) {
      printError(error, printing.form === 'json');
      process.exitCode = 1;
    }
  }
  stop.abort();
}

async function readInput(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
