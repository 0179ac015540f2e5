/**
 * The process of one function: loads the user's module and runs it over what its host sends.
 *
 * The host (`functions/host.ts`) may end this process at any moment; nothing here outlives a batch.
 */
import { growHeapsFreely } from '../io/heap.js';
import { parentChannel, parentMailbox, stayWithParent, tellParent } from '../io/child.js';
import { createRpc } from '../io/rpc.js';
import { MillraceError } from '../util/errors.js';
import { ColumnsReceiver } from './functions/columns-channel.js';
import { limitedLog } from './functions/context.js';
import type { BatchFunction, TransformFunction } from './functions/define.js';
import { invokeHandler, type Handler } from './functions/handler.js';
import { Progress } from './functions/progress.js';
import type { FunctionData, FunctionHostMethods, FunctionMethods, FunctionRequest } from './functions/protocol.js';
import { BatchRunner } from './functions/run-batches.js';
import { EventRunner } from './functions/run-events.js';

interface Loaded {
  readonly data: FunctionData;
  readonly progress: Progress;
  readonly columns: ColumnsReceiver;
  readonly runner: Pick<EventRunner, 'run'> | null;
  readonly handler: Handler | null;
}

if (process.send !== undefined) {
  growHeapsFreely();
  stayWithParent(5);
  let loaded: Loaded | null = null;
  const mailbox = parentMailbox();
  let buffer = new Uint8Array(1 << 20);
  const methods = {
    async load(data: FunctionData) {
      loaded = await load(data);
    },
    async run(request: FunctionRequest) {
      const { data, runner, progress, columns } = loaded!;
      const { log, end } = limitedLog((message) => host.notify('said', message));
      const { stream, partition, receivedAt } = request;
      const base = { name: data.name, stream, partition, receivedAt, log };
      progress.begin(request.careful || data.kind === 'batch');
      try {
        if (buffer.length < request.length) buffer = new Uint8Array(request.length * 2);
        const batch = columns.decode(mailbox.take(request.length, buffer), request.fresh);
        const { bytes, ...counts } = await runner!.run(batch, request, base);
        if (bytes !== null) mailbox.put(bytes);
        return { ...counts, length: bytes?.length ?? 0 };
      } finally {
        progress.end();
        end();
      }
    },
    invoke: async (event: string) => invokeHandler(loaded!.handler!, event, loaded!.data),
  } satisfies { [K in keyof FunctionMethods]: (...args: never[]) => unknown };
  const host = createRpc<FunctionHostMethods>(parentChannel(), methods);
}

async function load(data: FunctionData): Promise<Loaded> {
  const { kind, file, timeoutMs } = data;
  const everyMs = Math.min(100, timeoutMs / 8);
  const progress = new Progress(everyMs, tellParent);
  const columns = new ColumnsReceiver(data.input);
  const module = await importText(data);
  if (kind === 'lambda') {
    const handler = named(module, 'handler');
    if (typeof handler !== 'function')
      throw invalid(file, 'expected `export const handler = async (event, context) => …`');
    return { data, progress, columns, runner: null, handler: handler as Handler };
  }
  const fn = module['default'];
  if (typeof fn !== 'function')
    throw invalid(file, `expected a function as default export, found ${fn === undefined ? 'none' : typeof fn}`);
  setInterval(() => progress.beat(), everyMs);
  const runner =
    kind === 'event'
      ? new EventRunner(fn as TransformFunction<Record<string, unknown>, unknown>, data, progress)
      : new BatchRunner(fn as BatchFunction<FunctionData['input']>, data, progress);
  return { data, progress, columns, runner, handler: null };
}

async function importText({ code, file }: FunctionData): Promise<Record<string, unknown>> {
  try {
    const address = `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`;
    return (await import(address)) as Record<string, unknown>;
  } catch (cause) {
    throw invalid(file, `running it failed: ${(cause as Error).message}`);
  }
}

/** An export by name; of a CommonJS module, a property of what it exports. */
function named(module: Record<string, unknown>, name: string): unknown {
  return module[name] ?? (module['default'] as Record<string, unknown> | undefined)?.[name];
}

function invalid(file: string, message: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', `${file}: ${message}`, { place: file });
}
