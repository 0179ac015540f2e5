/**
 * Connections that go only where an `AddressGuard` lets them.
 *
 * The guard sees the address that the socket then connects to: a name is resolved once, inside the
 * connect, and what the guard refuses is not among the addresses that are tried. So a name that
 * answers differently the next time (DNS rebinding), or an address in an odd spelling, gains nothing.
 */
import { isIP } from 'node:net';
import type { buildConnector } from 'undici';
import { MillraceError } from '../util/errors.js';
import type { AddressGuard } from './address-guard.js';
import type { HostAddress, Network } from './network.js';
import { undici } from './undici.js';

/** How connections are made. */
export interface ConnectorOptions {
  readonly network: Network;
  readonly guard: AddressGuard;
  readonly connectTimeoutMs: number;
  /** Options of `tls.connect`: `ca`, `cert`, `key`. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** A connector for undici's pools. Fails with ADDRESS_REFUSED where no address of a host is permitted. */
export function guardedConnector(options: ConnectorOptions): buildConnector.connector {
  const { network, guard, connectTimeoutMs, tls } = options;
  const connect = undici().buildConnector({
    ...tls,
    timeout: connectTimeoutMs,
    lookup: (name, { all }, done) => {
      network.resolve(name, (error, addresses) => {
        const permitted = addresses.filter(({ address }) => guard(address) === null);
        const failure = error ?? (permitted.length === 0 ? refusal(name, addresses, guard) : null);
        if (failure !== null) done(failure, '', 0);
        else if (all === true) done(null, [...permitted]);
        else done(null, permitted[0]!.address, permitted[0]!.family);
      });
    },
  });
  return (target, done) => {
    // node:net asks the resolver for names only.
    const isLiteral = isIP(target.hostname) !== 0;
    if (isLiteral && guard(target.hostname) !== null)
      done(refusal(target.hostname, [{ address: target.hostname, family: 0 }], guard), null);
    else connect(target, done);
  };
}

function refusal(name: string, addresses: readonly HostAddress[], guard: AddressGuard): Error {
  if (addresses.length === 0) return new Error(`${name} has no address`);
  const { address } = addresses[0]!;
  const where = name === address ? name : `${name} is ${address},`;
  const message = `${where} ${name === address ? 'is ' : ''}${guard(address)}: not connected; \`allowPrivate\` permits addresses that are meant`;
  return new MillraceError('ADDRESS_REFUSED', message, { place: name });
}
