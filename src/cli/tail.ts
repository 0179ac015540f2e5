import { Command, InvalidArgumentError } from 'commander';
import { cellText, dim, print, printJson, type Cell } from './output.js';
import { Server, withServer, type ServerOptions } from './server.js';
import { serverSentEvents } from './sse.js';

interface TailOptions extends ServerOptions {
  readonly tenant?: string;
  readonly limit?: number;
  readonly json?: boolean;
}

/** `millrace tail`: follows a stream or a view as rows come. */
export function tailCommand(): Command {
  return withServer(new Command('tail'))
    .description('follow a stream or a view, a row a line')
    .argument('[name]', 'stream or view', 'events')
    .option('--tenant <id>', "only this tenant (with an operator's key)")
    .option('--limit <rows>', 'stop after so many rows', rowsArgument)
    .option('--json', 'print one JSON object a row')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace tail\n  millrace tail traffic --tenant acme\n  millrace tail quarantine --json --limit 5\n\nIt asks a running Millrace; it does not read a data folder by itself.',
    )
    .action(async (name: string, options: TailOptions) => tail(name, options));
}

async function tail(name: string, options: TailOptions): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const parameters = new URLSearchParams({ stream: name });
  if (options.tenant !== undefined) parameters.set('tenant', options.tenant);
  const response = await new Server(options).open(
    `/v1/live?${parameters}`,
    { headers: { accept: 'text/event-stream' } },
    stop.signal,
  );
  let left = options.limit ?? Infinity;
  try {
    for await (const { event, data } of serverSentEvents(response.body!)) {
      if (event !== 'rows') continue;
      for (const row of (JSON.parse(data) as { rows: readonly Record<string, Cell>[] }).rows) {
        if (left-- <= 0) return;
        if (options.json === true) printJson(row);
        else print(rowText(row));
      }
      if (left <= 0) return;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    stop.abort();
  }
}

function rowsArgument(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError('expected a whole number from 1.');
  return Number(text);
}

/** A row as `name=value …`, empty columns left out. */
export function rowText(row: Readonly<Record<string, Cell>>): string {
  return Object.entries(row)
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(
      ([name, value]) =>
        `${dim(`${name}=`)}${name.endsWith('_at') || name.endsWith('_time') ? timeText(value) : cellText(value)}`,
    )
    .join(' ');
}

function timeText(value: Cell): string {
  return typeof value === 'number' ? new Date(value).toISOString() : cellText(value);
}
