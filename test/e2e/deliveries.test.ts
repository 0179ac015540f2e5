/** The console's page "Deliveries", over a Millrace with a file, a webhook, and a receiver that comes and goes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProcess, until, type Started } from '../package/process.js';
import { openBrowser } from './browser.js';

const IMAGES = resolve('docs/images');
/** With MILLRACE_IMAGES=1 the picture of the guide is taken anew. */
const takesImages = process.env['MILLRACE_IMAGES'] === '1';
const OPERATOR = 'mr_operator_key_of_this_test';
const INGEST = 'mr_acme_ingest_key_of_this_test';
const READ = 'mr_acme_read_key_of_this_test';
/** What the receiver refuses; longer than a JavaScript number. */
const POISON = '"order":12345678901234567890';

/** The other end of the webhook: remembers event ids, refuses the poisoned event while it is strict. */
class Receiver {
  readonly seen: string[] = [];
  strict = true;
  port = 0;
  #server: Server | null = null;

  async on(): Promise<void> {
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        const refuses = this.strict && body.includes(POISON);
        if (!refuses)
          for (const line of body.split('\n').filter(Boolean))
            this.seen.push((JSON.parse(line) as { event_id: string }).event_id);
        response.writeHead(refuses ? 400 : 204).end(refuses ? 'this page is not ours' : undefined);
      });
    });
    await new Promise<void>((done) => server.listen(this.port, '127.0.0.1', done));
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async off(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    await new Promise<void>((done) => (server === null ? done() : server.close(() => done())));
  }
}

const receiver = new Receiver();
let folder = '';
let millrace: Started;
let browser: Browser;
let page: Page;
const troubles: string[] = [];
let sent = 0;

async function open(key: string, scheme: 'light' | 'dark', size = { width: 1180, height: 900 }): Promise<Page> {
  const made = await browser.newContext({ colorScheme: scheme, viewport: size, deviceScaleFactor: 1 });
  const opened = await made.newPage();
  opened.on('pageerror', (error) => troubles.push(error.message));
  opened.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
  await opened.goto(`${millrace.url}/#/deliveries`);
  await opened.getByLabel('API key').fill(key);
  await opened.getByRole('button', { name: 'Open' }).click();
  return opened;
}

/** Sends clicks; answers how many there are by now. */
async function send(count: number, field = '"page":"/"'): Promise<number> {
  const events = Array.from({ length: count }, () => {
    const id = `00000000-0000-4000-8000-${String(++sent).padStart(12, '0')}`;
    return `{"event_id":"${id}","event_type":"click","event_time":${Date.now()},${field}}`;
  });
  const response = await fetch(`${millrace.url}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${INGEST}` },
    body: events.join('\n'),
  });
  expect(await response.json()).toMatchObject({ accepted: count });
  return sent;
}

const card = (name: string): Locator => page.getByTestId(`delivery-${name}`);

/** For the guide: some rows a second, so that it shows lines and not dots. */
async function image(): Promise<void> {
  await page.reload();
  for (let i = 0; i < 300; i++) {
    await send(20 + Math.round(15 * Math.sin(i / 40)));
    await page.waitForTimeout(100);
  }
  const quarantine = page.getByTestId('quarantine');
  await quarantine.getByText('Newest rows').click();
  await quarantine.locator('summary', { hasText: 'acme' }).click();
  await quarantine.locator('pre').waitFor();
  mkdirSync(IMAGES, { recursive: true });
  await page.screenshot({ path: join(IMAGES, 'deliveries.png'), fullPage: true });
}

/** Waits until a text is there: the page asks every second. */
async function becomes(what: string, at: Locator, text: string): Promise<void> {
  await until(`${what}: ${text}`, async () => ((await at.textContent()) === text ? true : undefined));
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-deliveries-'));
  await receiver.on();
  const buffer = { interval: '100 ms' };
  const config = {
    streams: { events: { schema: 'ad-events' } },
    deliveries: {
      archive: { from: 'events', to: { type: 'file', path: './out.ndjson' }, buffer },
      partner: {
        from: 'events',
        to: { type: 'webhook', url: `http://127.0.0.1:${receiver.port}/in`, allowPrivate: true },
        buffer,
        retry: { first: '50 ms', longest: '300 ms' },
      },
    },
    tenants: [
      {
        id: 'acme',
        keys: [
          { key: INGEST, role: 'ingest' },
          { key: READ, role: 'read' },
        ],
      },
    ],
    operators: [{ key: OPERATOR }],
  };
  writeFileSync(join(folder, 'millrace.config.json'), JSON.stringify(config));
  millrace = await startProcess(
    process.execPath,
    [resolve('dist/cli/main.js'), 'start', '--config', 'millrace.config.json', '--port', '0'],
    folder,
  );
  browser = await openBrowser();
  page = await open(OPERATOR, 'light');
}, 120_000);

