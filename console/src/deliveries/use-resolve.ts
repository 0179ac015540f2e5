import { useMutation, useQueryClient } from '@tanstack/react-query';
import { post } from '../api.js';
import { formatCount } from '../format.js';
import type { Cause, Resolution } from './shapes.js';

/** What can become of open rows. */
export type ResolveAction = 'redrive' | 'drop';

/** Rows of a cause to be redriven or dropped, as many as were shown when the question was put. */
export interface ResolveRequest {
  readonly action: ResolveAction;
  readonly cause: Cause;
  readonly rows: number;
}

/** Redrives and drops, one at a time. */
export interface Resolve {
  readonly pending: boolean;
  /** What became of the last one, in words. */
  readonly answer: string | null;
  readonly failed: boolean;
  run(request: ResolveRequest): void;
}

/** Has the server redrive or drop, and looks at the quarantine again afterwards. */
export function useResolve(apiKey: string): Resolve {
  const client = useQueryClient();
  const { mutate, isPending, error, data, variables } = useMutation({
    mutationFn: ({ action, cause, rows }: ResolveRequest) =>
      post<Resolution>(apiKey, `/v1/quarantine/${action}`, { ...filterOf(cause), limit: rows }),
    onSettled: () =>
      client.invalidateQueries({ predicate: ({ queryKey }) => String(queryKey[0]).startsWith('/v1/quarantine') }),
  });
  const code = variables?.cause.code ?? '';
  const failed = error !== null;
  const answered = data === undefined || isPending ? null : `${code}: ${answerText(variables!.action, data)}`;
  return {
    pending: isPending,
    failed,
    answer: isPending ? `${code}: working …` : failed ? `${code}: it failed, ${error.message}.` : answered,
    run: (request) => mutate(request),
  };
}

function filterOf({ stage, reader, stream, code }: Cause): object {
  return { stage, stream, code, ...(reader === null ? {} : { reader }) };
}

/** `12 on their way again, 1 stays: why`. */
function answerText(action: ResolveAction, { resolved, refused, refusedCount }: Resolution): string {
  const again = resolved === 1 ? '1 on its way again' : `${formatCount(resolved)} on their way again`;
  const done = action === 'redrive' ? again : `${formatCount(resolved)} dropped`;
  if (refusedCount === 0) return `${done}.`;
  const reasons = [...new Set(refused.map(({ message }) => message))].slice(0, 3).join('; ');
  return `${done}, ${formatCount(refusedCount)} ${refusedCount === 1 ? 'stays' : 'stay'}: ${reasons}.`;
}
