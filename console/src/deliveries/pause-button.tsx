import type { Pause } from './use-pause.js';

/** Pause or Resume, whichever would change something. It keeps its width and its focus. */
export function PauseButton({ name, pause }: { readonly name: string; readonly pause: Pause }) {
  const action = pause.paused ? 'Resume' : 'Pause';
  return (
    <button
      type="button"
      className="quiet-button switch"
      aria-label={`${action} ${name}`}
      aria-busy={pause.pending}
      onClick={pause.toggle}
    >
      {action}
    </button>
  );
}
