import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { findConfig, loadConfig } from '../config/load.js';
import type { MillraceOptions } from '../config/options.js';
import type { ConfigOverrides } from '../config/parse.js';
import { realDisk } from '../io/disk-real.js';
import { growHeapsFreely } from '../io/heap.js';
import { bold, count, dim, print, printError, printJson } from './output.js';

/** The options of `millrace start`. */
export interface StartOptions {
  readonly config?: string;
  readonly port?: number;
  readonly host?: string;
  readonly data?: string;
  readonly sample: boolean;
  readonly json?: boolean;
}

/** A port of the command line or the environment. */
export function portArgument(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('expected a port from 0 to 65535.');
  return port;
}

/** `millrace start`: runs the pipeline until SIGINT or SIGTERM. */
export function startCommand(): Command {
  return withStartOptions(
    new Command('start').description('run the pipeline: HTTP in, log, views, lake, API and console'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  millrace start\n  millrace start --config shop.config.ts --port 8080 --data /var/lib/millrace\n  MILLRACE_PORT=8080 millrace start --no-sample',
    )
    .action(async (options: StartOptions) => start(options));
}

/** Adds the options of `millrace start` to a command. */
export function withStartOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration (default: millrace.config.* in this folder)')
    .addOption(new Option('-p, --port <port>', 'port; 0 takes a free one').env('MILLRACE_PORT').argParser(portArgument))
    .addOption(new Option('--host <host>', 'address to listen at').env('MILLRACE_HOST'))
    .addOption(new Option('-d, --data <folder>', 'data folder').env('MILLRACE_DATA'))
    .option('--no-sample', 'leave out the samples of the configuration')
    .option('--json', 'print JSON, one object a line');
}

/** What the command line says in place of the configuration. */
export function overridesOf({ port, host, data, sample }: StartOptions): ConfigOverrides {
  return {
    ...(port === undefined ? {} : { port }),
    ...(host === undefined ? {} : { host }),
    ...(data === undefined ? {} : { data: resolve(data) }),
    samples: sample,
  };
}

async function start(options: StartOptions): Promise<void> {
  const file = findConfig(options.config, process.cwd());
  const config = await loadConfig(file, overridesOf(options));
  const json = options.json === true;
  growHeapsFreely();
  const running = await run(config, { json, again: false });
  const signal = await stopSignal();
  if (!json) print(`\n${signal}: draining, then stopping`);
  await running.close();
  sayStopped(signal, json);
}

/** A pipeline of the command line. */
export interface Running {
  readonly url: string;
  readonly port: number;
  /** Ends the sending of samples and closes the pipeline in order. */
  close(): Promise<void>;
}

/** Starts the pipeline and the sending of its samples. Where it runs is said at first, not `again`. */
export async function run(
  config: MillraceOptions,
  { json, again }: { readonly json: boolean; readonly again: boolean },
): Promise<Running> {
  const { startMillrace } = await import('../millrace.js');
  const millrace = await startMillrace(config);
  const { url, port } = millrace;
  if (!again) {
    if (json) printJson({ event: 'started', url, pid: process.pid, data: config.dataFolder });
    else announce(config, url);
  }
  const sending = new AbortController();
  const samples = announceSamples(config, url, sending.signal, { json, again });
  return {
    url,
    port,
    async close() {
      sending.abort();
      await samples;
      await millrace.close();
    },
  };
}

/** Says that everything is closed. */
export function sayStopped(signal: NodeJS.Signals, json: boolean): void {
  if (json) printJson({ event: 'stopped', signal });
  else print('stopped; everything that was answered is on disk');
}

/** Sends the samples while the pipeline runs, and says so, once for each; a failure is said and ends nothing. */
async function announceSamples(
  config: MillraceOptions,
  url: string,
  signal: AbortSignal,
  { json, again }: { readonly json: boolean; readonly again: boolean },
): Promise<void> {
  if (config.samples.length === 0) return;
  const { sendSamples } = await import('./samples.js');
  try {
    for (const { name, totals } of await sendSamples(config, url, realDisk, signal))
      if (again && totals === null) continue;
      else if (json) printJson({ event: 'sample', name, accepted: totals?.accepted ?? 0, sentBefore: totals === null });
      else if (totals === null) print(dim(`sample ${name}: sent before, nothing is sent twice`));
      else
        print(
          `sample ${name}: ${count(totals.accepted)} events accepted, ${count(totals.duplicates)} duplicates, ${count(totals.rejected)} rejected`,
        );
  } catch (error) {
    printError(error, json);
  }
}

/** A second signal sooner than this is the first one again: npm passes on what the terminal has sent to all. */
const SAME_SIGNAL_MS = 1_000;

/** The first SIGINT or SIGTERM. Another one later ends the process at once. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((stopped) => {
    let first: number | undefined;
    const onSignal = (signal: NodeJS.Signals) => {
      if (first !== undefined && performance.now() - first > SAME_SIGNAL_MS) process.exit(130);
      first ??= performance.now();
      stopped(signal);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}

function announce(config: MillraceOptions, url: string): void {
  const line = (name: string, value: string, note = '') =>
    print(`  ${name.padEnd(10)}${value}${note === '' ? '' : `  ${dim(note)}`}`);
  print(bold(`Millrace runs at ${url}`));
  print('');
  for (const page of config.pages) line(page.path.slice(1), `${url}${page.path}`);
  line('console', `${url}/`);
  line('API', `${url}/v1/openapi.json`);
  line('metrics', `${url}/metrics`);
  line('data', config.dataFolder);
  if (config.samples.length > 0)
    line('sample', config.samples.map(({ name }) => name).join(', '), 'sent once through the front door');
  const { demoKeys, demoAccessKeys } = config.tenants;
  if (demoKeys.length + demoAccessKeys.length > 0) {
    print('');
    print(`  ${bold('Demo keys')} ${dim('(in clear in the configuration, so this machine only)')}`);
    for (const { key, role, tenant } of demoKeys) print(`  ${tenant.padEnd(10)}${role.padEnd(10)}${key}`);
    for (const { id, secret, tenant } of demoAccessKeys)
      print(`  ${tenant.padEnd(10)}${'access'.padEnd(10)}${id} ${secret}`);
  }
  print('');
  print(dim('Ctrl-C stops it.'));
}
