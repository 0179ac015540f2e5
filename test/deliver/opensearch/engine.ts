import type { z } from 'zod';
import { opensearchSinkField } from '../../../src/config/sinks/opensearch.js';
import type { SinkOptionsOf } from '../../../src/config/sinks/index.js';
import type { OpenSearch } from '../../engines/opensearch.js';

/** A document as it is there. */
export interface Found {
  readonly index: string;
  readonly id: string;
  readonly source: Record<string, unknown>;
}

/** The test's own look at a cluster. */
export class Cluster {
  readonly #engine: OpenSearch;

  constructor(engine: OpenSearch) {
    this.#engine = engine;
  }

  /** A request; the answer's status is beside its fields. */
  async ask(
    method: string,
    where: string,
    body?: object,
  ): Promise<Record<string, unknown> & { readonly status: number }> {
    const answer = await fetch(`${this.#engine.url}/${where}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { ...((await answer.json()) as object), status: answer.status };
  }

  /** Every document of the indexes whose names start so. */
  async documents(index: string): Promise<Found[]> {
    await this.ask('POST', `${index}*/_refresh`);
    const found: Found[] = [];
    let after: unknown;
    for (;;) {
      const page = await this.ask('POST', `${index}*/_search?ignore_unavailable=true`, {
        size: 5_000,
        sort: [{ _id: 'asc' }, { _index: 'asc' }],
        ...(after === undefined ? {} : { search_after: after }),
      });
      const { hits } = (page as unknown as Answer).hits ?? { hits: [] };
      if (hits.length === 0) return found;
      for (const { _index, _id, _source } of hits) found.push({ index: _index, id: _id, source: _source });
      after = hits.at(-1)!.sort;
    }
  }
}

interface Answer {
  readonly hits?: {
    readonly hits: readonly {
      readonly _index: string;
      readonly _id: string;
      readonly _source: Record<string, unknown>;
      readonly sort: unknown;
    }[];
  };
}

/** Settings of a sink, parsed. */
export function settings(
  url: string,
  rest: Partial<z.input<typeof opensearchSinkField>> = {},
): SinkOptionsOf<'opensearch'> {
  return opensearchSinkField.parse({ type: 'opensearch', url, index: 'events', timeout: '10 s', ...rest });
}
