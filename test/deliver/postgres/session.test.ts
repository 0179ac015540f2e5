import { afterEach, expect, test } from 'vitest';
import { Connections } from '../../../src/deliver/sinks/postgres/connections.js';
import { CopyIn } from '../../../src/io/copy-in.js';
import { startScripted, type ScriptedServer } from './scripted-server.js';

const NEVER = new AbortController().signal;
/** More than a socket takes without a reader. */
const BODY = new Uint8Array(16 * 1024 * 1024);

let server: ScriptedServer | undefined;
let connections: Connections | undefined;
afterEach(async () => {
  await connections?.close();
  await server?.close();
});

function connect(url: string, timeoutMs: number): Connections {
  return (connections = new Connections({
    url,
    tls: null,
    sessionsMax: 1,
    timeoutMs,
    prepare: ['READY'],
    isHarmless: (error) => (error as { readonly code?: string }).code === '22021',
    name: 'test',
  }));
}

test('a server that lets a session in and then says nothing is not waited for', async () => {
  server = await startScripted(() => undefined);
  const run = connect(server.url, 100).run(NEVER, async () => 'done');
  await expect(run).rejects.toThrow('not done within 100 ms');
});

test('nor is it when the caller no longer wants it', async () => {
  const ending = new AbortController();
  server = await startScripted(() => ending.abort(new Error('stop')));
  await expect(connect(server.url, 60_000).run(ending.signal, async () => 'done')).rejects.toThrow('stop');
});

test('an error while the body still goes over ends it there, and nothing comes late', async () => {
  const heard: string[] = [];
  let copied = 0;
  server = await startScripted((session, { letter, text }) => {
    if (letter === 'd') copied += text.length;
    else heard.push(letter === 'Q' ? text : letter);
    if (letter === 'Q' && text !== 'COPY') session.complete(text);
    if (text !== 'COPY') return;
    session.say('G', Uint8Array.of(1, 0, 0));
    // It does not read on before the client has been told.
    session.socket.pause();
    session.fail({ S: 'ERROR', C: '22021', M: 'not this row' });
  });
  const { run } = bound(connect(server.url, 60_000));
  for (let times = 0; times < 3; times++) {
    const copying = run(NEVER, async (client) => {
      await client.query('BEGIN');
      const copy = client.query(new CopyIn('COPY', BODY));
      await copy.done.finally(() => server!.sessions[0]!.socket.resume());
    });
    await expect(copying).rejects.toThrow('not this row');
  }
  expect(await run(NEVER, async (client) => (await client.query('SELECT')).command)).toBe('SELECT');
  expect(heard).toEqual(['READY', ...Array(3).fill(['BEGIN', 'COPY', 'ROLLBACK']).flat(), 'SELECT']);
  expect(copied).toBeLessThan(BODY.length);
  expect(server.sessions).toHaveLength(1);
});

test('an error that may harm the session, or a ROLLBACK that fails, closes it', async () => {
  const codes = ['57014', '22021'];
  server = await startScripted((session, { letter, text }) => {
    if (letter !== 'Q') return;
    if (text === 'READY' || text === 'GOOD') session.complete(text);
    else session.fail({ S: 'ERROR', C: text === 'ROLLBACK' ? '25P02' : codes.shift()!, M: `no ${text}` });
  });
  const { run } = bound(connect(server.url, 60_000));
  await expect(run(NEVER, (client) => client.query('A'))).rejects.toThrow('no A');
  await expect(run(NEVER, (client) => client.query('B'))).rejects.toThrow('no ROLLBACK');
  await run(NEVER, (client) => client.query('GOOD'));
  expect(server.sessions).toHaveLength(3);
});

function bound(of: Connections): Pick<Connections, 'run'> {
  return { run: of.run.bind(of) };
}
