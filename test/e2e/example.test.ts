/** What a newcomer does: `npm start`, the demo page, a click, the console. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProcess, until, type Started } from '../package/process.js';
import { openBrowser } from './browser.js';

const SAMPLE_ROWS = 10_000;
const IMAGES = resolve('docs/images');
/** With MILLRACE_IMAGES=1 the pictures of the docs are taken anew. */
const takesImages = process.env['MILLRACE_IMAGES'] === '1';

let folder = '';
let millrace: Started;
let browser: Browser;
const troubles: string[] = [];

async function open(
  scheme: 'light' | 'dark',
  path: string,
  size = { width: 1180, height: 900 },
): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ colorScheme: scheme, viewport: size, deviceScaleFactor: 1 });
  const page = await context.newPage();
  page.on('pageerror', (error) => troubles.push(`${path}: ${error.message}`));
  page.on('console', (message) => message.type() === 'error' && troubles.push(`${path}: ${message.text()}`));
  await page.goto(millrace.url + path);
  return { context, page };
}

async function image(page: Page, name: string): Promise<void> {
  if (!takesImages) return;
  mkdirSync(IMAGES, { recursive: true });
  await page.screenshot({ path: join(IMAGES, `${name}.png`) });
}

/** Some seconds of impressions, so that a picture shows a line and not a dot. */
async function liven(page: Page): Promise<void> {
  for (let i = 0; i < 60; i++) {
    await Promise.all(
      Array.from({ length: 5 + Math.round(8 * (1 + Math.sin(i / 6))) }, () =>
        fetch(`${millrace.url}/i?t=bolt&campaign_id=autumn`),
      ),
    );
    await page.waitForTimeout(100);
  }
  await page.mouse.click(5, 5);
}

async function number(page: Page, id: string): Promise<number> {
  return Number((await page.locator(`#${id}`).textContent())!.replaceAll(',', ''));
}

async function query<T>(sql: string): Promise<T> {
  const response = await fetch(`${millrace.url}/v1/query`, {
    method: 'POST',
    headers: { authorization: 'Bearer mr_demo_operator', 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  });
  return (await response.json()) as T;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-e2e-'));
  const main = resolve('dist/cli/main.js');
  millrace = await startProcess(
    process.execPath,
    [main, 'start', '--config', 'examples/ad-tracking/millrace.config.ts', '--port', '0', '--data', folder],
    resolve('.'),
  );
  browser = await openBrowser();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await millrace?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('the example in a browser', () => {
  test('the demo page: pixel, click, conversion, and each number moves', async () => {
    const { context, page } = await open('light', '/demo');
    await page.waitForFunction(() => Number(document.getElementById('impressions')!.textContent) >= 1);
    const before = {
      impressions: await number(page, 'impressions'),
      clicks: await number(page, 'clicks'),
      conversions: await number(page, 'conversions'),
    };

    await page.getByRole('button', { name: 'Another impression' }).click();
    await page.waitForFunction(
      (count) => Number(document.getElementById('impressions')!.textContent) === count + 1,
      before.impressions,
    );
    expect(await page.locator('#said').textContent()).toMatch(
      /From the answer to your pixel to the number on this page: \d+ ms/,
    );

    await page.waitForSelector('#click[href*="/c?"]');
    await page.locator('#click').click();
    await page.waitForURL(/\/demo\?cid=[\w-]{40,}/);
    await page.waitForFunction(
      (count) => Number(document.getElementById('clicks')!.textContent) === count + 1,
      before.clicks,
    );

    await page.locator('#convert').click();
    await page.waitForFunction(
      (count) => Number(document.getElementById('conversions')!.textContent) === count + 1,
      before.conversions,
    );
    expect(await page.locator('#revenue').textContent()).toBe('12.50');
    await page.waitForSelector('#lag');
    await image(page, 'demo');
    await context.close();
  });

  test('the sample arrives whole, and a changed click link leads nowhere', async () => {
    await until('the sample', async () => {
      const { rows } = await query<{ rows?: unknown[][] }>('SELECT count(*) FROM web_log');
      return Number(rows?.[0]?.[0]) === SAMPLE_ROWS ? true : undefined;
    });
    const counted = await until('its view', async () => {
      const { rows } = await query<{ rows?: unknown[][] }>('SELECT sum(requests) FROM requests');
      return Number(rows?.[0]?.[0]) === SAMPLE_ROWS ? SAMPLE_ROWS : undefined;
    });
    expect(counted).toBe(SAMPLE_ROWS);
    const forged = await fetch(`${millrace.url}/c?t=acme&u=${encodeURIComponent('https://evil.test/')}&k=k1&s=AAAA`, {
      redirect: 'manual',
    });
    expect(forged.status).toBe(400);
  });

  test.each(['light', 'dark'] as const)(
    'the console, %s: asks for a key, shows what flows and one view by tenant',
    async (scheme) => {
      const { context, page } = await open(scheme, '/');
      await page.getByLabel('API key').fill('mr_wrong_key_0123456789');
      await page.getByRole('button', { name: 'Open' }).click();
      await page.getByRole('alert').waitFor();
      await page.getByLabel('API key').fill('mr_demo_operator');
      await page.getByRole('button', { name: 'Open' }).click();
      await page.getByText('live', { exact: true }).waitFor();

      await page.getByTestId('view-picker').selectOption('sections');
      await page.waitForFunction(
        () => Number(document.querySelector('[data-testid=chart]')?.getAttribute('data-points')) > 50,
      );
      await page.getByTestId('tenant-picker').fill('site');
      await page.getByTestId('tenant-picker').press('Enter');
      await page.waitForFunction(
        () => document.querySelector('[data-testid=rows] tbody')?.textContent?.includes('site') === true,
      );
      for (const id of ['events-per-second', 'freshness', 'late', 'quarantined'])
        expect(await page.getByTestId(id).textContent(), id).not.toBe('');
      expect(await page.getByTestId('late').textContent()).toBe('0');
      await page.getByRole('heading', { name: 'Readers' }).waitFor();
      if (takesImages) await liven(page);
      await image(page, `console-${scheme}`);
      await context.close();
    },
  );

  test("a tenant's key shows its own numbers only, and a click moves the chart", async () => {
    const { context, page } = await open('light', '/');
    await page.getByLabel('API key').fill('mr_demo_acme_read');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByTestId('view-picker').selectOption('requests');
    await page.getByText('No rows yet').waitFor();
    await page.getByTestId('view-picker').selectOption('traffic');
    const impressions = () => page.locator('[data-testid=rows] tbody tr:first-child td:nth-child(4)').textContent();
    await page.waitForSelector('[data-testid=rows] tbody tr');
    const before = await impressions();
    await fetch(`${millrace.url}/i?t=acme&campaign_id=demo`);
    await until('the row to change', async () => ((await impressions()) === before ? undefined : true));
    await context.close();
  });

  test('no page reported an error but the refused key', () => {
    expect(troubles.filter((trouble) => !trouble.includes('401'))).toEqual([]);
  });

  test('it fits a telephone', async () => {
    const { context, page } = await open('light', '/', { width: 390, height: 800 });
    await page.getByLabel('API key').fill('mr_demo_operator');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByTestId('rows').waitFor();
    const wider = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(wider).toBe(0);
    await context.close();
  });
});
