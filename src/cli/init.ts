import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { MillraceError } from '../util/errors.js';
import { newKey } from './key.js';
import { print, printJson } from './output.js';
import { starterFiles } from './starter.js';

/** `millrace init`: writes a configuration that works, to start from. */
export function initCommand(): Command {
  return new Command('init')
    .description('write a working configuration to start from')
    .argument('[folder]', 'where to', '.')
    .option('--force', 'write over files that are there')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  millrace init\n  millrace init shop && cd shop && npx millrace start')
    .action((folder: string, options: { force?: boolean; json?: boolean }) => {
      const target = resolve(folder);
      const files = starterFiles({ ingest: newKey(), read: newKey(), operator: newKey() });
      const paths = Object.keys(files);
      const there = paths.filter((path) => existsSync(join(target, path)));
      if (there.length > 0 && options.force !== true) {
        const message = `${there.join(', ')} ${there.length === 1 ? 'is' : 'are'} there already; nothing was written. Expected an empty folder, or --force`;
        throw new MillraceError('CONFIG_INVALID', message, { place: target });
      }
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(target, path)), { recursive: true });
        writeFileSync(join(target, path), content);
      }
      if (options.json === true) return printJson({ folder: target, files: paths });
      for (const path of paths) print(`wrote ${relative(process.cwd(), join(target, path))}`);
      print('');
      print('Next:');
      if (folder !== '.') print(`  cd ${folder}`);
      print('  npx millrace check    explains every mistake');
      print('  npx millrace start    runs it at http://127.0.0.1:7070');
    });
}
