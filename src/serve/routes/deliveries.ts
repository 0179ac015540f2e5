/** Deliveries over HTTP: what they do, pause and resume. */
import { answerJson } from '../../collect/http/answer.js';
import type { Api } from '../api-input.js';
import type { Exchange, Route } from '../route.js';

/** The routes. All of them take an operator's key: a delivery carries every tenant's rows. */
export function deliveryRoutes(api: Api): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/deliveries',
      roles: [],
      summary: 'Deliveries: pending rows, age of the oldest, rates, retries, the last errors',
      answers: { 'application/json': { $ref: '#/components/schemas/Deliveries' } },
      async handle({ response }) {
        const deliveries = (await api.deliver()).map(({ delivery, reader }) => ({
          ...delivery,
          state: reader.state,
          reason: reader.reason,
          lagRows: reader.lagRows,
          lagMs: reader.lagMs,
        }));
        answerJson(response, 200, { deliveries }, { 'cache-control': 'no-store' });
      },
    },
    switchRoute(api, 'pause', true, 'Stop taking rows; what is under way ends'),
    switchRoute(api, 'resume', false, 'Go on'),
  ];
}

function switchRoute(api: Api, name: 'pause' | 'resume', paused: boolean, summary: string): Route {
  return {
    method: 'POST',
    path: `/v1/deliveries/{delivery}/${name}`,
    roles: [],
    summary,
    parameters: [{ name: 'delivery', in: 'path', description: 'Its name', schema: { type: 'string' } }],
    answers: { 'application/json': { type: 'object', properties: { paused: { type: 'boolean' } } } },
    errors: [404],
    async handle({ response, path }: Exchange) {
      await api.pauseDelivery(path['delivery']!, paused);
      answerJson(response, 200, { paused });
    },
  };
}
