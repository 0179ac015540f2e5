/** The network's names, given by argument so that tests can turn them. */
import { lookup } from 'node:dns';

/** An address that a name has. */
export interface HostAddress {
  readonly address: string;
  readonly family: number;
}

/** The network, as far as it is not sockets. */
export interface Network {
  /** All addresses of a name, in the order in which to try them. */
  resolve(name: string, done: (error: Error | null, addresses: readonly HostAddress[]) => void): void;
}

/** The operating system's resolver. */
export const systemNetwork: Network = {
  resolve: (name, done) => lookup(name, { all: true }, (error, addresses) => done(error, addresses ?? [])),
};
