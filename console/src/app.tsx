import { useQuery } from '@tanstack/react-query';
import { ApiError, get, type Stats } from './api.js';
import { DeliveriesPage } from './deliveries/deliveries-page.js';
import { FlowPage } from './flow-page.js';
import { Header } from './header.js';
import { KeyForm } from './key-form.js';
import { usePage } from './page.js';
import { useKey } from './session.js';

/** The console: asks for a key, then shows the page that the address names. */
export function App() {
  const [key, setKey] = useKey();
  const page = usePage();
  const stats = useQuery({
    queryKey: ['stats', key],
    queryFn: ({ signal }) => get<Stats>(key, '/v1/stats', signal),
    enabled: key !== '',
    // A key that is refused stays refused: another one is asked for instead.
    refetchInterval: ({ state }) => (isRefused(state.error) ? false : 1_000),
  });
  const refused = isRefused(stats.error);
  const connected = stats.isSuccess && stats.error === null;
  return (
    <>
      <Header page={page} connected={connected} signedIn={key !== '' && !refused} onLeave={() => setKey('')} />
      <main>
        {key === '' || refused ? (
          <KeyForm onKey={setKey} error={refused ? stats.error?.message : undefined} />
        ) : (
          <>
            {stats.error !== null && (
              <p className="notice" role="alert">
                No answer from the server: {stats.error.message}. Trying again.
              </p>
            )}
            {page === 'flow' ? (
              <FlowPage apiKey={key} stats={stats.data} />
            ) : (
              <DeliveriesPage key={key} apiKey={key} stats={stats.data} connected={connected} />
            )}
          </>
        )}
      </main>
    </>
  );
}

function isRefused(error: Error | null): boolean {
  return error instanceof ApiError && (error.status === 401 || error.status === 403);
}
