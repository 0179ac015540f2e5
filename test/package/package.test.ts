/** The package as npm would publish it: packed, installed without dev dependencies, and used. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProcess, until, type Started } from './process.js';

const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx';
const SIZE_MAX = 4 * 1024 * 1024;

let folder = '';
let tarball = '';
let started: Started | undefined;

function run(command: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: 240_000,
    env: { ...process.env, npm_config_loglevel: 'error' },
  });
  return { status, stdout, stderr };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-package-'));
  const packed = run(npm, ['pack', '--ignore-scripts', '--pack-destination', folder], resolve('.'));
  if (packed.status !== 0) throw new Error(`npm pack failed: ${packed.stderr}`);
  tarball = join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.tgz'))!,
  );
}, 120_000);

afterAll(() => {
  started?.kill();
  rmSync(folder, { recursive: true, force: true });
});

describe('the packed package', () => {
  test('holds what it needs and nothing else, and is small', () => {
    const { stdout } = run('tar', ['-tzf', tarball], folder);
    const files = stdout
      .trim()
      .split('\n')
      .map((line) => line.replace(/^package\//, ''));
    for (const needed of [
      'package.json',
      'README.md',
      'LICENSE',
      'NOTICE',
      'CHANGELOG.md',
      'dist/cli/main.js',
      'dist/index.js',
      'dist/index.d.ts',
      'dist/console/index.html',
    ])
      expect(files, needed).toContain(needed);
    expect(files.filter((file) => file.endsWith('.wasm')).length).toBeGreaterThan(0);
    expect(files.filter((file) => /^(src|test|bench|examples|node_modules)\/|\.as\.ts$/.test(file))).toEqual([]);
    expect(statSync(tarball).size).toBeLessThan(SIZE_MAX);
  });

  test('installs without dev dependencies, checks, starts from a .ts config, counts an event, and stops', async (context) => {
    const app = join(folder, 'app');
    const made = run('mkdir', ['app'], folder);
    expect(made.status).toBe(0);
    writeFileSync(join(app, 'package.json'), '{ "name": "app", "private": true }');
    const installed = run(npm, ['install', '--omit=dev', '--no-audit', '--no-fund', tarball], app);
    if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT/.test(installed.stderr))
      context.skip('the npm registry can not be reached');
    expect(installed.status, installed.stderr).toBe(0);
    for (const dev of ['vite', 'react', 'vitest', 'typescript', 'playwright-core'])
      expect(existsSync(join(app, 'node_modules', dev)), dev).toBe(false);

    const init = run(npx, ['millrace', 'init', '.', '--json'], app);
    expect(init.status, init.stderr).toBe(0);
    const check = run(npx, ['millrace', 'check'], app);
    expect(check.status, check.stderr).toBe(0);
    expect(check.stdout).toContain('ok millrace.config.ts');

    const config = readFileSync(join(app, 'millrace.config.ts'), 'utf8');
    const keys = [...config.matchAll(/key: '(mr_[^']+)'/g)].map((match) => match[1]!);
    const [ingest, read] = keys as [string, string];
    started = await startProcess(npx, ['millrace', 'start', '--port', '0'], app);
    const { url } = started;
    const event = {
      event_id: '00000000-0000-4000-8000-000000000001',
      event_type: 'click',
      event_time: Date.now(),
      tenant_id: 'acme',
      campaign_id: 'spring',
      cost: '0.25',
    };
    const sent = await fetch(`${url}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ingest}` },
      body: JSON.stringify(event),
    });
    expect(await sent.json()).toEqual({ accepted: 1, duplicates: 0, rejected: [] });

    const counted = await until('the click to be counted', async () => {
      const { status, stdout } = run(
        npx,
        ['millrace', 'sql', 'SELECT campaign_id, clicks, cost FROM traffic', '--json', '--url', url, '--key', read],
        app,
      );
      return status === 0 && stdout.includes('spring') ? (JSON.parse(stdout) as Record<string, unknown>) : undefined;
    });
    expect(Number(counted['clicks'])).toBe(1);
    expect(Number(counted['cost'])).toBe(0.25);
    expect((await fetch(`${url}/`)).headers.get('content-type')).toContain('text/html');
    await started.stop();
    expect(started.output()).toContain('"event":"stopped"');
  }, 300_000);
});
