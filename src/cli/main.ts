#!/usr/bin/env node
/** The command line: one file a command, one way to fail. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { auditCommand } from './audit.js';
import { checkCommand } from './check.js';
import { initCommand } from './init.js';
import { keyCommand } from './key.js';
import { printError } from './output.js';
import { sendCommand } from './send.js';
import { sqlCommand } from './sql.js';
import { startCommand } from './start.js';
import { tailCommand } from './tail.js';

/** Every command, in the order of the help. */
const COMMANDS = [
  startCommand,
  initCommand,
  checkCommand,
  sendCommand,
  tailCommand,
  sqlCommand,
  auditCommand,
  keyCommand,
];

const FAILED = 1;
const USAGE = 2;

function version(): string {
  return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string })
    .version;
}

function program(): Command {
  const millrace = new Command('millrace')
    .description('From a click to a number: events in over HTTP, kept in a durable log, summed by SQL.')
    .version(version())
    .showHelpAfterError('(millrace help COMMAND shows examples)')
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .exitOverride();
  for (const make of COMMANDS) {
    const command = make();
    command.exitOverride();
    millrace.addCommand(command);
  }
  return millrace;
}

async function main(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync([...args], { from: 'user' });
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
