import { Command } from 'commander';
import { print, printJson } from './output.js';
import { Server, withServer, type ServerOptions } from './server.js';

interface SwapOptions extends ServerOptions {
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `millrace swap VIEW`: lets the new definition of a changed view answer; for `mill.swap: 'manual'`. */
export function swapCommand(): Command {
  return withServer(new Command('swap'))
    .description("let a changed view's new definition answer")
    .argument('<view>', 'its name')
    .option('--force', 'though it has not come as far as the definition that answers')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  millrace diff traffic\n  millrace swap traffic')
    .action(async (view: string, options: SwapOptions) => {
      const query = options.force === true ? '?force=true' : '';
      const path = `/v1/views/${encodeURIComponent(view)}/swap${query}`;
      const { epoch } = await new Server(options).post<{ epoch: string }>(path, {});
      if (options.json === true) return printJson({ view, epoch });
      print(`${view} is answered by its new definition, ${epoch}`);
    });
}
