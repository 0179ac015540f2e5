/**
 * A real S3 server: versitygw, which keeps each object as a file of a folder.
 *
 * Why this one: of the servers that a language registry has, it answers most like the true one. It verifies SigV4 with
 * region, clock and body hash, CRC32, CRC32C, SHA-256 and MD5 sums, composite and whole-object sums of multipart
 * uploads, the least part size and the parts' ETags; honours `If-None-Match: *` and `If-Match` for puts and for the
 * completion of uploads; completes an upload twice; lists in the order of bytes. SeaweedFS 4.48, the other candidate,
 * took a body that differs from its signed hash, took any region, made buckets by itself, listed `o/a/b` before `o/a-`,
 * and let several conditional completions of one key win.
 *
 * So did this one, and several puts as well, until `scripts/engines/conditional.go`. And `--disableotmp`, since it then
 * renames a new object over the old one, where else it would link it after the old one is gone. Each request has a
 * connection of its own: with `--keep-alive`, one in a hundred was answered 400 after a refused one on the same.
 *
 * Where it is not like S3, since keys are paths: `a` and `a/b` can't both be objects (409), `a//b` is `a/b`, `a/` takes
 * no content, and no part of a key may be longer than 255 bytes. An unknown access key is answered 404. Sums belong to
 * an upload: parts with them need `ChecksumAlgorithm` at its creation, and the completion must repeat them (as in S3).
 */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import path from 'node:path';
import { engineFolder } from '../../scripts/engines/list.js';
import { freePort, launch, type Engine, type EngineOptions } from './process.js';

/** A running S3 server. */
export interface S3Server extends Engine {
  /** Such as `http://127.0.0.1:40123`; buckets are addressed by path. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** An SDK client without retries, for the test's own look at what is stored. */
  readonly client: S3Client;
  makeBucket(name: string): Promise<void>;
}

/** Starts the server; about 0.1 s and 40 MB. */
export async function startS3(options: EngineOptions = {}): Promise<S3Server> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const region = 'eu-central-1';
  const accessKeyId = 'AKIDMILLRACETEST';
  const secretAccessKey = 'not-a-secret/only+for=tests';
  const engine = await launch('s3', options, async (folder) => ({
    command: path.join(engineFolder('s3'), 'bin', 'versitygw'),
    args: ['--port', `127.0.0.1:${port}`, '--region', region, '--quiet', 'posix', '--disableotmp', folder],
    env: { ROOT_ACCESS_KEY_ID: accessKeyId, ROOT_SECRET_ACCESS_KEY: secretAccessKey },
    ready: async () => (await fetch(endpoint)).status === 403,
  }));
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
  });
  return Object.assign(engine, {
    endpoint,
    region,
    accessKeyId,
    secretAccessKey,
    client,
    makeBucket: async (name: string) => {
      await client.send(new CreateBucketCommand({ Bucket: name }));
    },
  });
}