afterAll(async () => {
  if (takesImages) await image();
  await browser?.close();
  await millrace?.stop();
  await receiver.off();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

describe('the page of the deliveries', () => {
  test('is reached by the header, by back and forward, and by the keyboard', async () => {
    await page.getByRole('heading', { name: 'Accounts' }).waitFor();
    const deliveries = page.getByRole('link', { name: 'Deliveries' });
    const flow = page.getByRole('link', { name: 'Flow' });
    expect(await deliveries.getAttribute('aria-current')).toBe('page');
    await flow.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Readers' }).waitFor();
    expect(await flow.getAttribute('aria-current')).toBe('page');
    await page.goBack();
    await page.getByRole('heading', { name: 'Accounts' }).waitFor();
    expect(await page.title()).toBe('Deliveries · Millrace');
    await page.goForward();
    await page.getByRole('heading', { name: 'Readers' }).waitFor();
    await deliveries.click();
    expect(await page.getByText('Nothing is quarantined.').textContent()).not.toBe('');
    expect(await page.getByText('There are none yet. A replay').textContent()).not.toBe('');
  });

  test('counts what is delivered, and the accounts close', async () => {
    const count = String(await send(40));
    await becomes('archive', card('archive').getByTestId('delivered'), count);
    await becomes('partner', card('partner').getByTestId('delivered'), count);
    await becomes('archive', card('archive').getByTestId('state'), 'running');
    const account = page.getByTestId('edges').locator('tr', { hasText: 'deliver.partnerevents' });
    await until('its account', async () => ((await account.textContent())?.includes(count) ? true : undefined));
    expect(await account.locator('td').last().textContent()).toBe('yes');
  });

  test('pauses and resumes', async () => {
    await card('archive').getByRole('button', { name: 'Pause archive' }).click();
    await becomes('archive', card('archive').getByTestId('state'), 'paused');
    await send(5);
    await becomes('archive', card('archive').getByTestId('waiting'), '5');
    await becomes('partner', card('partner').getByTestId('delivered'), String(sent));
    await until('the age of what waits', async () =>
      (await card('archive').getByTestId('oldest').textContent()) === '–' ? undefined : true,
    );
    expect(await page.getByTestId('waiting').first().textContent()).toBe('5');
    await card('archive').getByRole('button', { name: 'Resume archive' }).click();
    await becomes('archive', card('archive').getByTestId('delivered'), String(sent));
    await becomes('archive', card('archive').getByTestId('waiting'), '0');
  });

  test('says that a sink is away, and why', async () => {
    await receiver.off();
    await send(3);
    await becomes('partner', card('partner').getByTestId('state'), 'sink away');
    await card('partner').getByText('Last errors').click();
    await card('partner').locator('td', { hasText: 'ECONNREFUSED' }).first().waitFor();
    expect(await card('partner').getByTestId('retries').textContent()).not.toBe('0');
    await becomes('archive', card('archive').getByTestId('delivered'), String(sent));
    await receiver.on();
    await becomes('partner', card('partner').getByTestId('delivered'), String(sent));
    await becomes('partner', card('partner').getByTestId('state'), 'running');
  });

  test('shows a refused row with its original, and runs it again after the fix', async () => {
    await send(1, POISON);
    const quarantine = page.getByTestId('quarantine');
    await quarantine.getByRole('heading', { name: 'DELIVERY_REFUSED' }).waitFor();
    await becomes('open rows', page.getByTestId('open-rows'), '1');
    await quarantine.getByText('Newest rows').click();
    await quarantine.locator('summary', { hasText: 'acme' }).click();
    // Indented, and no digit of it is lost.
    const original = await quarantine.locator('pre').textContent();
    expect(original).toContain('\n    "order": 12345678901234567890\n');

    const id = `00000000-0000-4000-8000-${String(sent).padStart(12, '0')}`;
    expect(receiver.seen).not.toContain(id);
    receiver.strict = false;
    await quarantine.getByRole('button', { name: 'Redrive DELIVERY_REFUSED' }).click();
    const dialog = page.getByRole('dialog', { name: 'Redrive 1 row?' });
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    expect(
      await quarantine
        .getByRole('button', { name: 'Redrive DELIVERY_REFUSED' })
        .evaluate((one) => one === document.activeElement),
    ).toBe(true);
    await quarantine.getByRole('button', { name: 'Redrive DELIVERY_REFUSED' }).click();
    await dialog.getByRole('button', { name: 'Redrive 1 row' }).click();
    await quarantine.getByText('DELIVERY_REFUSED: 1 on its way again.').waitFor();
    await quarantine.getByText('Nothing is quarantined.').waitFor();
    await until('the receiver to have it', async () => (receiver.seen.includes(id) ? true : undefined));
    expect(receiver.seen.filter((one) => one === id)).toHaveLength(1);
  });

  test('drops what is given up, and says what stays', async () => {
    receiver.strict = true;
    await send(1, POISON);
    const quarantine = page.getByTestId('quarantine');
    await quarantine.getByRole('button', { name: 'Drop DELIVERY_REFUSED' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Drop 1 row' }).click();
    await quarantine.getByText('DELIVERY_REFUSED: 1 dropped.').waitFor();
    await becomes('open rows', page.getByTestId('open-rows'), '0');
  });

  test('starts a replay and sees it done; another one is cancelled', async () => {
    receiver.strict = false;
    const form = page.getByRole('form', { name: 'start a replay' });
    await form.getByLabel('delivery').selectOption('partner');
    // The form ends at the minute in which the page was opened; rows came after it where the machine is slow.
    await form.getByLabel('to (UTC)').fill(new Date(Date.now() + 120_000).toISOString().slice(0, 16));
    const before = receiver.seen.length;
    await form.getByRole('button', { name: 'Start replay' }).click();
    const replays = page.getByTestId('replays');
    await replays.locator('.state', { hasText: 'done' }).waitFor();
    await replays.getByText(`${sent} rows, ended`).waitFor();
    expect(receiver.seen.length - before).toBe(sent);

    await form.getByLabel('rows a second').fill('1');
    await form.getByLabel('tenant').fill('acme');
    await form.getByRole('button', { name: 'Start replay' }).click();
    await replays.getByRole('button', { name: 'Cancel the replay of partner' }).click();
    await replays.locator('.state', { hasText: 'cancelled' }).waitFor();
    // The server's word on what it does not take.
    await form.getByLabel('received from').fill('2030-01-01T00:00');
    await form.getByRole('button', { name: 'Start replay' }).click();
    await replays.getByText('It is not started: ').waitFor();
  });

  test("a tenant's key gets a sentence, and its own quarantine without buttons", async () => {
    receiver.strict = true;
    await send(1, POISON);
    const other = await open(READ, 'dark');
    await other.getByText('deliveries are the operator’s to see').waitFor();
    await other.getByRole('heading', { name: 'DELIVERY_REFUSED' }).waitFor();
    expect(await other.getByRole('button', { name: 'Redrive DELIVERY_REFUSED' }).count()).toBe(0);
    await other.getByText('Newest rows').click();
    await other.locator('summary', { hasText: 'acme' }).click();
    await other.locator('pre', { hasText: '12345678901234567890' }).waitFor();
    await other.context().close();
  });

  test('fits a telephone, with both pages in the header', async () => {
    const phone = await open(OPERATOR, 'dark', { width: 390, height: 800 });
    await phone.getByTestId('edges').waitFor();
    await phone.getByText('Newest rows').click();
    await phone.locator('summary', { hasText: 'acme' }).click();
    await phone.locator('pre').waitFor();
    const wider = await phone.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(wider).toBe(0);
    await phone.getByRole('link', { name: 'Flow' }).click();
    await phone.getByRole('heading', { name: 'Readers' }).waitFor();
    await phone.getByRole('link', { name: 'Deliveries' }).click();
    await phone.getByTestId('edges').waitFor();
    await phone.context().close();
  });

  test('no page reported an error but what the test provoked', () => {
    expect(troubles.filter((trouble) => !trouble.includes('400 (Bad Request)'))).toEqual([]);
  });
});
