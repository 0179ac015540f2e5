import { afterEach, describe, expect, test } from 'vitest';
import { addressGuard, type AllowedAddresses } from '../../src/io/address-guard.js';
import { HttpClient, type HttpAnswer } from '../../src/io/http-client.js';
import { systemNetwork, type Network } from '../../src/io/network.js';
import { startReceiver, type Receiver } from '../deliver/http/receiver.js';

let receiver: Receiver;
let client: HttpClient;
afterEach(async () => {
  await client.close();
  await receiver.close();
});

interface Rest {
  readonly network?: Network;
  readonly allowed?: AllowedAddresses;
  readonly host?: string;
  readonly timeoutMs?: number;
  readonly answerBytesMax?: number;
}

async function open({ network, allowed, host, timeoutMs, answerBytesMax }: Rest = {}): Promise<void> {
  receiver = await startReceiver();
  const { port } = new URL(receiver.url);
  client = new HttpClient({
    origin: new URL(`http://${host ?? '127.0.0.1'}:${port}`).origin,
    connectionsMax: 2,
    connectTimeoutMs: 5_000,
    timeoutMs: timeoutMs ?? 10_000,
    answerBytesMax: answerBytesMax ?? 1000,
    network: network ?? systemNetwork,
    guard: addressGuard(allowed ?? ['127.0.0.1']),
    tls: {},
  });
}

function send(signal = new AbortController().signal): Promise<HttpAnswer> {
  return client.send({ method: 'POST', path: '/x', headers: {}, body: Buffer.from('hello') }, signal);
}

/** A resolver whose answers a test scripts: one list of addresses a question, the last one for ever. */
function scripted(...answers: readonly (readonly string[])[]): Network & { asked: number } {
  const network = {
    asked: 0,
    resolve(_name: string, done: Parameters<Network['resolve']>[1]) {
      const addresses = answers[Math.min(network.asked++, answers.length - 1)]!;
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    },
  };
  return network;
}

describe('where it connects', () => {
  test('a permitted address is reached by number', async () => {
    await open();
    expect((await send()).status).toBe(204);
  });

  test('a permitted address is reached by name', async () => {
    await open({ network: scripted(['127.0.0.1']), host: 'inside.example' });
    expect((await send()).status).toBe(204);
    expect(receiver.seen[0]!.headers.host).toMatch(/^inside\.example:/);
  });

  test.each(['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '0x7f.1', '2130706433', '0.0.0.0', 'localhost'])(
    '%s is not reached unless permitted',
    async (host) => {
      await open({ host, allowed: false });
      await expect(send()).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' });
      expect(receiver.seen).toEqual([]);
    },
  );

  test('a name is asked for once a connection, and each time judged by what it then is', async () => {
    // Nothing listens at the first address, so that the next request connects anew.
    const network = scripted(['127.0.0.2'], ['127.0.0.1']);
    await open({ network, host: 'rebind.example', allowed: ['127.0.0.2'] });
    await expect(send()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(network.asked).toBe(1);
    await expect(send()).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' });
    expect(network.asked).toBe(2);
    expect(receiver.seen).toEqual([]);
  });

  test('of several addresses only the permitted ones are tried', async () => {
    await open({ network: scripted(['10.0.0.1', '127.0.0.1', '169.254.169.254']), host: 'mixed.example' });
    expect((await send()).status).toBe(204);
  });

  test('a refusal names host, address and reason', async () => {
    await open({ network: scripted(['10.0.0.7']), host: 'inside.example' });
    await expect(send()).rejects.toThrow('inside.example is 10.0.0.7, a private address: not connected');
  });

  test('a name without an address is an error', async () => {
    await open({ network: scripted([]), host: 'none.example' });
    await expect(send()).rejects.toThrow('none.example has no address');
  });
});

describe('its bounds', () => {
  test('no answer in time ends the request', async () => {
    await open({ timeoutMs: 100 });
    receiver.answer = () => undefined;
    await expect(send()).rejects.toThrow('no answer within 100 ms');
  });

  test('an answer that trickles in ends the request too', async () => {
    await open({ timeoutMs: 200 });
    receiver.answer = (_request, response) => {
      const timer = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(timer));
    };
    await expect(send()).rejects.toThrow('no answer within 200 ms');
  });

  test('of a long answer only the begin is read', async () => {
    await open({ answerBytesMax: 100 });
    receiver.answer = (_request, response) => {
      response.writeHead(500);
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
      };
      response.on('drain', more);
      more();
    };
    expect(await send()).toMatchObject({ status: 500, text: 'x'.repeat(100), isCut: true });
    receiver.answer = (_request, response) => void response.end('fine');
    expect(await send()).toMatchObject({ status: 200, text: 'fine', isCut: false });
  });

  test('a redirect is an answer', async () => {
    await open();
    receiver.answer = ({ path }, response) => {
      response.writeHead(path === '/x' ? 302 : 200, { location: '/y' }).end();
    };
    expect((await send()).status).toBe(302);
    expect(receiver.seen).toHaveLength(1);
  });

  test('an abort ends the request', async () => {
    await open();
    const stop = new AbortController();
    receiver.answer = () => stop.abort(new Error('stopped'));
    await expect(send(stop.signal)).rejects.toThrow('stopped');
    await expect(send(stop.signal)).rejects.toThrow('stopped');
    expect(receiver.seen).toHaveLength(1);
  });
});
