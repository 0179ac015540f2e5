/** The HTTP API as the console uses it. Shapes are those of `/v1/openapi.json`. */

/** A reader of a stream and how far it is behind. */
export interface ReaderStats {
  readonly id: string;
  readonly stream: string;
  /** `running`, or why it is not. */
  readonly state: string;
  readonly lagRows: number;
  readonly lagMs: number;
}

/** A view and how fresh it is. */
export interface ViewStats {
  readonly name: string;
  /** From the stamp of the newest event to its row being readable; null before the first. */
  readonly freshnessMs: number | null;
  /** Windows that end at or before this are final unless corrected; null when not known yet. */
  readonly completeThrough: number | null;
  /** Null with a tenant's key. */
  readonly late: number | null;
}

/** What `GET /v1/stats` answers. Counts are since the start of the process. */
export interface Stats {
  readonly nowMs: number;
  readonly received: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly quarantined: number;
  /** Null with a tenant's key. */
  readonly late: number | null;
  readonly eventsPerSecond: number;
  readonly readers: readonly ReaderStats[];
  readonly views: readonly ViewStats[];
}

/** A column of a view. */
export interface ViewColumn {
  readonly name: string;
  readonly type: string;
  /** A plain count or sum: may be added up over keys. */
  readonly additive: boolean;
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

/** What `GET /v1/views/{view}/rows` answers. */
export interface ViewRows {
  readonly rows: readonly Row[];
  /** There were more than the limit; the newest are here. */
  readonly truncated: boolean;
  /** Sums over all tenants, one row a window: there were too many to give each. */
  readonly summed: boolean;
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

/** Asks the server that served the page. Throws ApiError. */
export function get<T>(key: string, path: string, signal?: AbortSignal): Promise<T> {
  return ask(key, path, signal === undefined ? {} : { signal });
}

/** Has the server do something. Throws ApiError. */
export function post<T>(key: string, path: string, body: object): Promise<T> {
  return ask(key, path, { method: 'POST', body: JSON.stringify(body) });
}

async function ask<T>(key: string, path: string, init: RequestInit): Promise<T> {
  const response = await fetch(path, { ...init, headers: { authorization: `Bearer ${key}` } });
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
