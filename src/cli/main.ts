#!/usr/bin/env node
/** The command line: one file a command, one way to fail. */
import { Command, CommanderError } from 'commander';
import { VERSION } from '../util/version.js';
import { printError } from './output.js';

/** A command: what the help says of it, and the module that is loaded when it is the one called. */
interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Every command, in the order of the help. */
const COMMANDS: readonly Entry[] = [
  {
    name: 'start',
    summary: 'run the pipeline: HTTP in, log, views, lake, API and console',
    load: async () => (await import('./start.js')).startCommand(),
  },
  {
    name: 'dev',
    summary: 'like start, and again whenever the configuration, a view or a function changes',
    load: async () => (await import('./dev.js')).devCommand(),
  },
  {
    name: 'init',
    summary: 'write a working configuration to start from',
    load: async () => (await import('./init.js')).initCommand(),
  },
  {
    name: 'check',
    summary: 'explain every mistake in the configuration and the views',
    load: async () => (await import('./check.js')).checkCommand(),
  },
  {
    name: 'send',
    summary: 'send files, access logs or generated traffic',
    load: async () => (await import('./send.js')).sendCommand(),
  },
  {
    name: 'tail',
    summary: 'follow a stream or a view, a row a line',
    load: async () => (await import('./tail.js')).tailCommand(),
  },
  {
    name: 'sql',
    summary: 'SQL, from a shell or a script: against a server, or in a pipeline in memory',
    load: async () => (await import('./sql.js')).sqlCommand(),
  },
  {
    name: 'test',
    summary: 'run test files: events in, expected rows out, under a clock of their own',
    load: async () => (await import('./test.js')).testCommand(),
  },
  {
    name: 'deliveries',
    summary: 'what is delivered, what waits, what fails; pause and resume',
    load: async () => (await import('./deliveries.js')).deliveriesCommand(),
  },
  {
    name: 'quarantine',
    summary: 'events that failed: list, show, count, run again, give up',
    load: async () => (await import('./quarantine.js')).quarantineCommand(),
  },
  {
    name: 'redrive',
    summary: 'run quarantined events through the stage that failed, after a fix',
    load: async () => (await import('./quarantine.js')).redriveCommand(),
  },
  {
    name: 'replay',
    summary: 'bring a part of a stream to a delivery once more, from log or lake',
    load: async () => (await import('./replay.js')).replayCommand(),
  },
  {
    name: 'pull',
    summary: "keep a view's rows in a database of your own, exactly, from the changes feed",
    load: async () => (await import('./pull.js')).pullCommand(),
  },
  {
    name: 'explain',
    summary: 'how a view stands, why a window is open, and what a change would be',
    load: async () => (await import('./explain.js')).explainCommand(),
  },
  {
    name: 'diff',
    summary: "a changed view's new definition against the one before",
    load: async () => (await import('./diff.js')).diffCommand(),
  },
  {
    name: 'swap',
    summary: "let a changed view's new definition answer",
    load: async () => (await import('./swap.js')).swapCommand(),
  },
  {
    name: 'audit',
    summary: 'close the accounts: received = delivered + dropped + quarantined + pending',
    load: async () => (await import('./audit.js')).auditCommand(),
  },
  {
    name: 'key',
    summary: 'make an API key, and its hash for the configuration',
    load: async () => (await import('./key.js')).keyCommand(),
  },
];

const FAILED = 1;
const USAGE = 2;

/** The command that is called is loaded, of the others only what the help says. */
async function program(args: readonly string[]): Promise<Command> {
  const millrace = new Command('millrace')
    .description('From a click to a number: events in over HTTP, kept in a durable log, summed by SQL.')
    .version(VERSION)
    .showHelpAfterError('(millrace help COMMAND shows examples)')
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .exitOverride();
  const called = args[0] === 'help' ? args[1] : args[0];
  for (const { name, summary, load } of COMMANDS) {
    const command = name === called ? await load() : new Command(name).description(summary);
    millrace.addCommand(command.exitOverride());
  }
  return millrace;
}

async function main(args: readonly string[]): Promise<number> {
  try {
    await (await program(args)).parseAsync([...args], { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    printError(error, args.includes('--json'));
    return FAILED;
  }
}

// A reader of the output that has gone (`millrace tail | head`) ends the command, quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : FAILED));

process.exitCode = await main(process.argv.slice(2));
