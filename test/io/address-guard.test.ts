import { describe, expect, test } from 'vitest';
import { addressGuard, isNetwork } from '../../src/io/address-guard.js';

const guard = addressGuard(false);

describe('without permission', () => {
  test.each([
    '8.8.8.8',
    '1.1.1.1',
    '93.184.215.14',
    '172.15.255.255',
    '172.32.0.1',
    '::ffff:8.8.8.8',
    '2606:4700::1111',
  ])('%s is let through', (address) => expect(guard(address)).toBeNull());

  test.each([
    ['127.0.0.1', "this machine's own address"],
    ['127.255.255.254', "this machine's own address"],
    ['0.0.0.0', "this machine's own address"],
    ['10.0.0.1', 'a private address'],
    ['172.16.0.1', 'a private address'],
    ['172.31.255.255', 'a private address'],
    ['192.168.1.1', 'a private address'],
    ['169.254.169.254', 'a link-local address'],
    ['100.64.0.1', "an address of a carrier's own network"],
    ['100.100.100.200', 'the address of a metadata service'],
    ['168.63.129.16', 'the address of a metadata service'],
    ['224.0.0.1', 'a multicast address'],
    ['255.255.255.255', 'the broadcast address'],
    ['192.0.0.1', 'a reserved address'],
    ['192.0.2.1', 'a reserved address'],
    ['198.18.0.1', 'a reserved address'],
    ['240.0.0.1', 'a reserved address'],
    ['::1', "this machine's own address"],
    ['::', "this machine's own address"],
    ['fe80::1', 'a link-local address'],
    ['fe80::1%eth0', 'a link-local address'],
    ['fc00::1', 'a private address'],
    ['fd00:ec2::254', 'the address of a metadata service'],
    ['ff02::1', 'a multicast address'],
    ['::ffff:127.0.0.1', "this machine's own address"],
    ['::ffff:7f00:1', "this machine's own address"],
    ['::ffff:169.254.169.254', 'a link-local address'],
    ['::ffff:0:10.0.0.1', 'a reserved address'],
    ['::127.0.0.1', "this machine's own address"],
    ['::7f00:1', 'a reserved address'],
    ['64:ff9b::10.0.0.1', 'a reserved address'],
    ['64:ff9b:1::10.0.0.1', 'a reserved address'],
    ['2002:7f00:1::', 'a reserved address'],
    ['2001:0:7f00:1::', 'a reserved address'],
    ['2001:db8::1', 'a reserved address'],
    ['fec0::1', 'a reserved address'],
    ['5f00::1', 'a reserved address'],
    ['4000::1', 'a reserved address'],
    ['example.com', 'no address'],
    ['', 'no address'],
  ])('%s is %s', (address, what) => expect(guard(address)).toBe(what));

  test.each(['0x7f.1', '2130706433', '017700000001', '127.1', '0x7f000001'])(
    '%s is this machine in another spelling',
    (address) => expect(guard(address)).toBe("this machine's own address"),
  );
});

describe('with permission', () => {
  test('`true` opens private networks, and nothing beyond', () => {
    const open = addressGuard(true);
    for (const address of ['127.0.0.1', '::1', '10.1.2.3', '192.168.0.1', 'fd12::1', '100.64.0.1', '::ffff:10.0.0.1'])
      expect(open(address), address).toBeNull();
    for (const address of ['169.254.169.254', '100.100.100.200', 'fd00:ec2::254', '224.0.0.1', '0.0.0.0', 'fe80::1'])
      expect(open(address), address).not.toBeNull();
  });

  test('a network opens its own addresses only', () => {
    const open = addressGuard(['10.1.0.0/16', '169.254.169.254', 'fd12::/16']);
    for (const address of ['10.1.255.255', '::ffff:10.1.0.1', '169.254.169.254', 'fd12::9'])
      expect(open(address), address).toBeNull();
    for (const address of ['10.2.0.0', '169.254.169.253', 'fd13::1', '127.0.0.1'])
      expect(open(address), address).not.toBeNull();
  });

  test('what is no network is told', () => {
    expect(['10.1.0.0/16', '10.1.2.3', 'fd00::/8', '::1'].every(isNetwork)).toBe(true);
    expect(['10.1.0.0/33', 'intranet', '', '10.1.0.0/16/2'].some(isNetwork)).toBe(false);
  });
});
