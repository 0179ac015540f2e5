/**
 * One stream's way from bytes to the log.
 *
 * ```
 * decode → fill in id and time → screen (tenant, time) → guard → label → claim ids → one append:
 *                                                              accepted rows + quarantine rows
 *          synced → claim.commit → wait for commits that duplicates rely on → count → answer
 * ```
 * Everything up to the append happens without an await, so claims and appends have one order.
 * When the append fails nothing of the request counts: ids are forgotten, quotas given back, and the
 * error goes to the client, who sends all of it again.
 */
import { EVERY_TENANT } from '../config/tenants.js';
import type { ColumnBatch } from '../event/columns.js';
import type { Dictionary } from '../event/dictionary.js';
import { gather } from '../event/gather.js';
import { QUARANTINE_STREAM } from '../event/internal.js';
import { recordsBatch, type RecordBytes } from '../event/records.js';
import { valueOf } from '../event/rows.js';
import { parseUuid, uuidTexts } from '../event/uuid.js';
import type { StreamDefinition, StreamRows } from '../log/log.js';
import type { ErrorCode } from '../util/errors.js';
import type { Account } from './accounts.js';
import { createDecoder } from './decode/decoder.js';
import type { DecodedBatch, Decoder, DecodeRequest, DecoderOptions } from './decode/types.js';
import type { Claim } from './dedupe/claim.js';
import { applyGuards } from './guards/apply.js';
import type { StreamGuards } from './guards/stream-guards.js';
import { Labeller } from './labels.js';
import type { CollectServices } from './options.js';
import type { RequestIds } from './request-ids.js';
import type { Quarantine, QuarantineRows, FailedEvent } from '../event/quarantine.js';
import { Screen, type RowError } from './screen.js';
import type { Agents } from './tracking/agents.js';
import { randomUuid } from './tracking/visitor.js';
import { StreamMeters } from './meters.js';

/** One event that was not taken, as the client is told. */
export interface RejectedEvent {
  readonly index: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly path: string | null;
}

/** What became of a request's events. */
export interface Outcome {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly RejectedEvent[];
}

/** How events are taken, where that is not as they come. */
export interface TakeOptions {
  /** Kept in the quarantine instead of the event's own bytes, where a protocol made those. */
  readonly original?: Uint8Array;
  /** Rows of other streams that become durable together with the events, or not at all. */
  readonly also?: readonly StreamRows[];
  /** Of an event that is redriven: how often it was tried before, and when first, ms. */
  readonly before?: { readonly attempts: number; readonly firstMs: number };
  /** Told, before anything is written, where a guard sends the visitor behind the event. */
  readonly onElsewhere?: (url: string) => void;
}

/** Events that a protocol has framed itself: one a line, in order. */
export interface FramedEvents {
  readonly body: Uint8Array;
  /** The bytes of an event as they came, for the quarantine. */
  readonly originalOf: (index: number) => Uint8Array;
  /** For events that bring no id. */
  readonly ids: RequestIds;
  /** Most bytes of one event. */
  readonly eventBytesMax: number;
}

/** What became of framed events. */
export interface FramedOutcome {
  /** By position: the event's id; null where it has none that could be read. */
  readonly ids: readonly (string | null)[];
  /** Events that are neither stored nor in the quarantine with all their bytes: still the client's. */
  readonly failed: readonly FailedFrame[];
}

/** A framed event that is the client's still. */
export interface FailedFrame extends RejectedEvent {
  /** It may be taken later: only the quota of the quarantine is used up. */
  readonly retryable: boolean;
}

/** A rejected event before the quarantine has seen it; `tenant` is undefined when no known tenant owns it. */
interface Refused extends RejectedEvent {
  readonly tenant: string | undefined;
  readonly start: number;
  readonly end: number;
  readonly eventId: string | null;
}

/** A request's events, decoded and judged; nothing is written yet. */
interface Judged {
  readonly batch: ColumnBatch;
  /** Null for raw records. */
  readonly decoded: DecodedBatch | null;
  readonly refused: readonly Refused[];
  /** Where a guard sends the visitor; null: nowhere else. */
  readonly elsewhere: string | null;
  readonly events: number;
  /** Call when the batch is on disk and counted. */
  release(): void;
}

