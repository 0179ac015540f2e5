import { createServer, type Server } from 'node:http';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { readConfigFile } from '../config/read-file.js';
import { systemClock } from '../io/clock.js';
import { systemRandom } from '../io/random.js';
import { asMillraceError, codeOf } from '../pull/feed-error.js';
import { openPulls } from '../pull/open.js';
import { EVERY_SECONDS, parsePullList, PULLS_MAX, type PullList } from '../pull/options.js';
import { Report, type PullEvent } from '../pull/report.js';
import { verify } from '../pull/verify.js';
import { runPulls, type Pull } from '../pull/worker.js';
import { createMetrics, renderMetrics, type Metrics } from '../telemetry/metrics.js';
import { MillraceError } from '../util/errors.js';
import { dim, green, print, printError, printJson, red, several } from './output.js';

interface Options {
  readonly from?: string;
  readonly key?: string;
  readonly tenant?: string;
  readonly view?: string;
  readonly into?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly config?: string;
  readonly limit?: number;
  readonly once?: boolean;
  readonly follow?: boolean;
  readonly verify?: boolean;
  readonly dryRun?: boolean;
  readonly metricsPort?: number;
  readonly json?: boolean;
}

/** Attempts to reach the server before a command that ends by itself gives up. */
const ATTEMPTS_MAX = 8;

const EXAMPLES = `
Examples:
  export MILLRACE_KEY=…
  millrace pull --from https://millrace.example --view traffic --into postgres://me:secret@localhost/reports
  millrace pull --config pull.yaml --metrics-port 9100
  millrace pull --config pull.yaml --verify

Give the key as MILLRACE_KEY: other users of the machine can read arguments.`;

/** `millrace pull`: a view's rows into the advertiser's own database, and everything that changes after. */
export function pullCommand(): Command {
  return new Command('pull')
    .description("keep a view's rows in a database of your own, exactly, from the changes feed")
    .addOption(new Option('--from <url>', 'address of the Millrace to pull from').env('MILLRACE_URL'))
    .addOption(new Option('--key <key>', 'API key').env('MILLRACE_KEY'))
    .option('--tenant <id>', "whose rows (default: the key's own)")
    .option('--view <name>', 'which view')
    .option('--into <address>', 'postgres://user:password@host:5432/database, sqlite:path, or parquet:folder')
    .option('--schema <name>', 'schema of PostgreSQL (default: public)')
    .option('--table <name>', "table (default: the view's name)")
    .option('--config <file>', 'many pulls: a YAML or JSON file')
    .option('--limit <rows>', 'rows of a page, 1 to 10000', wholeNumber(1, 10_000))
    .option('--once', 'until nothing more is there, then end')
    .option('--follow', 'go on for ever (default)')
    .option('--verify', 'pull, compare with the server day by day, and repair what differs')
    .option('--dry-run', 'with --verify: only say what differs')
    .option('--metrics-port <port>', 'serve Prometheus metrics at 127.0.0.1', wholeNumber(0, 65_535))
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', EXAMPLES)
    .action(pull);
}

async function pull(options: Options): Promise<void> {
  const list = await listOf(options);
  const stop = new AbortController();
  const end = (): void => stop.abort(new Error('stopped'));
  process.once('SIGINT', end).once('SIGTERM', end);
  // Waiting alone, for a server that is away, does not keep a process alive.
  const alive = setInterval(() => undefined, 60_000);
  const metrics = createMetrics();
  const tell = teller(options.json === true, list.pulls.length > 1 || options.config !== undefined);
  const report = new Report(metrics, systemClock, tell);
  const server = options.metricsPort === undefined ? null : await serveMetrics(metrics, options.metricsPort);
  const endsByItself = options.once === true || options.verify === true;
  const retry = {
    clock: systemClock,
    random: systemRandom,
    signal: stop.signal,
    ...(endsByItself ? { attemptsMax: ATTEMPTS_MAX } : {}),
  };
  let opened;
  try {
    opened = await openPulls(list, (one, why) => report.listing(one, why), retry);
    if (options.verify === true) await verifyAll(opened.pulls, options, stop.signal);
    else await run(opened.pulls, list, endsByItself, { report, signal: stop.signal });
  } catch (error) {
    if (!stop.signal.aborted) throw asMillraceError(error);
  } finally {
    clearInterval(alive);
    await opened?.close();
    server?.close();
  }
}

