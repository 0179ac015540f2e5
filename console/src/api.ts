/** The HTTP API as the console uses it. Shapes are those of `/v1/openapi.json`. */

/** A reader of a stream and how far it is behind. */
export interface ReaderStats {
  readonly id: string;
  readonly stream: string;
  readonly lagRows: number;
  readonly lagMs: number;
}

/** A view and how fresh it is. */
export interface ViewStats {
  readonly name: string;
  /** From the stamp of the newest event to its row being readable; null before the first. */
  readonly freshnessMs: number | null;
  readonly late: number;
}

/** What `GET /v1/stats` answers. Counts are since the start of the process. */
export interface Stats {
  readonly nowMs: number;
  readonly received: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly quarantined: number;
  readonly late: number;
  readonly eventsPerSecond: number;
  readonly readers: readonly ReaderStats[];
  readonly views: readonly ViewStats[];
}

/** A column of a view. */
export interface ViewColumn {
  readonly name: string;
  readonly type: string;
}

/** A view as `GET /v1/views` lists it. */
export interface View {
  readonly name: string;
  readonly source: string;
  readonly windowMs: number;
  readonly columns: readonly ViewColumn[];
  readonly keyColumns: readonly string[];
  readonly valueColumns: readonly string[];
}

/** A row of a view: column name → value. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** An answer that is no success. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}

/** Asks the server that served the page. */
export async function get<T>(key: string, path: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(path, {
    headers: { authorization: `Bearer ${key}` },
    ...(signal === undefined ? {} : { signal }),
  });
  if (response.ok) return (await response.json()) as T;
  const text = await response.text();
  throw new ApiError(response.status, messageOf(text, response.status));
}

function messageOf(text: string, status: number): string {
  try {
    return (JSON.parse(text) as { error: { message: string } }).error.message;
  } catch {
    return `the server answered ${status}`;
  }
}
