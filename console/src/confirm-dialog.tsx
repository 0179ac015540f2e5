import { useEffect, useId, useRef } from 'react';

interface ConfirmDialogProps {
  readonly title: string;
  /** What the button says that does it. */
  readonly confirm: string;
  readonly onConfirm: () => void;
  /** It was closed, either way. */
  readonly onClose: () => void;
  readonly children: React.ReactNode;
}

/** A question before something is done. Escape is a no, and the focus goes back to where it was. */
export function ConfirmDialog({ title, confirm, onConfirm, onClose, children }: ConfirmDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const { current } = dialog;
    current?.showModal();
    return () => current?.close();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={titleId} onClose={onClose}>
      <h2 id={titleId}>{title}</h2>
      <p>{children}</p>
      <div className="choices">
        <button type="button" className="quiet-button" autoFocus onClick={() => dialog.current?.close()}>
          Leave it
        </button>
        <button
          type="button"
          className="primary"
          onClick={() => {
            onConfirm();
            dialog.current?.close();
          }}
        >
          {confirm}
        </button>
      </div>
    </dialog>
  );
}
