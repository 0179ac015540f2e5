/**
 * Which addresses may be connected to: those of the public internet, and what is permitted beside.
 *
 * Whoever may name an address that Millrace then calls could reach what only this machine reaches:
 * services at loopback, neighbours in a private network, the metadata service of a cloud, which hands
 * out credentials. So the rule is a list of what is allowed, not of what is not: an IPv4 address of
 * no special range, or an IPv6 address of the global unicast space (2000::/3) of no special range. An
 * IPv4 address inside an IPv6 one is judged as itself where it is mapped, and refused where it is
 * tunnelled or translated (6to4, Teredo, NAT64).
 */
import ipaddr from 'ipaddr.js';

/** What is permitted beside public addresses: networks such as `10.1.0.0/16`; `true`: all private ones. */
export type AllowedAddresses = boolean | readonly string[];

/** Says why an address may not be connected to, or null. */
export type AddressGuard = (address: string) => string | null;

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Block = readonly [Address, number];

/** What `true` opens: one's own networks. Link-local stays closed, since it is where metadata services are. */
const PRIVATE: ReadonlySet<string> = new Set(['private', 'loopback', 'uniqueLocal', 'carrierGradeNat']);

/** Metadata services and the like at addresses that look private, or even public. */
const METADATA = ['100.100.100.200', '168.63.129.16', 'fd00:ec2::254', 'fd20:ce::254'].map(block);

/** Where global unicast addresses come from (RFC 4291). */
const GLOBAL: Block = ipaddr.parseCIDR('2000::/3');

/** What people call a range. */
const NAMES: Readonly<Record<string, string>> = {
  private: 'a private address',
  uniqueLocal: 'a private address',
  loopback: "this machine's own address",
  unspecified: "this machine's own address",
  linkLocal: 'a link-local address',
  carrierGradeNat: "an address of a carrier's own network",
  multicast: 'a multicast address',
  broadcast: 'the broadcast address',
};

/** The guard that permits public addresses and `allowed`. */
export function addressGuard(allowed: AllowedAddresses): AddressGuard {
  const listed = typeof allowed === 'boolean' ? [] : allowed.map(block);
  return (text) => {
    if (!ipaddr.isValid(text)) return 'no address';
    const address = ipaddr.process(text);
    if (isIn(address, listed)) return null;
    if (isIn(address, METADATA)) return 'the address of a metadata service';
    const range: string = address.range();
    if (allowed === true && PRIVATE.has(range)) return null;
    if (range === 'unicast' && (address.kind() === 'ipv4' || isIn(address, [GLOBAL]))) return null;
    return NAMES[range] ?? 'a reserved address';
  };
}

/** Whether a text is an address, or a network such as `10.1.0.0/16`. */
export function isNetwork(text: string): boolean {
  return ipaddr.isValidCIDR(text) || ipaddr.isValid(text);
}

function block(text: string): Block {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  const address = ipaddr.process(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

function isIn(address: Address, blocks: readonly Block[]): boolean {
  return blocks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
}
