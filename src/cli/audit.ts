import { Command } from 'commander';
import type { AuditAccount, AuditAnswer } from '../serve/audit.js';
import type { EdgeAccount } from '../serve/audit-edges.js';
import { MillraceError } from '../util/errors.js';
import { count, dim, green, print, printJson, red, table } from './output.js';
import { Server, withServer, type ServerOptions } from './server.js';

/** What an account lacks to close: received - (delivered + dropped + quarantined + pending). */
export function difference(account: AuditAccount): number {
  return account.received - account.delivered - droppedOf(account) - account.quarantined - account.pending;
}

/** Events an account names as dropped, duplicates among them. */
function droppedOf(account: AuditAccount): number {
  const reasons = Object.values(account.dropped).reduce((sum, events) => sum + events, 0);
  return 'duplicate' in account.dropped ? reasons : reasons + account.duplicates;
}

const GAPS_SHOWN = 5;

interface AuditOptions extends ServerOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}

/** `millrace audit`: received = delivered + dropped(reason) + quarantined + pending, or exit code 1. */
export function auditCommand(): Command {
  return withServer(new Command('audit'))
    .description('close the accounts: received = delivered + dropped + quarantined + pending')
    .option('--tenant <id>', "one tenant's accounts (a tenant's key sees only its own)")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace audit\n  millrace audit --tenant acme\n  millrace audit --json\n\nExit code 1 when an account does not close.',
    )
    .action(async (options: AuditOptions) => {
      const query = options.tenant === undefined ? '' : `?${new URLSearchParams({ tenant: options.tenant })}`;
      const answer = await new Server(options).get<AuditAnswer>(`/v1/audit${query}`);
      const { accounts, edges } = answer;
      const open = accounts.filter((account) => difference(account) !== 0);
      const openEdges = edges.filter((edge) => edge.difference !== 0 || edge.open.length > 0);
      if (options.json === true)
        printJson({
          ...answer,
          closes: open.length + openEdges.length === 0,
          accounts: accounts.map((account) => ({ ...account, difference: difference(account) })),
        });
      else printAnswer(answer);
      const [first] = [
        ...open.map((account) => ({ name: account.stream, differs: difference(account) })),
        ...openEdges.map((edge) => ({ name: edge.edge, differs: edge.difference })),
      ];
      if (first === undefined) return;
      throw new MillraceError(
        'INTERNAL',
        `${open.length + openEdges.length} of ${accounts.length + edges.length} accounts do not close; ${first.name} differs by ${first.differs}`,
        { place: first.name },
      );
    });
}

function printAnswer({ tenant, sinceMs, gaps, accounts, edges }: AuditAnswer): void {
  const whose = tenant === null ? 'all tenants' : `tenant ${tenant}`;
  print(dim(`accounts of ${whose} since ${timeText(sinceMs)}`));
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
  for (const account of accounts) printDetails(account);
  if (edges.length > 0) printEdges(edges);
  if (gaps.length === 0) return;
  print();
  print('The process was killed. Duplicates, drops and refusals that it had counted may be missing of:');
  for (const { fromMs, toMs } of gaps.slice(-GAPS_SHOWN)) print(`  ${timeText(fromMs)} to ${timeText(toMs)}`);
  if (gaps.length > GAPS_SHOWN) print(`  and ${gaps.length - GAPS_SHOWN} earlier spans (--json shows them)`);
  print('Accepted and quarantined events are counted again from the log; none is missing.');
}

function printEdges(edges: readonly EdgeAccount[]): void {
  const sum = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((total, events) => total + events, 0);
  print();
  const header = ['edge', 'reads', 'read', 'ok', 'filtered', 'quarantined', 'dropped', 'pending', 'closes'];
  const rows = edges.map((edge) => [
    edge.edge,
    edge.stream,
    edge.read,
    edge.ok,
    sum(edge.filtered),
    sum(edge.quarantined),
    sum(edge.dropped),
    edge.pending,
    edge.difference === 0 ? green('yes') : red(`off by ${count(edge.difference)}`),
  ]);
  print(table(header, rows));
  for (const { edge, open } of edges)
    for (const { tenant, minute, rows: missing } of open)
      print(
        red(
          `  ${edge}: tenant ${tenant}, ${minute}: ${count(Math.abs(missing))} rows ${missing > 0 ? 'are nowhere' : 'too many'}`,
        ),
      );
}

function printDetails({ stream, duplicates, dropped, cut, refused, unlogged }: AuditAccount): void {
  const line = (what: string, events: number): void => {
    if (events > 0) print(`  ${stream}: ${what} ${count(events)}`);
  };
  for (const [reason, events] of Object.entries({ duplicate: duplicates, ...dropped }))
    line(`dropped(${reason})`, events);
  for (const [reader, rows] of Object.entries(cut)) line(`cut from ${reader} at the disk bound`, rows);
  line('refused with 429 or 503, to be sent again:', refused);
  line('pixels and clicks answered without the log:', unlogged);
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
