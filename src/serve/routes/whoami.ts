/** `GET /v1/whoami`: whose key this is. */
import { answerJson } from '../../collect/http/answer.js';
import type { Route } from '../route.js';

/** The route. */
export function whoamiRoute(): Route {
  return {
    method: 'GET',
    path: '/v1/whoami',
    roles: ['ingest', 'read'],
    summary: "A key's tenant and role; an operator's tenant is `*`",
    answers: {
      'application/json': {
        type: 'object',
        required: ['tenant', 'role'],
        properties: { tenant: { type: 'string' }, role: { enum: ['ingest', 'read', 'operator'] } },
      },
    },
    handle({ response, principal: { tenant, role } }) {
      answerJson(response, 200, { tenant, role }, { 'cache-control': 'no-store' });
    },
  };
}
