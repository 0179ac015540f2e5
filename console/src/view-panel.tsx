import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { get, type Row, type View, type ViewRows } from './api.js';
import { Chart } from './chart.js';
import { formatCount, formatTime } from './format.js';
import { measures, timeOf, toSeries } from './series.js';

const ROWS_SHOWN = 8;

interface ViewPanelProps {
  readonly apiKey: string;
  readonly views: readonly View[] | undefined;
}

/** One view as a live chart, with a tenant picker, and its newest rows. */
export function ViewPanel({ apiKey, views }: ViewPanelProps) {
  const [name, setName] = useState<string>();
  const [tenant, setTenant] = useState('');
  const view = views?.find((one) => one.name === name) ?? views?.[0];
  const rows = useRows(apiKey, view, tenant);
  if (views === undefined) return <section className="card empty">Asking for the views …</section>;
  if (view === undefined)
    return (
      <section className="card empty">
        There are no views yet. Write one in SQL and name it in the configuration.
      </section>
    );
  return (
    <section className="card">
      <div className="panel-head">
        <h2>View</h2>
        <label>
          <span>view</span>
          <select value={view.name} onChange={(event) => setName(event.target.value)} data-testid="view-picker">
            {views.map((one) => (
              <option key={one.name}>{one.name}</option>
            ))}
          </select>
        </label>
        <TenantPicker apiKey={apiKey} tenant={tenant} onTenant={setTenant} />
      </div>
      <ViewChart key={view.name} view={view} answer={rows} />
    </section>
  );
}

function useRows(apiKey: string, view: View | undefined, tenant: string): ViewRows {
  const parameters = new URLSearchParams({ limit: '5000' });
  if (tenant !== '') parameters.set('tenant', tenant);
  const path = `/v1/views/${view?.name ?? ''}/rows?${parameters}`;
  const { data } = useQuery({
    queryKey: ['rows', apiKey, path],
    queryFn: ({ signal }) => get<ViewRows>(apiKey, path, signal),
    enabled: view !== undefined,
    refetchInterval: 1_000,
    placeholderData: keepPreviousData,
  });
  return data ?? NO_ROWS;
}

const NO_ROWS: ViewRows = { rows: [], truncated: false, summed: false };

interface TenantPickerProps {
  readonly apiKey: string;
  readonly tenant: string;
  readonly onTenant: (tenant: string) => void;
}

/** A text with suggestions: there may be 15,000 tenants. */
function TenantPicker({ apiKey, tenant, onTenant }: TenantPickerProps) {
  const [text, setText] = useState(tenant);
  const { data } = useQuery({
    queryKey: ['tenants', apiKey, text],
    queryFn: ({ signal }) =>
      get<{ tenants: readonly string[] }>(apiKey, `/v1/tenants?prefix=${encodeURIComponent(text)}&limit=20`, signal),
    placeholderData: keepPreviousData,
  });
  const choose = (next: string) => {
    setText(next);
    if (next === '' || data?.tenants.includes(next) === true) onTenant(next);
  };
  return (
    <label>
      <span>tenant</span>
      <input
        list="tenants"
        placeholder="all"
        value={text}
        onChange={(event) => choose(event.target.value)}
        onBlur={() => onTenant(text)}
        onKeyDown={(event) => event.key === 'Enter' && onTenant(text)}
        data-testid="tenant-picker"
      />
      <datalist id="tenants">
        {data?.tenants.map((id) => (
          <option key={id} value={id} />
        ))}
      </datalist>
    </label>
  );
}

function ViewChart({ view, answer }: { readonly view: View; readonly answer: ViewRows }) {
  const { rows, truncated, summed } = answer;
  const choices = measures(view);
  const [chosen, setChosen] = useState(choices[0] ?? '');
  const additive = view.columns.find(({ name }) => name === chosen)?.additive === true;
  const series = useMemo(
    () => toSeries(rows, chosen, additive, view.windowMs),
    [rows, chosen, additive, view.windowMs],
  );
  return (
    <>
      <div className="measures" role="tablist" aria-label="measure">
        {choices.map((choice) => (
          <button
            key={choice}
            type="button"
            role="tab"
            aria-selected={choice === chosen}
            onClick={() => setChosen(choice)}
          >
            {choice}
          </button>
        ))}
      </div>
      <Chart series={series} label={additive ? chosen : `${chosen}, the largest`} windowMs={view.windowMs} />
      {summed && <p className="empty">Sums over all tenants, a row a window. Pick a tenant to see its rows.</p>}
      {truncated && <p className="empty">There are more rows than shown; these are the newest.</p>}
      <RowTable view={view} rows={rows} />
    </>
  );
}

function RowTable({ view, rows }: { readonly view: View; readonly rows: readonly Row[] }) {
  const newest = [...rows]
    .toSorted((a, b) => timeOf(b['window_start']) - timeOf(a['window_start']))
    .slice(0, ROWS_SHOWN);
  const columns = view.columns.filter(({ name }) => name !== 'window_end' && name !== 'state');
  if (newest.length === 0)
    return <p className="empty">No rows yet. Send an event and they appear here within a second.</p>;
  return (
    <div className="scroll">
      <table data-testid="rows">
        <thead>
          <tr>
            {columns.map(({ name, type }) => (
              <th key={name} className={isNumber(type) ? 'number' : undefined}>
                {name}
              </th>
            ))}
            <th>state</th>
          </tr>
        </thead>
        <tbody>
          {newest.map((row, index) => (
            <tr key={index}>
              {columns.map(({ name, type }) => (
                <td key={name} className={isNumber(type) ? 'number' : undefined}>
                  {cellText(row[name], type)}
                </td>
              ))}
              <td>
                <span className={`state ${String(row['state'])}`}>{row['state']}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function isNumber(type: string): boolean {
  return /bigint|double|numeric|integer/.test(type);
}

function cellText(value: Row[string] | undefined, type: string): string {
  if (value === null || value === undefined) return '–';
  if (type === 'bytea') return `${formatCount(Math.floor((String(value).replace(/=+$/, '').length * 3) / 4))} bytes`;
  if (type.startsWith('timestamp')) return formatTime(timeOf(value));
  if (type === 'numeric')
    return String(value)
      .replace(/(\.\d*?)0+$/, '$1')
      .replace(/\.$/, '');
  if (type === 'bigint') return formatCount(Number(value));
  if (type === 'double precision') return String(Math.round(Number(value) * 1_000) / 1_000);
  return String(value);
}
