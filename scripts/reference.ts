/** Renders the pages of docs/reference/ from the code that they describe. */
import { configJsonSchema, type JsonSchema } from '../src/config/json-schema.js';
import { METRICS, type MetricDefinition } from '../src/telemetry/metric-list.js';
import { ERRORS } from '../src/util/errors.js';
import { aggregatesPage } from './aggregate-reference.js';
import { ERROR_HELP } from './error-help.js';
import { sqlPage } from './sql-reference.js';

const NOTE = '<!-- Written by `npm run docs` from the code; edit there. -->\n';

/** Every generated page: file name in docs/reference/ → content. */
export function referencePages(): Record<string, string> {
  return {
    'aggregates.md': aggregatesPage(NOTE),
    'config.md': configPage(),
    'config.schema.json': `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
    'errors.md': errorsPage(),
    'metrics.md': metricsPage(),
    'sql.md': sqlPage(NOTE),
  };
}

function configPage(): string {
  const schema = configJsonSchema();
  const sections: string[] = [];
  const top = objectTable(schema, '', sections);
  return `${NOTE}
# Configuration

A file \`millrace.config.ts\` (also \`.js\`, \`.json\`, \`.yaml\`) that exports \`defineConfig({ … })\`. \`millrace check\`
explains every mistake in it; \`config.schema.json\` beside this page is for editors. Durations (\`'90 s'\`, \`'7 d'\`) and
sizes (\`'64 MiB'\`) are texts with a unit. Relative paths start at the file's folder. \`--port\`, \`--host\`, \`--data\`
and the environment's \`MILLRACE_PORT\`, \`MILLRACE_HOST\`, \`MILLRACE_DATA\` are put over the file.

${top}
${sections.join('\n')}`;
}

function objectTable(schema: JsonSchema, path: string, sections: string[]): string {
  const required = new Set((schema['required'] as string[] | undefined) ?? []);
  const rows = Object.entries(schema['properties'] as Record<string, JsonSchema>).map(([name, field]) => {
    const full = path === '' ? name : `${path}.${name}`;
    const nested = nestedObject(field, full);
    if (nested !== undefined) sections.push(section(nested.path, nested.schema));
    for (const one of variants(field)) sections.push(section(`${full}, type: '${one.type}'`, one.schema));
    const byDefault =
      nested === undefined || field['type'] === 'array'
        ? defaultText(field, required.has(name))
        : required.has(name)
          ? '**required**'
          : 'below';
    return `| \`${name}\` | ${typeText(field)} | ${byDefault} | ${cell(String(field['description'] ?? ''))} |`;
  });
  return ['| name | type | default | meaning |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}

function section(path: string, schema: JsonSchema): string {
  const inner: string[] = [];
  const table = objectTable(schema, path, inner);
  return [`## \`${path}\`\n`, table, ...inner].join('\n');
}

/** The object that a field holds: itself, the items of a list, or the values of a map. */
function nestedObject(field: JsonSchema, path: string): { path: string; schema: JsonSchema } | undefined {
  if (field['properties'] !== undefined) return { path, schema: field };
  const items = field['items'] as JsonSchema | undefined;
  if (items?.['properties'] !== undefined) return { path: `${path}[]`, schema: items };
  const values = field['additionalProperties'];
  if (typeof values === 'object' && (values as JsonSchema)['properties'] !== undefined)
    return { path: `${path}.<name>`, schema: values as JsonSchema };
  return undefined;
}

/** The kinds of object that a field may be, told apart by `type`. */
function variants(field: JsonSchema): { readonly type: string; readonly schema: JsonSchema }[] {
  return ((field['oneOf'] ?? []) as JsonSchema[]).map((schema) => {
    const { type, ...properties } = schema['properties'] as Record<string, JsonSchema>;
    return { type: String(type?.['const']), schema: { ...schema, properties } };
  });
}

function typeText(field: JsonSchema): string {
  const types = variants(field).map(({ type }) => `\`${type}\``);
  if (types.length > 0) return types.join(', ');
  const kind = field['kind'];
  if (typeof kind === 'string') return kind;
  if (Array.isArray(field['enum'])) return field['enum'].map((value) => `\`${String(value)}\``).join(', ');
  if (field['const'] !== undefined) return `\`${String(field['const'])}\``;
  if (field['anyOf'] !== undefined) return [...new Set((field['anyOf'] as JsonSchema[]).map(typeText))].join(' or ');
  if (field['type'] === 'array') return 'list';
  if (field['type'] === 'object') return field['properties'] === undefined ? 'object by name' : 'object';
  if (field['type'] === 'integer')
    return `whole number, ${Number(field['minimum']).toLocaleString('en-US')} to ${Number(field['maximum']).toLocaleString('en-US')}`;
  return field['type'] === 'string' ? 'text' : String(field['type'] ?? 'any');
}

function defaultText(field: JsonSchema, required: boolean): string {
  const value = field['default'];
  if (value === undefined) return required ? '**required**' : 'none';
  return `\`${typeof value === 'string' ? `'${value}'` : JSON.stringify(value)}\``;
}

function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, { status, retryable }]) => {
    const help = ERROR_HELP[code as keyof typeof ERROR_HELP];
    return `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${cell(help)} |`;
  });
  return `${NOTE}
# Errors

Codes are stable: clients and runbooks may match on them. Over HTTP an error is
\`{"error": {"code", "message", "place", "retryable"}}\` with the status below; on the command line it is
\`error CODE: message\` and exit code 1 (2 for a wrong command line). What is retryable may succeed later, with
\`Retry-After\` where the server knows when.

| code | status | retryable | what it means and what to do |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

function metricsPage(): string {
  const rows = Object.entries(METRICS as Record<string, MetricDefinition>).map(
    ([name, { type, help, labels }]) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${cell(help)} |`,
  );
  return `${NOTE}
# Metrics

\`GET /metrics\`, in Prometheus' text format. A label has few values by construction (\`tenant\` is never one); past 500
combinations of a metric the rest counts under \`other\`, and \`millrace_metric_series_refused_total\` says so.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