/** What an ingest is given beside the services. */
export interface IngestShared {
  readonly quarantine: Quarantine;
  readonly agents: Agents;
  /** The guards of its stream; null: it has none. */
  readonly guards: StreamGuards | null;
}

/** Takes events into one stream. */
export class Ingest {
  readonly definition: StreamDefinition;
  readonly #services: CollectServices;
  readonly #quarantine: Quarantine;
  readonly #decoderOptions: DecoderOptions;
  #decoder: Decoder | undefined;
  readonly #screen: Screen;
  readonly #labeller: Labeller;
  readonly #guards: StreamGuards | null;
  readonly #meters: StreamMeters;
  readonly #unmeter: () => void;
  readonly #accountsByCode = new WeakMap<Dictionary, (Account | undefined)[]>();

  constructor(definition: StreamDefinition, services: CollectServices, shared: IngestShared) {
    const { schema } = definition;
    const { limits, random, metrics } = services;
    const { tenant, eventId, eventTime } = schema.roles;
    this.definition = definition;
    this.#services = services;
    this.#quarantine = shared.quarantine;
    this.#decoderOptions = {
      rowsMax: limits.batchEventsMax,
      bytesMax: limits.bodyBytesMax,
      eventBytesMax: limits.eventBytesMax,
      fill: [tenant, eventId, eventTime].filter((column) => column >= 0).map((column) => schema.columns[column]!.name),
      seed: new DataView(random.fill(new Uint8Array(8)).buffer).getBigUint64(0),
    };
    this.#screen = new Screen(schema, limits.futureMs);
    this.#labeller = new Labeller(schema, shared.agents);
    this.#guards = shared.guards;
    this.#meters = new StreamMeters(metrics, definition.name);
    this.#unmeter = metrics.onCollect(() => this.#countPaths());
  }

  /** Nothing is taken any more. */
  close(): void {
    this.#countPaths();
    this.#unmeter();
  }

  #countPaths(): void {
    if (this.#decoder !== undefined) this.#meters.countPaths(this.#decoder.counts);
  }

  /**
   * Takes the events in `body` for a tenant (`*`: as each event says). Resolves after the sync.
   * Throws what the decoder says of the whole body, or why the log does not take it.
   */
  async take(body: Uint8Array, tenant: string, options: TakeOptions = {}): Promise<Outcome> {
    const judged = this.#judge(body, tenant);
    if (judged.elsewhere !== null) options.onElsewhere?.(judged.elsewhere);
    try {
      const originalOf = (one: Refused): Uint8Array => options.original ?? body.subarray(one.start, one.end);
      const { claim } = await this.#takeJudged(judged, tenant, originalOf, options);
      const rejected = judged.refused.map(({ index, code, message, path }) => ({ index, code, message, path }));
      return { accepted: claim.fresh, duplicates: claim.duplicates, rejected };
    } finally {
      judged.release();
    }
  }

  /** As `take`, for events that a protocol has framed. */
  async takeFramed(events: FramedEvents, tenant: string): Promise<FramedOutcome> {
    const { body, originalOf, ids, eventBytesMax } = events;
    const judged = this.#judge(body, tenant, { linesOnly: true, eventBytesMax }, ids);
    try {
      const known = this.#idsOf(judged);
      const { kept } = await this.#takeJudged(judged, tenant, ({ index }) => originalOf(index));
      const { quarantineEventBytesMax } = this.#services.limits;
      const failed = judged.refused.flatMap(({ index, code, message, path, tenant: owner }, at): FailedFrame[] => {
        if (kept[at] === true && originalOf(index).length <= quarantineEventBytesMax) return [];
        return [{ index, code, message, path, retryable: owner !== undefined && kept[at] !== true }];
      });
      return { ids: known, failed };
    } finally {
      judged.release();
    }
  }

  /** Takes raw records for a tenant; only for a stream of such. Their ids are `ids`, by position. */
  async takeRaw(records: RecordBytes, ids: readonly string[], tenant: string): Promise<void> {
    const batch = this.#screen.owned(recordsBatch(records, ids), tenant);
    const judged = { batch, decoded: null, refused: [], elsewhere: null, events: batch.rows, release: () => undefined };
    await this.#takeJudged(judged, tenant, () => new Uint8Array(0));
  }

  /** Writes what was judged. Answers the claim, and whether each refused event is in the quarantine. */
  async #takeJudged(
    judged: Judged,
    tenant: string,
    originalOf: (refused: Refused) => Uint8Array,
    options: TakeOptions = {},
  ): Promise<{ readonly claim: Claim; readonly kept: readonly boolean[] }> {
    const { log, dedupe } = this.#services;
    const quarantined = this.#quarantine.take(this.#rowsOf(judged.refused, originalOf, options.before));
    let claim: Claim | undefined;
    try {
      claim = dedupe.claim(this.definition.name, judged.batch);
      const batches = [...this.#batches(judged.batch, claim, quarantined), ...(options.also ?? [])];
      if (batches.length > 0) claim.commit(await log.append({ batches }));
      // What this request repeats may itself be on its way to the disk.
      await claim.waits();
    } catch (error) {
      claim?.abort(error);
      quarantined.giveBack();
      this.#services.accounts.of(this.definition.name, tenant).refused += judged.events;
      throw error;
    }
    let owned = 0;
    const kept = judged.refused.map((one) => one.tenant !== undefined && quarantined.kept[owned++] === true);
    this.#count(judged, claim, kept, tenant);
    return { claim, kept };
  }

  #judge(body: Uint8Array, tenant: string, request?: DecodeRequest, ids?: RequestIds): Judged {
    this.#screen.requireOwner(tenant);
    // It has memory of its own, which a stream of raw records never needs.
    this.#decoder ??= createDecoder(this.definition.schema, this.#decoderOptions);
    const decoded = this.#decoder.decode(body, request);
    this.#fill(decoded, ids);
    const screened = this.#screen.check(decoded, tenant, this.#services.tenants.directory, this.#services.clock.now());
    const { batch, errors, elsewhere } = applyGuards(screened, this.#guards, this.#labeller, tenant);
    return {
      batch,
      decoded,
      refused: this.#refused(decoded, errors, tenant),
      elsewhere,
      events: decoded.events,
      release: () => decoded.release(),
    };
  }

  /** An event without id or time gets the id of its request and position, or a new one, and the time of now. */
  #fill(decoded: DecodedBatch, ids: RequestIds | undefined): void {
    const { roles, columns } = this.definition.schema;
    const { clock, random } = this.#services;
    if (roles.eventTime >= 0 && decoded.missing(roles.eventTime) !== null) {
      const now = BigInt(Math.floor(clock.now()));
      decoded.fill(roles.eventTime, () => now);
    }
    if (roles.eventId >= 0 && decoded.missing(roles.eventId) !== null) {
      const isUuid = columns[roles.eventId]!.type === 'uuid';
      decoded.fill(roles.eventId, (row) => {
        const index = decoded.places[row * 3 + 2]!;
        if (ids !== undefined) return isUuid ? ids.bytesOf(index) : ids.textOf(index);
        const text = randomUuid(random);
        if (!isUuid) return text;
        const bytes = new Uint8Array(16);
        parseUuid(text, bytes, 0);
        return bytes;
      });
    }
  }

  #refused(decoded: DecodedBatch, errors: readonly RowError[], tenant: string): Refused[] {
    const { places } = decoded;
    const owner = tenant === EVERY_TENANT ? undefined : tenant;
    const refused: Refused[] = decoded.errors.map((error) => ({
      ...error,
      path: error.path === '' ? null : error.path,
      tenant: owner,
      eventId: null,
    }));
    for (const { row, code, message, path, tenant: owned } of errors)
      refused.push({
        index: places[row * 3 + 2]!,
        code,
        message,
        path,
        tenant: owned,
        start: places[row * 3]!,
        end: places[row * 3 + 1]!,
        eventId: this.#idOf(decoded.batch, row),
      });
    return refused.sort((a, b) => a.index - b.index);
  }

  #idOf(batch: ColumnBatch, row: number): string | null {
    const { roles, columns } = this.definition.schema;
    return roles.eventId < 0 ? null : String(valueOf(batch.column(roles.eventId), columns[roles.eventId]!.type, row));
  }

  /** The ids of decoded events by position in the request. */
  #idsOf({ decoded, events }: Judged): (string | null)[] {
    const ids: (string | null)[] = Array.from({ length: events }, () => null);
    const { eventId } = this.definition.schema.roles;
    if (decoded === null || eventId < 0) return ids;
    const column = decoded.batch.column(eventId);
    const texts = column.kind === 'uuid' ? uuidTexts(column.data, decoded.rows) : null;
    for (let row = 0; row < decoded.rows; row++)
      ids[decoded.places[row * 3 + 2]!] = texts?.[row] ?? this.#idOf(decoded.batch, row);
    return ids;
  }

  #rowsOf(
    refused: readonly Refused[],
    originalOf: (refused: Refused) => Uint8Array,
    before: TakeOptions['before'],
  ): FailedEvent[] {
    const now = this.#services.clock.now();
    const tried = {
      attempts: (before?.attempts ?? 0) + 1,
      times: { firstMs: before?.firstMs ?? now, lastMs: now },
    };
    return refused
      .filter((one) => one.tenant !== undefined)
      .map((one) => ({
        ...one,
        ...tried,
        tenant: one.tenant!,
        stream: this.definition.name,
        original: originalOf(one),
      }));
  }

  #batches(batch: ColumnBatch, claim: Claim, quarantined: QuarantineRows): StreamRows[] {
    const batches: StreamRows[] = [];
    if (claim.fresh > 0)
      batches.push({
        stream: this.definition.name,
        rows: claim.freshRows === null ? batch : gather(batch, claim.freshRows),
      });
    if (quarantined.batch !== null) batches.push({ stream: QUARANTINE_STREAM, rows: quarantined.batch });
    return batches;
  }

  #count(judged: Judged, claim: Claim, kept: readonly boolean[], tenant: string): void {
    const { accounts } = this.#services;
    const { name } = this.definition;
    this.#countRows(judged.batch, claim, tenant);
    for (const [at, one] of judged.refused.entries()) {
      const account = accounts.of(name, one.tenant ?? EVERY_TENANT);
      account.received += 1;
      account.rejected[one.code] = (account.rejected[one.code] ?? 0) + 1;
      const isKept = kept[at] === true;
      if (isKept) account.quarantined += 1;
      else {
        const reason = one.tenant === undefined ? 'tenant_unknown' : 'quarantine_full';
        account.dropped[reason] = (account.dropped[reason] ?? 0) + 1;
        this.#meters.dropped(reason);
      }
      if (isKept) this.#meters.quarantined(one.code);
    }
    this.#meters.took(judged.events, claim.fresh, claim.duplicates);
  }

  /** Accepted rows and duplicates, on the accounts of their tenants. */
  #countRows(batch: ColumnBatch, claim: Claim, tenant: string): void {
    const { accounts } = this.#services;
    const { name, schema } = this.definition;
    const add = (account: Account, accepted: number, duplicates: number): void => {
      account.received += accepted + duplicates;
      account.accepted += accepted;
      account.duplicates += duplicates;
    };
    if (tenant !== EVERY_TENANT || schema.roles.tenant < 0)
      return add(accounts.of(name, tenant), claim.fresh, claim.duplicates);
    const column = batch.column(schema.roles.tenant);
    const { type } = schema.columns[schema.roles.tenant]!;
    const known = column.kind === 'dictionary' ? this.#accountsOf(column.dictionary) : undefined;
    const fresh = claim.freshRows;
    for (let row = 0, at = 0; row < batch.rows; row++) {
      const isFresh = fresh === null || fresh[at] === row;
      if (isFresh) at += 1;
      const code = column.kind === 'dictionary' ? column.codes[row]! : -1;
      let account = known?.[code];
      if (account === undefined) {
        account = accounts.of(name, String(valueOf(column, type, row)));
        if (known !== undefined) known[code] = account;
      }
      add(account, isFresh ? 1 : 0, isFresh ? 0 : 1);
    }
  }

  /** Accounts by code, kept while the dictionary lives. */
  #accountsOf(dictionary: Dictionary): (Account | undefined)[] {
    let known = this.#accountsByCode.get(dictionary);
    if (known === undefined) this.#accountsByCode.set(dictionary, (known = []));
    return known;
  }
}
