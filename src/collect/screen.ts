/**
 * Looks at decoded rows once more before they are taken: whose they are, and when they happened.
 *
 * A tenant's key fills the tenant in, and an event that names another is refused. An operator's key
 * takes the tenant from the event, which must be a known one. An event too far in the future is
 * refused: it would pull windows open for hours that have not come.
 */
import type { Directory } from '../config/tenants.js';
import { EVERY_TENANT } from '../config/tenants.js';
import type { Column, ColumnBatch, DictionaryColumn } from '../event/columns.js';
import { Dictionary } from '../event/dictionary.js';
import { gather } from '../event/gather.js';
import { numberAt } from '../event/integers.js';
import type { Schema } from '../event/schema.js';
import { DELETED } from '../sql/declared.js';
import { MillraceError } from '../util/errors.js';
import type { ErrorCode } from '../util/errors.js';
import type { DecodedBatch } from './decode/types.js';

/** A row that is refused after decoding. */
export interface RowError {
  readonly row: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly path: string | null;
  /** The known tenant to whose quarantine it goes; undefined when there is none. */
  readonly tenant: string | undefined;
}

/** Rows that may be taken, and the others. */
export interface Screened {
  readonly batch: ColumnBatch;
  /** The decoded row of each row of the batch; null: they are the same. */
  readonly rows: Uint32Array | null;
  readonly errors: readonly RowError[];
}

const decoder = new TextDecoder();

/** Screens the rows of one stream. */
export class Screen {
  readonly #schema: Schema;
  readonly #futureMs: number;
  /** Tenants of keys; replaced when it is full. */
  #tenants = new Dictionary();
  /** For operators' keys: what is known of the codes of a dictionary, by the directory in force. */
  #known: { readonly directory: Directory; readonly byDictionary: WeakMap<Dictionary, Uint8Array> } | null = null;

  constructor(schema: Schema, futureMs: number) {
    this.#schema = schema;
    this.#futureMs = futureMs;
  }

  /** Rows of a table of all tenants change what all of them see: they take an operator's key. Throws KEY_FORBIDDEN. */
  requireOwner(tenant: string): void {
    const { columns, roles } = this.#schema;
    if (tenant === EVERY_TENANT || roles.tenant >= 0 || !columns.some(({ name }) => name === DELETED)) return;
    throw new MillraceError('KEY_FORBIDDEN', "rows of a table of all tenants take an operator's key", {
      place: 'query stream',
    });
  }

  /** Checks every row. `tenant` is the key's, or `*`. */
  check(decoded: DecodedBatch, tenant: string, directory: Directory, nowMs: number): Screened {
    const errors: RowError[] = [];
    const { tenant: tenantAt, eventTime } = this.#schema.roles;
    const refused = new Set<number>();
    const refuse = (error: RowError): void => {
      errors.push(error);
      refused.add(error.row);
    };
    if (tenantAt >= 0) this.#checkTenants(decoded, tenant, directory, refuse);
    if (eventTime >= 0) this.#checkTimes(decoded, tenant, nowMs + this.#futureMs, refused, refuse);
    const owned = tenantAt < 0 || tenant === EVERY_TENANT ? decoded.batch : this.owned(decoded.batch, tenant);
    if (refused.size === 0) return { batch: owned, rows: null, errors };
    const kept = new Uint32Array(decoded.rows - refused.size);
    for (let row = 0, at = 0; row < decoded.rows; row++) if (!refused.has(row)) kept[at++] = row;
    return { batch: gather(owned, kept), rows: kept, errors: errors.sort((a, b) => a.row - b.row) };
  }

