import { useMutation, useQueryClient } from '@tanstack/react-query';
import { post } from '../api.js';
import type { Delivery } from './shapes.js';

/** A delivery's switch. */
export interface Pause {
  readonly paused: boolean;
  readonly pending: boolean;
  /** What the server said against it the last time; null when it did not. */
  readonly error: string | null;
  toggle(): void;
}

/** Pauses and resumes a delivery; what it shall be is shown at once, and taken back when the server refuses. */
export function usePause(apiKey: string, { name, paused }: Delivery): Pause {
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: (next: boolean) =>
      post<{ paused: boolean }>(apiKey, `/v1/deliveries/${encodeURIComponent(name)}/${next ? 'pause' : 'resume'}`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: ['/v1/deliveries'] }),
  });
  const shown = change.isPending ? change.variables : paused;
  return {
    paused: shown,
    pending: change.isPending,
    error:
      change.error === null
        ? null
        : `It is not ${change.variables === true ? 'paused' : 'resumed'}: ${change.error.message}.`,
    toggle: () => {
      if (!change.isPending) change.mutate(!paused);
    },
  };
}
