import { Command } from 'commander';
import { MillraceError } from '../util/errors.js';
import { count, green, print, printJson, red, table } from './output.js';
import { Server, withServer, type ServerOptions } from './server.js';

/** The closing of accounts of one stream, as `GET /v1/audit` answers it. */
export interface AuditAccount {
  readonly stream: string;
  readonly received: number;
  readonly delivered: number;
  readonly quarantined: number;
  readonly pending: number;
  readonly duplicates: number;
  /** Counts by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** What `GET /v1/audit` answers. */
export interface AuditAnswer {
  readonly accounts: readonly AuditAccount[];
}

/** What an account lacks to close: received - (delivered + dropped + quarantined + pending). */
export function difference(account: AuditAccount): number {
  return account.received - account.delivered - droppedOf(account) - account.quarantined - account.pending;
}

/** Events an account names as dropped, duplicates among them. */
function droppedOf(account: AuditAccount): number {
  const reasons = Object.values(account.dropped).reduce((sum, events) => sum + events, 0);
  return 'duplicate' in account.dropped ? reasons : reasons + account.duplicates;
}

interface AuditOptions extends ServerOptions {
  readonly json?: boolean;
}

/** `millrace audit`: received = delivered + dropped(reason) + quarantined + pending, or exit code 1. */
export function auditCommand(): Command {
  return withServer(new Command('audit'))
    .description('close the accounts: received = delivered + dropped + quarantined + pending')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace audit\n  millrace audit --json\n\nExit code 1 when an account does not close.',
    )
    .action(async (options: AuditOptions) => {
      const { accounts } = await new Server(options).get<AuditAnswer>('/v1/audit');
      const open = accounts.filter((account) => difference(account) !== 0);
      if (options.json === true)
        printJson({
          closes: open.length === 0,
          accounts: accounts.map((account) => ({ ...account, difference: difference(account) })),
        });
      else printAccounts(accounts);
      if (open.length === 0) return;
      const first = open[0]!;
      throw new MillraceError(
        'INTERNAL',
        `${open.length} of ${accounts.length} accounts do not close; ${first.stream} differs by ${difference(first)}`,
        { place: first.stream },
      );
    });
}

function printAccounts(accounts: readonly AuditAccount[]): void {
  const header = ['stream', 'received', 'delivered', 'dropped', 'quarantined', 'pending', 'closes'];
  const rows = accounts.map((account) => [
    account.stream,
    account.received,
    account.delivered,
    droppedOf(account),
    account.quarantined,
    account.pending,
    difference(account) === 0 ? green('yes') : red(`off by ${count(difference(account))}`),
  ]);
  print(table(header, rows));
  for (const account of accounts)
    for (const [reason, events] of Object.entries({ duplicate: account.duplicates, ...account.dropped }))
      if (events > 0) print(`  ${account.stream}: dropped(${reason}) ${count(events)}`);
}
