import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { ReplayShown } from '../serve/replays.js';
import { MillraceError } from '../util/errors.js';
import { count, dim, print, printJson, table } from './output.js';
import { Server, withServer, type ServerOptions } from './server.js';

interface Options extends ServerOptions {
  readonly delivery?: string;
  readonly tenant?: string;
  readonly from?: string;
  readonly to?: string;
  readonly rate?: string;
  readonly follow?: string;
  readonly list?: boolean;
  readonly cancel?: string;
  readonly detach?: boolean;
  readonly json?: boolean;
}

const LOOK_MS = 500;

/** `millrace replay`: a part of a stream once more, with progress; it goes on without us. */
export function replayCommand(): Command {
  return withServer(new Command('replay'))
    .description('bring a part of a stream to a delivery once more, from log or lake')
    .option('--delivery <name>', 'whose sink takes the rows')
    .option('--from <time>', 'received at or after; ISO 8601 or ms since 1970')
    .option('--to <time>', 'received before; default now')
    .option('--tenant <id>', "only this tenant's rows")
    .option('--rate <rows>', 'most rows a second')
    .option('--detach', 'only start it')
    .option('--follow <id>', 'follow one that runs')
    .option('--cancel <id>', 'end one that runs')
    .option('--list', 'those that run and the last that ended')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace replay --delivery archive --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z\n  millrace replay --delivery search --tenant acme --from 2026-11-28 --rate 5000\n  millrace replay --list\n\nIt runs in the server: ending this command does not end it.',
    )
    .action(async (options: Options) => {
      const server = new Server(options);
      if (options.list === true) return list(server, options);
      if (options.cancel !== undefined)
        return show(
          await server.post<ReplayShown>(`/v1/replays/${encodeURIComponent(options.cancel)}/cancel`, {}),
          options,
        );
      const id = options.follow ?? (await make(server, options)).id;
      if (options.detach === true) return print(id);
      return follow(server, id, options);
    });
}

async function make(server: Server, { delivery, from, to, tenant, rate }: Options): Promise<ReplayShown> {
  if (delivery === undefined || from === undefined)
    throw new MillraceError('BODY_MALFORMED', 'which rows, and where to? Name them by --delivery and --from', {
      place: 'replay',
    });
  return server.post<ReplayShown>('/v1/replays', {
    delivery,
    from,
    to: to ?? Date.now(),
    ...(tenant === undefined ? {} : { tenant }),
    ...(rate === undefined ? {} : { rowsPerSecond: Number(rate) }),
  });
}

async function follow(server: Server, id: string, options: Options): Promise<void> {
  const isTerminal = process.stderr.isTTY === true;
  for (;;) {
    const { replays } = await server.get<{ replays: ReplayShown[] }>('/v1/replays');
    const replay = replays.find((one) => one.id === id);
    if (replay === undefined) throw new MillraceError('NOT_FOUND', `there is no replay '${id}'`, { place: id });
    if (replay.state !== 'running') {
      if (isTerminal) process.stderr.write('\r\u001b[K');
      return show(replay, options);
    }
    if (isTerminal) process.stderr.write(`\r\u001b[K${lineOf(replay)}`);
    await sleep(LOOK_MS);
  }
}

function lineOf({ id, rowsDone, rowsTotal, feeding, etaMs, reason }: ReplayShown): string {
  const share = rowsTotal === 0 ? 0 : Math.floor((rowsDone / rowsTotal) * 100);
  const left = etaMs === null ? '' : `, about ${Math.ceil(etaMs / 1000)} s left`;
  const total = `${count(rowsTotal)}${feeding ? ' or more' : ''}`;
  return `${id}: ${count(rowsDone)} of ${total} rows, ${share} %${left}${reason === null ? '' : `; ${reason}`}`;
}

async function list(server: Server, options: Options): Promise<void> {
  const { replays } = await server.get<{ replays: ReplayShown[] }>('/v1/replays');
  if (options.json === true) return replays.forEach((replay) => printJson(replay));
  if (replays.length === 0) return print(dim('there are none'));
  const header = ['id', 'delivery', 'tenant', 'from', 'to', 'state', 'rows', 'of', 'delivered', 'quarantined'];
  print(
    table(
      header,
      replays.map((one) => [
        one.id,
        one.delivery,
        one.tenant,
        new Date(one.fromMs).toISOString(),
        new Date(one.toMs).toISOString(),
        one.state,
        one.rowsDone,
        one.rowsTotal,
        one.delivered,
        one.quarantined,
      ]),
    ),
  );
}

function show(replay: ReplayShown, { json }: Options): void {
  if (json === true) return printJson(replay);
  const { id, state, delivered, quarantined } = replay;
  const failed = quarantined > 0 ? `, ${count(quarantined)} quarantined` : '';
  print(`replay ${id} is ${state}: ${count(delivered)} rows delivered${failed}`);
}
