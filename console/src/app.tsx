import { useQuery } from '@tanstack/react-query';
import { ApiError, get, type Stats, type View } from './api.js';
import { Header } from './header.js';
import { KeyForm } from './key-form.js';
import { Readers } from './readers.js';
import { useKey } from './session.js';
import { Tiles } from './tiles.js';
import { ViewPanel } from './view-panel.js';

/** The first page: what flows, how fresh it is, who lags, and one view live. */
export function App() {
  const [key, setKey] = useKey();
  const stats = useQuery({
    queryKey: ['stats', key],
    queryFn: ({ signal }) => get<Stats>(key, '/v1/stats', signal),
    enabled: key !== '',
    // A key that is refused stays refused: another one is asked for instead.
    refetchInterval: ({ state }) => (isRefused(state.error) ? false : 1_000),
  });
  const views = useQuery({
    queryKey: ['views', key],
    queryFn: ({ signal }) => get<{ views: readonly View[] }>(key, '/v1/views', signal),
    enabled: key !== '',
    refetchInterval: 30_000,
  });
  const refused = isRefused(stats.error);
  const connected = stats.isSuccess && stats.error === null;
  return (
    <>
      <Header connected={connected} signedIn={key !== '' && !refused} onLeave={() => setKey('')} />
      <main>
        {key === '' || refused ? (
          <KeyForm onKey={setKey} error={refused ? stats.error?.message : undefined} />
        ) : (
          <>
            {stats.error !== null && (
              <p className="notice">No answer from the server: {stats.error.message}. Trying again.</p>
            )}
            <Tiles stats={stats.data} />
            <ViewPanel apiKey={key} views={views.data?.views} />
            <Readers readers={stats.data?.readers} />
          </>
        )}
      </main>
    </>
  );
}

function isRefused(error: Error | null): boolean {
  return error instanceof ApiError && (error.status === 401 || error.status === 403);
}