  #checkTenants(decoded: DecodedBatch, tenant: string, directory: Directory, refuse: (error: RowError) => void): void {
    const column = decoded.batch.column(this.#schema.roles.tenant);
    const { name } = this.#schema.columns[this.#schema.roles.tenant]!;
    const missing = decoded.missing(this.#schema.roles.tenant);
    const verdicts = new Map<number, RowError | null>();
    const known =
      tenant === EVERY_TENANT && column.kind === 'dictionary' ? this.#knownCodes(column.dictionary, directory) : null;
    for (let row = 0; row < decoded.rows; row++) {
      if (missing !== null && (missing[row >> 3]! & (1 << (row & 7))) !== 0) {
        if (tenant === EVERY_TENANT)
          refuse({
            row,
            code: 'EVENT_FIELD_MISSING',
            message: `'${name}' is missing; with an operator's key every event names its tenant`,
            path: name,
            tenant: undefined,
          });
        continue;
      }
      const code = column.kind === 'dictionary' ? column.codes[row]! : -1 - row;
      if (known !== null && known[code] === 1) continue;
      let verdict = verdicts.get(code);
      if (verdict === undefined) verdicts.set(code, (verdict = judge(textOf(column, row), name, tenant, directory)));
      if (verdict !== null) refuse({ ...verdict, row });
      else if (known !== null) known[code] = 1;
    }
  }

  /** One byte a code, 1 where the tenant is known; starts anew when the tenants change. */
  #knownCodes(dictionary: Dictionary, directory: Directory): Uint8Array {
    if (this.#known?.directory !== directory) this.#known = { directory, byDictionary: new WeakMap() };
    const { byDictionary } = this.#known;
    let known = byDictionary.get(dictionary);
    if (known === undefined || known.length < dictionary.size) {
      const larger = new Uint8Array(Math.max(256, dictionary.size * 2));
      larger.set(known ?? []);
      byDictionary.set(dictionary, (known = larger));
    }
    return known;
  }

  #checkTimes(
    decoded: DecodedBatch,
    tenant: string,
    latestMs: number,
    refused: ReadonlySet<number>,
    refuse: (error: RowError) => void,
  ): void {
    const { eventTime, tenant: tenantAt } = this.#schema.roles;
    const column = decoded.batch.column(eventTime);
    if (column.kind !== 'integer') return;
    const { name } = this.#schema.columns[eventTime]!;
    for (let row = 0; row < decoded.rows; row++) {
      if (numberAt(column, row) <= latestMs || refused.has(row)) continue;
      const owner = tenant === EVERY_TENANT && tenantAt >= 0 ? textOf(decoded.batch.column(tenantAt), row) : tenant;
      const message = `'${name}' is ${Math.round((numberAt(column, row) - latestMs + this.#futureMs) / 1000)} s in the future; at most ${this.#futureMs / 1000} s are possible`;
      refuse({ row, code: 'EVENT_TIME_FUTURE', message, path: name, tenant: owner });
    }
  }

  /** The batch with every row's tenant filled in. */
  owned(batch: ColumnBatch, tenant: string): ColumnBatch {
    let code = this.#tenants.internString(tenant);
    if (code < 0) {
      this.#tenants = new Dictionary();
      code = this.#tenants.internString(tenant);
    }
    const codes = code < 256 ? new Uint8Array(batch.rows).fill(code) : new Uint16Array(batch.rows).fill(code);
    const column: DictionaryColumn = { kind: 'dictionary', nulls: null, codes, dictionary: this.#tenants };
    const at = this.#schema.roles.tenant;
    return { schema: batch.schema, rows: batch.rows, column: (index) => (index === at ? column : batch.column(index)) };
  }
}

function judge(named: string, path: string, tenant: string, directory: Directory): RowError | null {
  if (tenant !== EVERY_TENANT) {
    if (named === tenant) return null;
    return {
      row: 0,
      code: 'TENANT_MISMATCH',
      message: `'${path}' is '${named.slice(0, 64)}', but the key is of '${tenant}'`,
      path,
      tenant,
    };
  }
  if (directory.tenant(named) !== undefined) return null;
  return {
    row: 0,
    code: 'TENANT_UNKNOWN',
    message: `there is no tenant '${named.slice(0, 64)}'`,
    path,
    tenant: undefined,
  };
}

function textOf(column: Column, row: number): string {
  if (column.kind === 'dictionary') return column.dictionary.stringOf(column.codes[row]!);
  if (column.kind === 'bytes')
    return decoder.decode(column.data.subarray(column.offsets[row], column.offsets[row + 1]));
  return '';
}
