/** No answer to one tenant's key ever holds a row of another's; and it would be seen if one did. */
import { describe, expect, it } from 'vitest';
import { openIsolated, runIsolation } from './run.js';

describe('isolation', () => {
  it('holds against hostile requests on every address that takes a key', async () => {
    const server = await openIsolated();
    const report = await runIsolation(server, { cases: 3_000, seed: 20_261_129 });
    await server.close();
    expect(report.leaks).toEqual([]);
    // Refusing everything would prove nothing.
    expect(report.statements.ran).toBeGreaterThan(report.statements.sent / 3);
    expect(report.accepted).toBeGreaterThan(report.cases / 3);
    expect(Object.keys(report.refused).filter((code) => code.startsWith('500'))).toEqual([]);
  }, 300_000);

  it('is seen to fail when the predicate of the tenant is taken out of what the engine runs', async () => {
    const server = await openIsolated((sql) => sql.replaceAll(`"tenant" = 'acme'`, 'TRUE'));
    const { leaks } = await runIsolation(server, { cases: 200, seed: 1 });
    await server.close();
    expect(leaks.length).toBeGreaterThan(0);
  }, 120_000);
});
