import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { hashKey } from '../config/tenants.js';
import { print, printJson } from './output.js';

/** A new key: 32 random bytes behind a prefix by which scanners for leaked secrets find it. */
export function newKey(): string {
  return `mr_${randomBytes(4).toString('hex')}_${randomBytes(32).toString('base64url')}`;
}

/** `millrace key`: makes an API key and the hash that goes into the configuration. */
export function keyCommand(): Command {
  return new Command('key')
    .description('make an API key, and its hash for the configuration')
    .argument('[key]', 'hash this key instead of a new one')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      "\nExamples:\n  millrace key\n  millrace key --json\n\nThe key goes to whoever sends or reads; only the hash goes into the configuration:\n  tenants: [{ id: 'acme', keys: [{ name: 'web', hash: '…', role: 'ingest' }] }]",
    )
    .action((given: string | undefined, options: { json?: boolean }) => {
      const key = given ?? newKey();
      const hash = hashKey(key);
      if (options.json === true) return printJson({ key, hash });
      print(`key   ${key}`);
      print(`hash  ${hash}`);
    });
}
