import { PAGES, type PageId } from './page.js';
import { useTheme } from './session.js';

interface HeaderProps {
  readonly page: PageId;
  readonly connected: boolean;
  readonly signedIn: boolean;
  readonly onLeave: () => void;
}

/** Name, state of the connection, pages, theme, and the way out. */
export function Header({ page, connected, signedIn, onLeave }: HeaderProps) {
  const [theme, setTheme] = useTheme();
  return (
    <header>
      <a className="brand" href="#/">
        <img src="./mark.svg" alt="" width="28" height="28" />
        <span>Millrace</span>
      </a>
      {signedIn && (
        <nav className="pages" aria-label="pages">
          {PAGES.map(({ id, title, href }) => (
            <a key={id} href={href} aria-current={id === page ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
      )}
      {signedIn && (
        <span className={connected ? 'status live' : 'status'} role="status">
          {connected ? 'live' : 'connecting'}
        </span>
      )}
      <nav className="aside" aria-label="more">
        <a href="/v1/openapi.json">API</a>
        <a href="/metrics">Metrics</a>
        <button
          type="button"
          onClick={() => setTheme(theme === 'dark' ? 'light' : 'dark')}
          aria-label={`switch to ${theme === 'dark' ? 'light' : 'dark'}`}
        >
          {theme === 'dark' ? '☀' : '☾'}
        </button>
        {signedIn && (
          <button type="button" onClick={onLeave}>
            Leave
          </button>
        )}
      </nav>
    </header>
  );
}
