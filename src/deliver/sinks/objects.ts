/**
 * `directory` and `s3`: objects, named as Firehose names them.
 *
 * Guarantee: exactly once. A cut's range is committed before the first upload; keys and bytes come from
 * range, partition and rows alone (`objects/layout.ts`), so that whatever is sent again, after an error or
 * a kill, replaces an object by the same one. Rows are taken when their object is durable: the folder's
 * entry synced, or S3's answer to the put or the completion. All partitions of a cut end at the same
 * offsets. It does not hold over a change of what keys are made of (name, prefix, partitions, filter)
 * while a cut is under way, nor for a portion that was given up at `retry.deadline` and is redriven:
 * what of it had arrived unseen is there already.
 *
 * Limits. `requestsMax` objects are made and sent at once, however many partitions there are; together
 * they are never more than the cut. An object that fails leaves those that are there; the rows of the
 * others are sent again.
 *
 * Recovery. Uploads in parts that a killed process left are aborted: of an object that is written again,
 * before it is; all others with this delivery's names when they are a day old.
 */
import { basename } from 'node:path';
import type { ObjectSinkOptions } from '../../config/sinks/objects.js';
import { parsePrefix } from '../../format/keys/prefix.js';
import { bodyBytes, type ObjectStore } from '../../io/objects.js';
import { MillraceError } from '../../util/errors.js';
import { extensionOf, objectFormat, type ObjectFormat } from '../objects/format.js';
import { ObjectLayout, type PlannedObject } from '../objects/layout.js';
import type { Receipt } from '../receipt.js';
import type { CutRows } from '../rows.js';
import type { Sink, SinkContext, SinkRequest } from '../sink.js';

/** Opens the store that a sink writes to; `owner` names who does, as no other does at the same time. */
export type OpenStore = (owner: string) => ObjectStore;

/** Uploads in parts that are older are nobody's. */
const LEFT_AFTER_MS = 86_400_000;
/** Smaller objects are never sent in parts. */
const PARTS_FROM_BYTES = 5 * 1024 * 1024;

/** What an open sink has. */
interface OpenParts {
  readonly store: ObjectStore;
  readonly layout: ObjectLayout;
  readonly format: ObjectFormat;
}

/** Brings rows to an object store. */
export class ObjectSink implements Sink {
  /** A cut is one request: a partition has rows all over it. */
  readonly requestsMax = 1;
  readonly #options: ObjectSinkOptions;
  readonly #context: SinkContext;
  readonly #openStore: OpenStore;
  #open: OpenParts | null = null;
  /** Whether what is sent may have been under way when the process before was killed. */
  #isFirst = true;

  constructor(options: ObjectSinkOptions, context: SinkContext, openStore: OpenStore) {
    this.#options = options;
    this.#context = context;
    this.#openStore = openStore;
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.close();
    const { name, replay, schema } = this.#context;
    const layout = await ObjectLayout.of(this.#options, schema, extensionOf(this.#options), `deliveries.${name}.to`);
    const format = objectFormat(this.#options, layout.isSorted);
    const store = this.#openStore(replay === undefined ? name : `${name}-${replay}`);
    this.#open = { store, layout, format };
    this.#isFirst = true;
    await this.#whereListed(() => this.#abortLeft(store, signal));
  }

  requests(rows: CutRows): readonly CutRows[] {
    return rows.count === 0 ? [] : [rows];
  }

  async send({ rows, cut }: SinkRequest, receipt: Receipt, signal: AbortSignal): Promise<void> {
    const parts = this.#open!;
    const { objects, failed } = await parts.layout.plan(rows, cut);
    for (const [row, error] of failed) refuse(receipt, row, error);
    const waiting = objects.values();
    const failures: unknown[] = [];
    const run = async (): Promise<void> => {
      for (const object of waiting) {
        // One that fails is seldom the only one: the others would only wait for the same.
        if (failures.length > 0) return;
        try {
          await this.#bring(parts, rows, object, receipt, signal);
        } catch (error) {
          failures.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#context.requestsMax, objects.length) }, run));
    if (failures.length > 0) throw failures[0];
    this.#isFirst = false;
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    await open?.store.close();
  }

  async #bring(
    { store, format }: OpenParts,
    rows: CutRows,
    { key, numbers }: PlannedObject,
    receipt: Receipt,
    signal: AbortSignal,
  ): Promise<void> {
    const body = await format.encode(rows, numbers);
    const bytes = bodyBytes(body);
    try {
      if (this.#isFirst && bytes >= PARTS_FROM_BYTES)
        await this.#whereListed(() => this.#abortSame(store, key, signal));
      await store.put(key, body, { ...format.headers, signal });
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'STORE_KEY_INVALID') throw error;
      for (const row of numbers ?? rowsUpTo(rows.count)) refuse(receipt, row, error);
      return;
    }
    if (numbers === null) receipt.takeAll();
    else for (const row of numbers) receipt.take(row);
    receipt.bytes += bytes;
    receipt.objects += 1;
  }

  /** Who may put need not be allowed to list uploads: then a life-cycle rule of the bucket ends them. */
  async #whereListed(abort: () => Promise<void>): Promise<void> {
    try {
      await abort();
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'STORE_REFUSED') throw error;
    }
  }

  /** Uploads of this very object: only the process before can have begun them. */
  async #abortSame(store: ObjectStore, key: string, signal: AbortSignal): Promise<void> {
    for await (const upload of store.listMultiparts(key, { signal }))
      if (upload.key === key) await store.abortMultipart(upload, { signal });
  }

  /** Uploads with this delivery's names that are so old that nobody goes on with them. */
  async #abortLeft(store: ObjectStore, signal: AbortSignal): Promise<void> {
    const { errorPrefix, prefix = '', name = this.#context.stream, version } = this.#options;
    const { fixed } = errorPrefix === undefined ? parsePrefix(prefix) : parsePrefix(errorPrefix, 'errors');
    const before = this.#context.clock.now() - LEFT_AFTER_MS;
    for await (const upload of store.listMultiparts(fixed, { signal })) {
      if (upload.startedMs > before || !basename(upload.key).startsWith(`${name}-${version}-`)) continue;
      await store.abortMultipart(upload, { signal });
    }
  }
}

function refuse(receipt: Receipt, row: number, error: Error): void {
  receipt.refuse(row, error instanceof MillraceError ? error.code : 'DELIVERY_REFUSED', error.message);
}

function* rowsUpTo(count: number): Generator<number> {
  for (let row = 0; row < count; row++) yield row;
}
