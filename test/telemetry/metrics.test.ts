import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createMessages, formatMessage } from '../../src/telemetry/messages.js';
import { METRICS } from '../../src/telemetry/metric-list.js';
import { OTHER, SERIES_MAX, createMetrics, renderMetrics } from '../../src/telemetry/metrics.js';

describe('metrics', () => {
  test('counts of two threads are added up on one page', async () => {
    const [first, second] = [createMetrics(), createMetrics()];
    first.counter('millrace_log_commits_total').add(2);
    second.counter('millrace_log_commits_total').add(3);
    first.gauge('millrace_log_segments').set(7);
    second.histogram('millrace_query_seconds').observe(0.004);
    const page = await renderMetrics([await first.collect(), structuredClone(await second.collect())]);
    expect(page).toContain('millrace_log_commits_total 5');
    expect(page).toContain('millrace_log_segments 7');
    expect(page).toContain('millrace_query_seconds_bucket{le="0.005"} 1');
    expect(page).toContain('# HELP millrace_log_commits_total Group commits synced to disk.');
  });

  test('a handle is found again and collected once', async () => {
    const metrics = createMetrics();
    metrics.counter('millrace_decode_path_total', { path: 'fast' }).add(5);
    await metrics.collect();
    metrics.counter('millrace_decode_path_total', { path: 'fast' }).add();
    expect(await renderMetrics([await metrics.collect()])).toContain('millrace_decode_path_total{path="fast"} 6');
  });

  test('readers run before each collection', async () => {
    const metrics = createMetrics();
    let bytes = 1;
    metrics.onCollect(() => metrics.gauge('millrace_resident_bytes').set((bytes *= 2)));
    await metrics.collect();
    expect(await renderMetrics([await metrics.collect()])).toContain('millrace_resident_bytes 4');
  });

  test('hostile label values share one series', async () => {
    const metrics = createMetrics();
    for (let i = 0; i < SERIES_MAX * 3; i++)
      metrics.counter('millrace_events_dropped_total', { reason: `r${i}` }).add();
    const page = await renderMetrics([await metrics.collect()]);
    expect(page.match(/millrace_events_dropped_total\{/g)).toHaveLength(SERIES_MAX + 1);
    expect(page).toContain(`millrace_events_dropped_total{reason="${OTHER}"} ${SERIES_MAX * 2}`);
    expect(page).toContain(
      `millrace_metric_series_refused_total{metric="millrace_events_dropped_total"} ${SERIES_MAX * 2}`,
    );
  });

  test('every metric is named and described by the rules', () => {
    for (const [name, { type, help }] of Object.entries(METRICS)) {
      expect(name, name).toMatch(/^millrace_[a-z0-9_]+$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(help, name).toMatch(/^[A-Z1-9].*\.$/);
    }
  });
});

describe('messages', () => {
  test('are JSON without a terminal, and hide secrets', () => {
    const target = new PassThrough();
    createMessages({}, target)
      .child({ part: 'collect' })
      .info({ key: 'mr_secret', headers: { authorization: 'Bearer x' }, tenant: 'acme' }, 'a request');
    const said = String(target.read());
    expect(JSON.parse(said)).toMatchObject({
      part: 'collect',
      msg: 'a request',
      key: '[hidden]',
      headers: { authorization: '[hidden]' },
      tenant: 'acme',
    });
    expect(said).not.toContain('mr_secret');
  });

  test('are one readable line on a terminal', () => {
    const line = JSON.stringify({
      level: 40,
      time: 1_700_000_000_123,
      part: 'log',
      msg: 'the disk is full',
      freeBytes: 12,
    });
    expect(formatMessage(line)).toBe('22:13:20.123 warn  log: the disk is full freeBytes=12');
    const target = Object.assign(new PassThrough(), { isTTY: true });
    createMessages({}, target).warn('slow');
    expect(String(target.read())).toContain('slow\n');
  });

  test('below the level nothing is said', () => {
    const target = new PassThrough();
    createMessages({ level: 'error' }, target).info('x');
    expect(target.read()).toBeNull();
  });
});