async function run(
  pulls: readonly Pull[],
  list: PullList,
  once: boolean,
  { report, signal }: { readonly report: Report; readonly signal: AbortSignal },
): Promise<void> {
  const failed = await runPulls(pulls, {
    mode: once ? 'once' : 'follow',
    pullsMax: list.pullsMax,
    everyMs: list.everySeconds * 1000,
    signal,
    clock: systemClock,
    random: systemRandom,
    reporter: report,
  });
  // Each was told when it happened.
  if (failed.size > 0) process.exitCode = 1;
}

async function verifyAll(pulls: readonly Pull[], { dryRun, json }: Options, signal: AbortSignal): Promise<void> {
  for (const { tenant, view, client, puller } of pulls) {
    try {
      const result = await verify({ client, puller, repairs: dryRun !== true, signal });
      const isGood = result.differences.length === 0;
      if (!isGood) process.exitCode = 1;
      if (json === true) {
        printJson({ event: 'verified', tenant, view, ...result });
        continue;
      }
      const head = `${tenant}/${view}: ${several(result.days, 'day')}, ${several(result.rows, 'row')}`;
      print(`${head}: ${isGood ? green('as the server has them') : red('different')}`);
      for (const { day, measure, server, own } of result.differences)
        print(`  ${day} ${measure}: the server has ${server}, the table ${own}`);
      if (result.repaired.length > 0) print(`  repaired: ${result.repaired.join(', ')}`);
      if (result.moving.length > 0) print(dim(`  still changing, not compared: ${result.moving.join(', ')}`));
    } catch (error) {
      if (signal.aborted) return;
      printError(asMillraceError(error), json === true);
      process.exitCode = 1;
    }
  }
}

async function listOf(options: Options): Promise<PullList> {
  const { config, from, view, into, key, tenant, schema, table, limit } = options;
  if (config !== undefined) {
    const file = resolve(config);
    return parsePullList(await readConfigFile(file), config, process.env);
  }
  for (const [name, value] of Object.entries({ from, view, into }))
    if (value === undefined)
      throw new MillraceError('CONFIG_INVALID', `--${name} is missing; give --from, --view and --into, or --config`, {
        place: name,
      });
  const pulls = [{ key, tenant, view: view!, into: into!, schema, table }];
  return { url: from!, pullsMax: PULLS_MAX, everySeconds: EVERY_SECONDS, limit, pulls };
}

function teller(json: boolean, isMany: boolean): (event: PullEvent) => void {
  return ({ text, ...event }) => {
    if (json) return printJson({ time: new Date().toISOString(), ...event });
    const head = isMany ? `${event.tenant}/${event.view}: ` : '';
    const isBad = event.event === 'failed' || event.event === 'gave_up';
    const line = `${dim(new Date().toISOString().slice(11, 23))} ${head}`;
    if (isBad) process.stderr.write(`${line}${red('error', process.stderr)} ${text}\n`);
    else print(line + text);
  };
}

async function serveMetrics(metrics: Metrics, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') return void response.writeHead(404).end();
    metrics
      .collect()
      .then((parts) => renderMetrics([parts]))
      .then(
        (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(text),
        (error: unknown) => response.writeHead(500).end(codeOf(error)),
      );
  });
  await new Promise<void>((done, failed) => server.once('error', failed).listen(port, '127.0.0.1', done));
  // Ends with the command.
  server.unref();
  return server;
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    if (!/^\d{1,9}$/.test(text) || Number(text) < least || Number(text) > most)
      throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}.`);
    return Number(text);
  };
}
