/** The stores behind `directory` and `s3`. */
import { createHash } from 'node:crypto';
import type { SinkOptionsOf } from '../../config/sinks/index.js';
import { openFolderStore } from '../../io/folder-objects/store.js';
import { openS3Store } from '../../io/s3/store.js';
import { readTlsFiles } from '../../io/tls-files.js';
import type { Sink, SinkContext } from '../sink.js';
import { ObjectSink } from './objects.js';

/** Objects in a folder. */
export function createDirectorySink(options: SinkOptionsOf<'directory'>, context: SinkContext): Sink {
  const { disk, clock, random } = context;
  return new ObjectSink(options, context, (owner) =>
    openFolderStore({ root: options.path, owner: folderOwner(owner), disk, clock, random }),
  );
}

/** Deliveries of made streams have names that no folder's owner may have. */
function folderOwner(name: string): string {
  return /^[A-Za-z0-9_-]{1,64}$/.test(name) ? name : createHash('sha256').update(name).digest('hex');
}

/** Objects in a bucket. */
export function createS3Sink(options: SinkOptionsOf<'s3'>, context: SinkContext): Sink {
  const { bucket, region, endpoint, pathStyle, accessKeyId, secretAccessKey, sessionToken, tls } = options;
  const { clock, random, disk, requestsMax } = context;
  const credentials = {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
  };
  return new ObjectSink(options, context, () =>
    openS3Store({
      bucket,
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(pathStyle === undefined ? {} : { pathStyle }),
      ...(tls === undefined ? {} : { tls: readTlsFiles(tls, disk) }),
      credentials: () => credentials,
      clock,
      random,
      connectionsMax: requestsMax,
    }),
  );
}
