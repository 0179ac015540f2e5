import { useState } from 'react';

interface KeyFormProps {
  readonly onKey: (key: string) => void;
  readonly error: string | undefined;
}

/** Asks for an API key. */
export function KeyForm({ onKey, error }: KeyFormProps) {
  const [text, setText] = useState('');
  return (
    <form
      className="card key-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() !== '') onKey(text.trim());
      }}
    >
      <h1>Look into the stream</h1>
      <p>
        An operator's key shows every tenant, a tenant's <em>read</em> key only its own numbers. The example prints its
        demo keys at start.
      </p>
      <label htmlFor="key">API key</label>
      <div className="field">
        <input
          id="key"
          name="key"
          type="password"
          autoComplete="off"
          spellCheck={false}
          placeholder="mr_…"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button className="primary" type="submit">
          Open
        </button>
      </div>
      {error !== undefined && (
        <p className="error" role="alert">
          {error}
        </p>
      )}
      <p className="small">It stays in this tab and is gone when you close it.</p>
    </form>
  );
}
