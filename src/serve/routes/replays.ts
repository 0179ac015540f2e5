/** Replays over HTTP: make, list, cancel. All of them take an operator's key. */
import { answerJson } from '../../collect/http/answer.js';
import { Budget, readBody } from '../../collect/http/body.js';
import { MillraceError } from '../../util/errors.js';
import type { Api } from '../api-input.js';
import type { ReplayRequest } from '../replays.js';
import { timeParameter, type Route } from '../route.js';

const BODY_BYTES_MAX = 64 * 1024;
const REPLAY = { 'application/json': { $ref: '#/components/schemas/Replay' } };

const BODY = {
  type: 'object',
  required: ['delivery', 'from', 'to'],
  additionalProperties: false,
  properties: {
    delivery: { type: 'string', description: 'The delivery whose sink takes the rows' },
    tenant: { type: 'string', description: "Only this tenant's rows" },
    from: { type: ['string', 'integer'], description: 'Received at or after: ISO 8601, or ms since 1970' },
    to: { type: ['string', 'integer'], description: 'Received before' },
    rowsPerSecond: { type: 'number', exclusiveMinimum: 0, description: 'Most rows a second' },
  },
};

/** The routes. */
export function replayRoutes({ replays }: Api): Route[] {
  const budget = new Budget(64 * BODY_BYTES_MAX);
  return [
    {
      method: 'GET',
      path: '/v1/replays',
      roles: [],
      summary: 'Replays: progress and time left of those that run, and the last that ended',
      answers: {
        'application/json': {
          type: 'object',
          required: ['replays'],
          properties: { replays: { type: 'array', items: { $ref: '#/components/schemas/Replay' } } },
        },
      },
      async handle({ response }) {
        answerJson(response, 200, { replays: await replays.list() }, { 'cache-control': 'no-store' });
      },
    },
    {
      method: 'POST',
      path: '/v1/replays',
      roles: [],
      summary: 'Bring a part of a stream to a delivery once more',
      description:
        'The part is fixed at once: rows of the log by the time of their arrival, and rows of the lake where the log does not hold them any more. They carry the mark of the replay, keep their ids and their time of arrival, and nothing is taken in anew: no view, account or bill counts them twice.',
      body: BODY,
      answers: REPLAY,
      errors: [400, 404, 429],
      async handle({ request, response }) {
        const body = await readBody(request, BODY_BYTES_MAX, budget);
        try {
          answerJson(response, 200, await replays.make(parse(body.bytes)));
        } finally {
          body.release();
        }
      },
    },
    {
      method: 'POST',
      path: '/v1/replays/{replay}/cancel',
      roles: [],
      summary: 'End a replay; what it has delivered stays',
      parameters: [{ name: 'replay', in: 'path', description: 'Its id', schema: { type: 'string' } }],
      answers: REPLAY,
      errors: [404],
      async handle({ response, path }) {
        answerJson(response, 200, await replays.cancel(path['replay']!));
      },
    },
  ];
}

function parse(bytes: Uint8Array): ReplayRequest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw wrong(`the body is not JSON: ${(cause as Error).message}`, 'body', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('expected an object', 'body');
  const { delivery, tenant = null, from, to, rowsPerSecond = null, ...rest } = value as Record<string, unknown>;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    throw wrong(`'${unknown}' is not known; there are ${Object.keys(BODY.properties).join(', ')}`, unknown);
  if (typeof delivery !== 'string') throw wrong("'delivery': expected the name of a delivery", 'delivery');
  if (tenant !== null && typeof tenant !== 'string') throw wrong("'tenant': expected a text", 'tenant');
  if (rowsPerSecond !== null && !(typeof rowsPerSecond === 'number' && rowsPerSecond > 0))
    throw wrong("'rowsPerSecond': expected a number above 0", 'rowsPerSecond');
  const query = new URLSearchParams({ from: String(from ?? ''), to: String(to ?? '') });
  const fromMs = timeParameter(query, 'from');
  const toMs = timeParameter(query, 'to');
  if (fromMs === null || toMs === null || fromMs >= toMs)
    throw wrong("'from' and 'to': expected two times, the first before the second", 'from');
  return { delivery, tenant, fromMs, toMs, rowsPerSecond };
}

function wrong(message: string, place: string, cause?: unknown): MillraceError {
  return new MillraceError('BODY_MALFORMED', message, { place, cause });
}
