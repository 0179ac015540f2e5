/**
 * What a cluster is told before the first document: an index template with the mapping of the schema,
 * and, with a retention, a policy that deletes indexes (ISM in OpenSearch, ILM in Elasticsearch).
 *
 * Idempotent: the configuration owns `millrace-<index>`, at every start it is as the configuration says.
 * An index that is there already gets the fields that it lacks; what it has stays until the next rotation.
 */
import type { SinkOptionsOf } from '../../../config/sinks/index.js';
import type { Schema } from '../../../event/schema.js';
import { ComeAgain } from '../../sink.js';
import { mappingOf, propertiesOf, type Distribution, type MappingObject } from './mapping.js';
import { answerText, type NodeAnswer, type NodeRequest, type Nodes } from './nodes.js';
import { IndexNames, periodMsMax } from './rotation.js';

/** What is set up. */
export interface SetUpInput {
  readonly options: SinkOptionsOf<'opensearch'>;
  readonly schema: Schema;
  readonly nodes: Nodes;
  readonly nowMs: number;
}

/** Sets the cluster up; throws ComeAgain saying what it refused. */
export async function setUp(input: SetUpInput, signal: AbortSignal): Promise<void> {
  const { options, schema, nodes, nowMs } = input;
  const { index, rotation, retention, template } = options;
  const names = new IndexNames(index, rotation);
  const distribution = await distributionOf(nodes, signal);
  const mappings = mappingOf(propertiesOf(schema, distribution), template.mappings);
  // Rows of an index are up to a period younger than the index.
  const deleteAfterMs = retention === undefined || rotation === 'NoRotation' ? null : retention + periodMsMax(rotation);
  const name = `millrace-${index}`;
  if (deleteAfterMs !== null)
    await (distribution === 'opensearch' ? putIsm : putIlm)(
      { name, patterns: names.patterns(), deleteAfterMs },
      nodes,
      signal,
    );
  const lifecycle = deleteAfterMs === null || distribution === 'opensearch' ? {} : { 'index.lifecycle.name': name };
  await must(
    nodes,
    {
      method: 'PUT',
      path: `/_index_template/${encodeURIComponent(name)}`,
      body: {
        index_patterns: names.patterns(),
        priority: template.priority,
        template: { settings: { ...lifecycle, ...template.settings }, mappings },
        _meta: { description: `made by millrace for the indexes of ${index}` },
      },
    },
    signal,
  );
  await addFields(nodes, names.at(nowMs), mappings, signal);
}

async function distributionOf(nodes: Nodes, signal: AbortSignal): Promise<Distribution> {
  const { version, tagline } = (await must(nodes, { method: 'GET', path: '/' }, signal)) as {
    readonly version?: { readonly distribution?: string };
    readonly tagline?: string;
  };
  // A cluster that poses as Elasticsearch 7.10 for old clients still says so in its tagline.
  return version?.distribution === 'opensearch' || /opensearch/i.test(tagline ?? '') ? 'opensearch' : 'elasticsearch';
}

interface Policy {
  readonly name: string;
  readonly patterns: readonly string[];
  readonly deleteAfterMs: number;
}

async function putIlm({ name, deleteAfterMs }: Policy, nodes: Nodes, signal: AbortSignal): Promise<void> {
  const policy = {
    phases: { hot: { actions: {} }, delete: { min_age: ageText(deleteAfterMs), actions: { delete: {} } } },
  };
  await must(nodes, { method: 'PUT', path: `/_ilm/policy/${encodeURIComponent(name)}`, body: { policy } }, signal);
}

/** A policy that is there is only replaced where it differs: each version of it is counted against running indexes. */
async function putIsm({ name, patterns, deleteAfterMs }: Policy, nodes: Nodes, signal: AbortSignal): Promise<void> {
  const path = `/_plugins/_ism/policies/${encodeURIComponent(name)}`;
  const known = await nodes.send({ method: 'GET', path }, signal);
  if (known.status !== 404 && !isSuccess(known)) throw refusal(known);
  const found = known.status === 404 ? null : (jsonOf(known) as IsmPolicy);
  const [state] = found?.policy?.states ?? [];
  const [templateOf] = found?.policy?.ism_template ?? [];
  const isSame =
    state?.transitions?.[0]?.conditions?.min_index_age === ageText(deleteAfterMs) &&
    templateOf?.index_patterns?.join() === patterns.join();
  if (isSame) return;
  const version = found === null ? '' : `?if_seq_no=${found._seq_no}&if_primary_term=${found._primary_term}`;
  const transition = { state_name: 'delete', conditions: { min_index_age: ageText(deleteAfterMs) } };
  const policy = {
    description: 'made by millrace',
    default_state: 'hot',
    states: [
      { name: 'hot', actions: [], transitions: [transition] },
      { name: 'delete', actions: [{ delete: {} }], transitions: [] },
    ],
    ism_template: [{ index_patterns: patterns, priority: 200 }],
  };
  await must(nodes, { method: 'PUT', path: path + version, body: { policy } }, signal);
}

interface IsmPolicy {
  readonly _seq_no?: number;
  readonly _primary_term?: number;
  readonly policy?: {
    readonly states?: readonly {
      readonly transitions?: readonly { readonly conditions?: { readonly min_index_age?: string } }[];
    }[];
    readonly ism_template?: readonly { readonly index_patterns?: readonly string[] }[];
  };
}

/** A schema that got columns: the template only reaches indexes that are still to come. */
async function addFields(nodes: Nodes, index: string, mappings: MappingObject, signal: AbortSignal): Promise<void> {
  const { properties } = mappings;
  const path = `/${encodeURIComponent(index)}/_mapping`;
  const answer = await nodes.send({ method: 'PUT', path, body: { properties } }, signal);
  // 404: there is none yet. 400: a field is of another type there, and stays so until the next index.
  if (!isSuccess(answer) && answer.status !== 404 && answer.status !== 400) throw refusal(answer);
}

async function must(nodes: Nodes, request: NodeRequest, signal: AbortSignal): Promise<object> {
  const answer = await nodes.send(request, signal);
  if (!isSuccess(answer)) throw refusal(answer);
  return jsonOf(answer);
}

function isSuccess({ status }: NodeAnswer): boolean {
  return status >= 200 && status < 300;
}

function jsonOf(answer: NodeAnswer): object {
  try {
    return Object(JSON.parse(answer.text)) as object;
  } catch (cause) {
    throw new ComeAgain(`${answerText(answer)}, which is no JSON`, null, cause);
  }
}

function refusal(answer: NodeAnswer): ComeAgain {
  const advice = '; permit it, mend it, or set `setUp: false` and do it yourself';
  return new ComeAgain(answerText(answer) + (answer.status < 500 && answer.status !== 429 ? advice : ''), null);
}

function ageText(ms: number): string {
  return ms % 3_600_000 === 0 ? `${ms / 3_600_000}h` : `${Math.ceil(ms / 60_000)}m`;
}
