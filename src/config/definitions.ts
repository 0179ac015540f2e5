/**
 * Streams made at run time, beside those of the configuration: `definitions.json` in the data folder.
 *
 * Purpose. What the Firehose API made is there again after a restart. A definition holds what was asked
 * for, in the words of the API; what it means is worked out anew at each start.
 *
 * Limits. `MADE_STREAMS_MAX` streams, 50 tags a stream; the file is small and rewritten whole.
 *
 * Invariants. A change is on disk before anything acts on it. Changes follow one another. `leaving`
 * names streams that are gone from the list while their readers may still be in the log: whoever
 * removes those says so by `left`, at the next start if need be.
 *
 * Secrets. A destination may hold an access key, so only the owner may read the file (mode 0600).
 */
import { join } from 'node:path';
import type { Schema } from '../event/schema.js';
import type { Disk } from '../io/disk.js';
import { readJsonFile, writeJsonFile } from '../io/json-file.js';
import { MillraceError } from '../util/errors.js';

/** Most streams that can be made. */
export const MADE_STREAMS_MAX = 500;

/** Where a made stream goes: an object of the API, as it was given. */
export interface MadeDestination {
  readonly id: string;
  /** Which kind, as `CreateDeliveryStream` names it: `ExtendedS3DestinationConfiguration`. */
  readonly kind: string;
  /** May hold secrets: never print it. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Tags by key. */
export type Tags = Readonly<Record<string, string>>;

/** A stream that was made at run time. */
export interface MadeStream {
  readonly name: string;
  readonly createdMs: number;
  /** Rises with each change of the destination; from 1. */
  readonly version: number;
  readonly schema: Schema;
  readonly destination: MadeDestination | null;
}

interface Content {
  readonly format: 1;
  readonly streams: readonly MadeStream[];
  /** By stream, configured ones too. */
  readonly tags: Readonly<Record<string, Tags>>;
  readonly leaving: readonly string[];
}

const FILE = 'definitions.json';
const FORMAT = 1;
const OWNER_ONLY = 0o600;
const EMPTY: Content = { format: FORMAT, streams: [], tags: {}, leaving: [] };

/** The definitions of a data folder. */
export class Definitions {
  readonly #disk: Disk;
  readonly #path: string;
  #content: Content;
  #changing: Promise<void> = Promise.resolve();

  /** Reads the file. Throws DATA_FOLDER_DAMAGED or DATA_FOLDER_NEWER. */
  constructor(disk: Disk, dataFolder: string) {
    this.#disk = disk;
    this.#path = join(dataFolder, FILE);
    this.#content = read(disk, this.#path);
  }

  /** The file, for messages. */
  get path(): string {
    return this.#path;
  }

  /** The made streams, in the order of their making. */
  get streams(): readonly MadeStream[] {
    return this.#content.streams;
  }

  /** Streams that are gone and whose readers may be there. */
  get leaving(): readonly string[] {
    return this.#content.leaving;
  }

  /** A made stream. */
  find(name: string): MadeStream | undefined {
    return this.#content.streams.find((stream) => stream.name === name);
  }

  /** The tags of a stream. */
  tagsOf(name: string): Tags {
    return Object.hasOwn(this.#content.tags, name) ? this.#content.tags[name]! : {};
  }

  /** Adds a stream, or replaces the one of the same name; with its tags, if they are given. */
  put(stream: MadeStream, tags: Tags = this.tagsOf(stream.name)): Promise<void> {
    return this.#change((content) => {
      const known = content.streams.some(({ name }) => name === stream.name);
      const streams = known
        ? content.streams.map((one) => (one.name === stream.name ? stream : one))
        : [...content.streams, stream];
      return { ...content, streams, tags: withTags(content.tags, stream.name, tags) };
    });
  }

  /** Replaces the tags of a stream. */
  setTags(name: string, tags: Tags): Promise<void> {
    return this.#change((content) => ({ ...content, tags: withTags(content.tags, name, tags) }));
  }

  /** Takes a stream and its tags out; from now on it is `leaving`. */
  remove(name: string): Promise<void> {
    return this.#change((content) => ({
      ...content,
      streams: content.streams.filter((stream) => stream.name !== name),
      tags: withTags(content.tags, name, {}),
      leaving: [...content.leaving.filter((one) => one !== name), name],
    }));
  }

  /** The readers of a stream that was removed are gone too. */
  left(name: string): Promise<void> {
    return this.#change((content) => ({ ...content, leaving: content.leaving.filter((one) => one !== name) }));
  }

  #change(change: (content: Content) => Content): Promise<void> {
    const changed = this.#changing.then(async () => {
      const content = change(this.#content);
      await writeJsonFile(this.#disk, this.#path, content, OWNER_ONLY);
      this.#content = content;
    });
    // The caller gets the rejection; the queue goes on.
    this.#changing = changed.catch(() => undefined);
    return changed;
  }
}

function withTags(all: Content['tags'], name: string, tags: Tags): Content['tags'] {
  const others = Object.entries(all).filter(([stream]) => stream !== name);
  return Object.fromEntries(Object.keys(tags).length === 0 ? others : [...others, [name, tags]]);
}

function read(disk: Disk, path: string): Content {
  let content: Partial<Content>;
  try {
    content = (readJsonFile(disk, path) ?? EMPTY) as Partial<Content>;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new MillraceError('DATA_FOLDER_DAMAGED', `the definitions are not JSON: ${cause.message}`, {
      place: path,
      cause,
    });
  }
  if (typeof content.format === 'number' && content.format > FORMAT)
    throw new MillraceError('DATA_FOLDER_NEWER', `the definitions are of format ${content.format}`, { place: path });
  if (content.format !== FORMAT || !Array.isArray(content.streams) || !Array.isArray(content.leaving))
    throw new MillraceError('DATA_FOLDER_DAMAGED', 'these are no definitions of streams', { place: path });
  return content as Content;
}
