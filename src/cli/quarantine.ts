import { Command } from 'commander';
import type { QuarantinedRow, QuarantineGroup, Resolution } from '../serve/quarantine.js';
import { MillraceError } from '../util/errors.js';
import { bold, count, dim, print, printJson, table } from './output.js';
import { Server, withServer, type ServerOptions } from './server.js';

interface FilterOptions extends ServerOptions {
  readonly stage?: string;
  readonly reader?: string;
  readonly stream?: string;
  readonly tenant?: string;
  readonly code?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit?: string;
  readonly offset?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

const FILTERS = ['stage', 'reader', 'stream', 'tenant', 'code', 'from', 'to'] as const;

/** `millrace quarantine`: what failed, why, and what becomes of it. */
export function quarantineCommand(): Command {
  const command = new Command('quarantine')
    .description('events that failed: list, show, count, run again, give up')
    .addHelpText(
      'after',
      "\nExamples:\n  millrace quarantine stats\n  millrace quarantine list --reader archive\n  millrace quarantine show 42\n  millrace quarantine redrive --reader archive\n  millrace quarantine drop --code EVENT_TYPE --tenant acme\n\nEach takes --json. The same rows by SQL: millrace sql 'SELECT * FROM quarantine LIMIT 10'",
    );
  command.addCommand(listCommand());
  command.addCommand(showCommand());
  command.addCommand(statsCommand());
  command.addCommand(resolveCommand('redrive', 'redrive'));
  command.addCommand(resolveCommand('drop', 'drop'));
  return command;
}

/** `millrace redrive`: the same as `millrace quarantine redrive`. */
export function redriveCommand(): Command {
  return resolveCommand('redrive', 'redrive').addHelpText(
    'after',
    '\nExamples:\n  millrace redrive --reader archive\n  millrace redrive --stage collect --tenant acme\n  millrace redrive --all',
  );
}

function filtered(command: Command): Command {
  return withServer(command)
    .option('--stage <stage>', 'collect, transform or deliver')
    .option('--reader <name>', 'a transform or delivery')
    .option('--stream <name>', "the event's stream")
    .option('--tenant <id>', "one tenant's rows")
    .option('--code <code>', 'error code')
    .option('--from <time>', 'quarantined at or after; ISO 8601 or ms since 1970')
    .option('--to <time>', 'quarantined before')
    .option('--json', 'print JSON');
}

function queryOf(options: FilterOptions, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(more);
  for (const name of FILTERS) if (options[name] !== undefined) query.set(name, options[name]);
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

function listCommand(): Command {
  return filtered(new Command('list'))
    .description('open rows, the oldest first')
    .option('--limit <rows>', 'most rows', '100')
    .action(async (options: FilterOptions) => {
      const path = `/v1/quarantine${queryOf(options, { limit: options.limit ?? '100' })}`;
      const { rows } = await new Server(options).get<{ rows: QuarantinedRow[] }>(path);
      if (options.json === true) return rows.forEach((row) => printJson(row));
      if (rows.length === 0) return print(dim('nothing is quarantined'));
      const header = ['offset', 'at', 'tenant', 'where', 'code', 'tries', 'message'];
      print(
        table(
          header,
          rows.map((row) => [row.offset, row.at, row.tenant, whereOf(row), row.code, row.attempts, row.message]),
        ),
      );
    });
}

function showCommand(): Command {
  return withServer(new Command('show'))
    .description('one open row with its original')
    .argument('<offset>', 'as `list` shows it')
    .option('--json', 'print JSON')
    .action(async (offset: string, options: FilterOptions) => {
      const row = await new Server(options).get<QuarantinedRow>(`/v1/quarantine/${encodeURIComponent(offset)}`);
      if (options.json === true) return printJson(row);
      const { original, ...fields } = row;
      for (const [name, value] of Object.entries(fields))
        print(`${bold(name.padEnd(14))} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`);
      if (typeof original === 'string') print(`\n${Buffer.from(original, 'base64').toString()}`);
      else print(dim(`\nits original of ${count(row.originalLength)} bytes was too long to be kept`));
    });
}

function statsCommand(): Command {
  return filtered(new Command('stats'))
    .description('open rows by cause')
    .action(async (options: FilterOptions) => {
      const { groups } = await new Server(options).get<{ groups: QuarantineGroup[] }>(
        `/v1/quarantine/stats${queryOf(options)}`,
      );
      if (options.json === true) return groups.forEach((group) => printJson(group));
      if (groups.length === 0) return print(dim('nothing is quarantined'));
      print(
        table(
          ['where', 'code', 'rows', 'tenants', 'oldest', 'newest'],
          groups.map((group) => [whereOf(group), group.code, group.rows, group.tenants, group.oldest, group.newest]),
        ),
      );
    });
}

function resolveCommand(name: string, path: 'redrive' | 'drop'): Command {
  const what = path === 'redrive' ? 'run rows through the stage that failed, after a fix' : 'give rows up';
  return filtered(new Command(name))
    .description(what)
    .option('--offset <offset>', 'one row')
    .option('--all', 'all open rows')
    .option('--limit <rows>', 'most rows')
    .action(async (options: FilterOptions) => {
      const body = Object.fromEntries(
        [...FILTERS, 'offset' as const].flatMap((field) =>
          options[field] === undefined ? [] : [[field, field === 'offset' ? Number(options[field]) : options[field]]],
        ),
      );
      if (Object.keys(body).length === 0 && options.all !== true)
        throw new MillraceError('BODY_MALFORMED', `which rows? Name them by a filter, or all of them with --all`, {
          place: name,
        });
      const limit = options.limit === undefined ? {} : { limit: Number(options.limit) };
      const answer = await new Server(options).post<Resolution>(`/v1/quarantine/${path}`, { ...body, ...limit });
      if (options.json === true) return printJson(answer);
      const done = path === 'redrive' ? 'on their way again' : 'given up';
      print(`${count(answer.resolved)} row${answer.resolved === 1 ? '' : 's'} ${done}`);
      if (answer.refusedCount === 0) return;
      print(`${count(answer.refusedCount)} stay:`);
      for (const { offset, message } of answer.refused) print(`  ${offset}: ${message}`);
    });
}

function whereOf({ stage, reader, stream }: Pick<QuarantinedRow, 'stage' | 'reader' | 'stream'>): string {
  return reader === null ? `${stage} ${stream}` : `${stage} ${reader} (${stream})`;
}
