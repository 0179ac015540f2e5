/**
 * `POST /` with `X-Amz-Target: Firehose_20150804.<Operation>`: the API of Amazon Data Firehose.
 *
 * Every call is signed (SigV4, service `firehose`) by an access key of the configuration: a tenant's puts,
 * describes and lists; an operator's also makes, changes and deletes streams. Signature, date and body
 * are verified before anything of the body is read.
 *
 * Limits. A body of `BODY_BYTES_MAX`, what base64 makes of the largest batch, or `http.bodySizeMax` if that is less. A request
 * whose key id is unknown is answered without reading its body.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../../../config/tenants.js';
import { parseAuthorization } from '../../../io/sigv4/authorization.js';
import { failed, type VerifyFailure } from '../../../io/sigv4/failure.js';
import { SigningKeyCache } from '../../../io/sigv4/signing-key.js';
import { verifyRequest } from '../../../io/sigv4/verify.js';
import { MillraceError } from '../../../util/errors.js';
import type { Doors } from '../../doors.js';
import { readBody, type Body, type Budget } from '../../http/body.js';
import { headerOf } from '../../http/request.js';
import type { CollectServices } from '../../options.js';
import { randomUuid } from '../../tracking/visitor.js';
import { answerAws, answerAwsError, awsErrorOf } from './answer.js';
import type { Call } from './call.js';
import { createDeliveryStream, deleteDeliveryStream, updateDestination } from './change.js';
import { describeDeliveryStream, listDeliveryStreams } from './describe.js';
import { parseInput } from './input.js';
import { putRecord, putRecordBatch } from './put.js';
import { listTagsForDeliveryStream, tagDeliveryStream, untagDeliveryStream } from './tags.js';

const TARGET = 'Firehose_20150804.';
const BODY_BYTES_MAX = 8 * 1024 * 1024;

interface Operation {
  /** Whether it takes an operator's key. */
  readonly operator: boolean;
  run(call: Call): Promise<object> | object;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  PutRecord: { operator: false, run: putRecord },
  PutRecordBatch: { operator: false, run: putRecordBatch },
  DescribeDeliveryStream: { operator: false, run: describeDeliveryStream },
  ListDeliveryStreams: { operator: false, run: listDeliveryStreams },
  ListTagsForDeliveryStream: { operator: false, run: listTagsForDeliveryStream },
  CreateDeliveryStream: { operator: true, run: createDeliveryStream },
  DeleteDeliveryStream: { operator: true, run: deleteDeliveryStream },
  UpdateDestination: { operator: true, run: updateDestination },
  TagDeliveryStream: { operator: true, run: tagDeliveryStream },
  UntagDeliveryStream: { operator: true, run: untagDeliveryStream },
};

/** Whether a request is a call of an API of AWS. */
export function isAwsCall(request: IncomingMessage, path: string): boolean {
  return path === '/' && request.method === 'POST' && request.headers['x-amz-target'] !== undefined;
}

/** The Firehose API of one front door. */
export class Firehose {
  readonly #services: CollectServices;
  readonly #doors: Doors;
  readonly #budget: Budget;
  readonly #keys = new SigningKeyCache();

  constructor(services: CollectServices, doors: Doors, budget: Budget) {
    this.#services = services;
    this.#doors = doors;
    this.#budget = budget;
  }

  /** Answers one call; never throws. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('x-amzn-requestid', randomUuid(this.#services.random));
    try {
      const stranger = this.#stranger(request);
      if (stranger !== null) return this.#refuse(request, response, stranger);
      const body = await this.#read(request);
      try {
        const principal = this.#verify(request, body.bytes);
        if ('ok' in principal) return this.#refuse(request, response, principal);
        answerAws(response, await this.#run(request, principal, body.bytes));
      } finally {
        body.release();
      }
    } catch (error) {
      if (!(error instanceof MillraceError)) this.#services.onError(error);
      answerAwsError(request, response, awsErrorOf(error));
    }
  }

  /** Why a request can't be anybody's, by its headers alone; null when its body has to be read. */
  #stranger(request: IncomingMessage): VerifyFailure | null {
    const header = headerOf(request, 'authorization', 4096);
    const parsed = header === undefined ? null : parseAuthorization(header);
    if (parsed !== null && 'ok' in parsed) return parsed;
    const known = parsed !== null && this.#services.tenants.directory.accessKey(parsed.accessKeyId) !== undefined;
    if (known) return null;
    return parsed === null
      ? failed('missing', 'Missing Authentication Token')
      : failed('unknownKey', 'The security token included in the request is invalid.');
  }

  #read(request: IncomingMessage): Promise<Body> {
    // The signature is over the bytes of the wire; AWS takes no compressed ones either.
    if (request.headers['content-encoding'] !== undefined)
      throw new MillraceError('ENCODING_UNSUPPORTED', 'expected no Content-Encoding', {
        place: 'header Content-Encoding',
      });
    const { bodyBytesMax } = this.#services.limits;
    return readBody(request, Math.min(BODY_BYTES_MAX, bodyBytesMax), this.#budget);
  }

  #verify(request: IncomingMessage, body: Uint8Array): Principal | VerifyFailure {
    const { directory } = this.#services.tenants;
    const { region } = this.#services.firehose;
    const verified = verifyRequest(
      { method: request.method!, target: request.url!, headers: request.headersDistinct, body },
      {
        secretOf: (id) => directory.accessKey(id)?.secret,
        service: 'firehose',
        ...(region === undefined ? {} : { region }),
        keys: this.#keys,
        nowMs: this.#services.clock.now(),
      },
    );
    return verified.ok ? directory.accessKey(verified.accessKeyId)!.principal : verified;
  }

  async #run(request: IncomingMessage, principal: Principal, body: Uint8Array): Promise<object> {
    const target = headerOf(request, 'x-amz-target') ?? '';
    const name = target.startsWith(TARGET) ? target.slice(TARGET.length) : '';
    const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined;
    if (operation === undefined)
      throw new MillraceError(
        'OPERATION_UNKNOWN',
        `there is no operation '${target.slice(0, 128)}'; expected ${TARGET} and one of ${Object.keys(OPERATIONS).join(', ')}`,
        { place: 'header X-Amz-Target' },
      );
    if (operation.operator && principal.role !== 'operator')
      throw new MillraceError('KEY_FORBIDDEN', `${name} takes an operator's access key`, { place: 'Authorization' });
    const { firehose } = this.#services;
    return operation.run({
      services: this.#services,
      doors: this.#doors,
      budget: this.#budget,
      account: { id: firehose.accountId, region: firehose.region ?? 'us-east-1' },
      request,
      principal,
      input: parseInput(body),
    });
  }

  #refuse(request: IncomingMessage, response: ServerResponse, { awsName, message }: VerifyFailure): void {
    this.#services.unauthenticated(request);
    answerAwsError(request, response, { type: awsName, status: 400, message });
  }
}
