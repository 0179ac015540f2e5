import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { get } from './api.js';

/** Asks for `path` again and again while the page can be seen; what was there stays until the next answer. */
export function usePoll<T>(apiKey: string, path: string, everyMs: number, enabled = true): UseQueryResult<T> {
  return useQuery({
    queryKey: [path, apiKey],
    queryFn: ({ signal }) => get<T>(apiKey, path, signal),
    refetchInterval: everyMs,
    placeholderData: keepPreviousData,
    enabled,
  });
}
