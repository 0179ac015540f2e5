import { Command } from 'commander';
import type { DeliveryStatus } from '../deliver/status.js';
import { count, dim, green, print, printJson, red, table } from './output.js';
import { Server, withServer, type ServerOptions } from './server.js';

/** A delivery, as `GET /v1/deliveries` answers it. */
type Delivery = DeliveryStatus & { readonly state: string; readonly reason: string | null };

interface Options extends ServerOptions {
  readonly json?: boolean;
}

/** `millrace deliveries`: how they are, and pause and resume. */
export function deliveriesCommand(): Command {
  const command = withServer(new Command('deliveries'))
    .description('deliveries: what is delivered, what waits, what fails')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace deliveries\n  millrace deliveries pause archive\n  millrace deliveries resume archive',
    )
    .action(async (options: Options) => {
      const { deliveries } = await new Server(options).get<{ deliveries: Delivery[] }>('/v1/deliveries');
      if (options.json === true) return deliveries.forEach((delivery) => printJson(delivery));
      if (deliveries.length === 0) return print(dim("there are none; the guide's page on deliveries shows how"));
      printDeliveries(deliveries);
    });
  for (const name of ['pause', 'resume'] as const)
    command.addCommand(
      withServer(new Command(name))
        .description(name === 'pause' ? 'stop taking rows' : 'go on')
        .argument('<delivery>', 'its name')
        .action(async (delivery: string, options: Options) => {
          await new Server(options).post(`/v1/deliveries/${encodeURIComponent(delivery)}/${name}`, {});
          print(name === 'pause' ? `${delivery} is paused; the log keeps what comes` : `${delivery} goes on`);
        }),
    );
  return command;
}

function printDeliveries(deliveries: readonly Delivery[]): void {
  const header = ['delivery', 'from', 'sink', 'state', 'delivered', 'waiting', 'oldest s', 'rows/s', 'quarantined'];
  const rows = deliveries.map((one) => [
    one.name,
    one.from,
    one.sink,
    stateOf(one),
    one.totals.ok,
    one.pendingRows,
    Math.round(one.oldestMs / 1000),
    Math.round(one.rowsPerSecond),
    one.totals.quarantined,
  ]);
  print(table(header, rows));
  for (const { name, reason, errors } of deliveries) {
    if (reason !== null) print(`${red(name)}: ${reason}`);
    const last = errors.at(-1);
    if (last !== undefined)
      print(
        dim(`${name}: last failure ${new Date(last.atMs).toISOString()}: ${last.message} (${count(last.times)} times)`),
      );
  }
}

function stateOf({ paused, breaker, state }: Delivery): string {
  if (paused) return 'paused';
  if (breaker !== 'closed') return red('sink away');
  return state === 'running' ? green('running') : red(state);
}
