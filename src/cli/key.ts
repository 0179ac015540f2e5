import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { hashKey } from '../config/tenants.js';
import { print, printJson } from './output.js';

/** A new key: 32 random bytes behind a prefix by which scanners for leaked secrets find it. */
export function newKey(): string {
  return `mr_${randomBytes(4).toString('hex')}_${randomBytes(32).toString('base64url')}`;
}

/** A new access key pair for clients of AWS: an id of 20 characters, a secret of 40. */
export function newAccessKey(): { readonly id: string; readonly secret: string } {
  const letters = Array.from(randomBytes(16), (byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte & 31]!);
  return { id: `MRAK${letters.join('')}`, secret: randomBytes(30).toString('base64url') };
}

/** `millrace key`: makes an API key and the hash that goes into the configuration. */
export function keyCommand(): Command {
  return new Command('key')
    .description('make an API key, and its hash for the configuration')
    .argument('[key]', 'hash this key instead of a new one')
    .option('--access', 'make an access key and its secret, for clients of the Firehose API')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      "\nExamples:\n  millrace key\n  millrace key --json\n\nThe key goes to whoever sends or reads; only the hash goes into the configuration:\n  tenants: [{ id: 'acme', keys: [{ name: 'web', hash: '…', role: 'ingest' }] }]\n\nThe secret of an access key can't be hashed, since it verifies signatures: keep it in the environment:\n  tenants: [{ id: 'acme', accessKeys: [{ id: 'MRAK…', secret: { env: 'ACME_SECRET' } }] }]",
    )
    .action((given: string | undefined, options: { access?: boolean; json?: boolean }) => {
      if (options.access === true) return printAccessKey(options.json === true);
      const key = given ?? newKey();
      const hash = hashKey(key);
      if (options.json === true) return printJson({ key, hash });
      print(`key   ${key}`);
      print(`hash  ${hash}`);
    });
}

function printAccessKey(asJson: boolean): void {
  const { id, secret } = newAccessKey();
  if (asJson) return printJson({ id, secret });
  print(`id      ${id}`);
  print(`secret  ${secret}`);
}
