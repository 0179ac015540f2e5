/** What a tile shows. */
export interface TileProps {
  readonly name: string;
  /** Undefined: not known yet. */
  readonly value: string | undefined;
  readonly note: string | undefined;
  readonly testId: string;
  readonly tone?: 'warn' | undefined;
  readonly children?: React.ReactNode;
}

/** One number, what it is, and a word on it. */
export function Tile({ name, value, note, testId, tone, children }: TileProps) {
  return (
    <div className={tone === undefined ? 'card tile' : `card tile ${tone}`}>
      <h2>{name}</h2>
      <strong data-testid={testId}>{value ?? '–'}</strong>
      <p>{note ?? '\u00a0'}</p>
      {children}
    </div>
  );
}
