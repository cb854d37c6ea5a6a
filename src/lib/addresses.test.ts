import assert from 'node:assert/strict'
import test from 'node:test'
import { covers, kindOf, parseAllowance } from './addresses.ts'

const kinds = {
  public: ['8.8.8.8', '172.32.0.1', '172.15.255.255', '100.63.255.255', '100.128.0.0', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808'],
  private: [
    '127.0.0.1', '127.255.255.254', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1',
    '::1', 'fc00::1', 'fd12::1', '::ffff:10.0.0.1', '::ffff:a00:1', '::ffff:7f00:1', '64:ff9b::7f00:1'
  ],
  never: [
    '0.0.0.0', '0.1.2.3', '169.254.169.254', '169.254.0.1', '192.0.0.192', '192.0.2.1', '198.18.0.1', '203.0.113.1', '224.0.0.1',
    '239.255.255.255', '240.0.0.1', '255.255.255.255', '100.100.100.200', '168.63.129.16', '::', '::127.0.0.1', 'fe80::1', 'fe80::1%eth0',
    'ff02::1', 'fd00:ec2::254', '2001:db8::1', '2002:7f00:1::', '2001::1', '3fff::1',
    '::ffff:169.254.169.254', '::ffff:0:127.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::1', '4000::1', 'localhost', '', '2130706433'
  ]
} as const

for (const [kind, addresses] of Object.entries(kinds)) {
  for (const address of addresses) test(`${address || 'nothing'} is ${kind}`, () => assert.equal(kindOf(address), kind))
}

test('an entry covers its host, address or range, on its port or on any', () => {
  const rows: [entry: string, host: string, address: string, port: number, covered: boolean][] = [
    ['media.internal', 'media.internal', '10.0.0.1', 443, true],
    ['Media.Internal.', 'media.internal', '10.0.0.1', 443, true],
    ['media.internal', 'x.media.internal', '10.0.0.1', 443, false],
    ['media.internal:8443', 'media.internal', '10.0.0.1', 8443, true],
    ['media.internal:8443', 'media.internal', '10.0.0.1', 443, false],
    ['10.1.0.0/16', 'anything', '10.1.2.3', 1, true],
    ['10.1.0.0/16', 'anything', '10.2.0.1', 1, false],
    ['10.1.0.0/16', 'anything', '::ffff:10.1.2.3', 1, true],
    ['127.0.0.1', 'localhost', '127.0.0.1', 80, true],
    ['127.0.0.1', 'localhost', '127.0.0.2', 80, false],
    ['127.0.0.1:9000', '127.0.0.1', '127.0.0.1', 9000, true],
    ['::1', 'localhost', '::1', 80, true],
    ['[::1]:9000', '::1', '::1', 9000, true],
    ['fd00::/8', 'x', 'fd12::1', 1, true],
    ['[fd00::]/8:443', 'x', 'fd12::1', 443, true],
    ['[fd00::]/8:443', 'x', 'fd12::1', 80, false]
  ]
  for (const [entry, host, address, port, covered] of rows) {
    const allowance = parseAllowance(entry)
    assert.ok(allowance, entry)
    assert.equal(covers(allowance, { host, address, port }), covered, `${entry} and ${host} ${address}:${port}`)
  }
})

test('what is no host, address or range is refused', () => {
  for (const entry of ['', ' ', 'a b', '1.2.3', '10.0.0.0/33', 'fd00::/129', 'host/8', 'host:0', 'host:65536', '*.internal', 'http://host', '10.0.0.0/8/8', '-host', 'host-']) {
    assert.equal(parseAllowance(entry), undefined, entry)
  }
})
