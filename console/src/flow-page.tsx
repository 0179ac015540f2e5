import { useQuery } from '@tanstack/react-query';
import { get, type Stats, type View } from './api.js';
import { Readers } from './readers.js';
import { Tiles } from './tiles.js';
import { ViewPanel } from './view-panel.js';

interface FlowPageProps {
  readonly apiKey: string;
  readonly stats: Stats | undefined;
}

/** The first page: what flows, how fresh it is, who lags, and one view live. */
export function FlowPage({ apiKey, stats }: FlowPageProps) {
  const views = useQuery({
    queryKey: ['views', apiKey],
    queryFn: ({ signal }) => get<{ views: readonly View[] }>(apiKey, '/v1/views', signal),
    refetchInterval: 30_000,
  });
  return (
    <>
      <Tiles stats={stats} />
      <ViewPanel apiKey={apiKey} views={views.data?.views} />
      <Readers readers={stats?.readers} />
    </>
  );
}
