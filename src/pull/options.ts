/** What the worker is told to pull: from the arguments of one pull, or from a file that names many. */
import { z } from 'zod';
import { MillraceError } from '../util/errors.js';

/** One pull, as it is told. */
export interface PullOptions {
  readonly key: string | undefined;
  /** Undefined: the key's own. */
  readonly tenant: string | undefined;
  readonly view: string;
  readonly into: string;
  readonly schema: string | undefined;
  readonly table: string | undefined;
}

/** All that a worker pulls. */
export interface PullList {
  readonly url: string;
  readonly pullsMax: number;
  readonly everySeconds: number;
  readonly limit: number | undefined;
  readonly pulls: readonly PullOptions[];
}

/** Pulls that work at once, by default. */
export const PULLS_MAX = 4;
/** Seconds between two questions, when pulls take turns, by default. */
export const EVERY_SECONDS = 5;

const TENANT = z.strictObject({
  tenant: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
  keyEnv: z.string().min(1).optional(),
  views: z.array(z.string().min(1)).min(1),
  into: z.string().min(1).optional(),
  intoEnv: z.string().min(1).optional(),
  schema: z.string().min(1).optional(),
  table: z.string().min(1).optional(),
});

const FILE = z.strictObject({
  url: z.url(),
  into: z.string().min(1).optional(),
  intoEnv: z.string().min(1).optional(),
  schema: z.string().min(1).optional(),
  pullsMax: z.int().min(1).max(256).default(PULLS_MAX),
  everySeconds: z.number().min(0.1).max(3600).default(EVERY_SECONDS),
  limit: z.int().min(1).max(10_000).optional(),
  pulls: z.array(TENANT).min(1),
});

/** Reads what a file holds. `file` names it in errors. Throws CONFIG_INVALID that names the field. */
export function parsePullList(
  value: unknown,
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): PullList {
  const parsed = FILE.safeParse(value);
  if (!parsed.success)
    throw invalid(file, parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
  const { url, pullsMax, everySeconds, limit, pulls, ...all } = parsed.data;
  const fromEnvironment = (name: string | undefined, path: string): string | undefined => {
    if (name === undefined) return undefined;
    const found = environment[name];
    if (found === undefined || found === '') throw invalid(file, `${path}: the environment has no ${name}`);
    return found;
  };
  const list = pulls.flatMap((one, index): PullOptions[] => {
    const path = `pulls.${index}`;
    const { tenant, views, table } = one;
    if (table !== undefined && views.length > 1)
      throw invalid(file, `${path}.table: expected one view with it, found ${views.length}`);
    const key = one.key ?? fromEnvironment(one.keyEnv, `${path}.keyEnv`) ?? environment['MILLRACE_KEY'];
    const into =
      one.into ??
      fromEnvironment(one.intoEnv, `${path}.intoEnv`) ??
      all.into ??
      fromEnvironment(all.intoEnv, 'intoEnv');
    if (into === undefined) throw invalid(file, `${path}.into: expected an address, here or for all`);
    return views.map((view) => ({ key, tenant, view, into, schema: one.schema ?? all.schema, table }));
  });
  refuseTwice(list, file);
  return { url, pullsMax, everySeconds, limit, pulls: list };
}

function refuseTwice(pulls: readonly PullOptions[], file: string): void {
  const seen = new Set<string>();
  for (const { tenant, view, into, schema, key } of pulls) {
    const name = JSON.stringify([tenant ?? key, view, into, schema]);
    if (seen.has(name))
      throw invalid(file, `pulls: view '${view}' of ${tenant ?? 'one key'} goes into one database twice`);
    seen.add(name);
  }
}

function invalid(file: string, what: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', `${file}: ${what}`, { place: file });
}
