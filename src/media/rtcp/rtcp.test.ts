import assert from 'node:assert/strict'
import test from 'node:test'
import { ProtocolError } from '../../lib/errors.ts'
import { ntpMiddle, ntpOf, roundTripMs, wallOf } from '../ntp.ts'
import { isRtcp, parseRtcp, printRtcp } from './compound.ts'
import type { RtcpPacket } from './packet.ts'

const block = {
  ssrc: 0x01020304, fractionLost: 0.25, cumulativeLost: -2, highestSequence: 0x0001fffe, jitter: 90, lastSenderReport: 0xaabbccdd, delaySinceLastReport: 65536
}
const blockHex = '01020304 40fffffe 0001fffe 0000005a aabbccdd 00010000'

/** Bytes, and what they say: served to encoder, decoder and the mutation test below. */
const rows: { name: string, hex: string, packets: RtcpPacket[] }[] = [
  { name: 'sender report with one block', hex: `81c8000c 0000000a e5000000 80000000 00015f90 00000064 0001d4c0 ${blockHex}`,
    packets: [{ type: 'sr', ssrc: 10, ntpSeconds: 0xe5000000, ntpFraction: 0x80000000, rtpTimestamp: 90_000, packets: 100, bytes: 120_000, reports: [block] }] },
  { name: 'empty receiver report', hex: '80c90001 0000000a', packets: [{ type: 'rr', ssrc: 10, reports: [] }] },
  { name: 'receiver report with one block', hex: `81c90007 0000000a ${blockHex}`, packets: [{ type: 'rr', ssrc: 10, reports: [block] }] },
  { name: 'source description, two octets of padding', hex: '81ca0003 0000000a 01046162 63640000', packets: [{ type: 'sdes', chunks: [{ ssrc: 10, cname: 'abcd' }] }] },
  { name: 'source description, four octets of padding', hex: '81ca0003 0000000a 01026162 00000000', packets: [{ type: 'sdes', chunks: [{ ssrc: 10, cname: 'ab' }] }] },
  { name: 'goodbye', hex: '82cb0002 0000000a 0000000b', packets: [{ type: 'bye', ssrcs: [10, 11], reason: '' }] },
  { name: 'goodbye with a reason', hex: '81cb0003 0000000a 04646f6e 65000000', packets: [{ type: 'bye', ssrcs: [10], reason: 'done' }] },
  { name: 'generic NACK over the wrap', hex: '81cd0004 0000000a 0000000b fffe0005 00640000', packets: [{ type: 'nack', sender: 10, media: 11, lost: [0xfffe, 0xffff, 1, 100] }] },
  { name: 'picture loss indication', hex: '81ce0002 0000000a 0000000b', packets: [{ type: 'pli', sender: 10, media: 11 }] },
  { name: 'full intra request', hex: '84ce0004 0000000a 00000000 0000000b 07000000', packets: [{ type: 'fir', sender: 10, requests: [{ ssrc: 11, sequence: 7 }] }] },
  { name: 'receiver estimated maximum bitrate', hex: '8fce0005 0000000a 00000000 52454d42 010e1a80 0000000b',
    packets: [{ type: 'remb', sender: 10, bitrate: 0x21a80 * 8, ssrcs: [11] }] },
  { name: 'transport feedback: a run', hex: '8fcd0005 0000000a 0000000b 00050002 00000101 2002100a',
    packets: [{ type: 'transport-cc', sender: 10, media: 11, feedback: 1, base: 5, arrivals: [272, 282] }] },
  { name: 'transport feedback: a vector of symbols, a packet earlier than the one before it', hex: '8fcd0006 0000000a 0000000b fffe0003 00000102 d20010ff 38000000',
    packets: [{ type: 'transport-cc', sender: 10, media: 11, feedback: 2, base: 0xfffe, arrivals: [272, undefined, 72] }] },
  { name: 'extended report: a receiver’s reference time', hex: '80cf0004 0000000a 04000002 e5000000 80000000',
    packets: [{ type: 'xr', ssrc: 10, referenceTime: { seconds: 0xe5000000, fraction: 0x80000000 }, delays: [] }] },
  { name: 'extended report: the delay since two of them', hex: '80cf0008 0000000a 05000006 0000000b aabbccdd 00010000 0000000c 00000001 00000002',
    packets: [{ type: 'xr', ssrc: 10, referenceTime: undefined, delays: [{ ssrc: 11, lastReferenceTime: 0xaabbccdd, delay: 65_536 }, { ssrc: 12, lastReferenceTime: 1, delay: 2 }] }] },
  { name: 'compound', hex: '80c90001 0000000a 81ca0002 0000000a 01017800 81ce0002 0000000a 0000000b',
    packets: [{ type: 'rr', ssrc: 10, reports: [] }, { type: 'sdes', chunks: [{ ssrc: 10, cname: 'x' }] }, { type: 'pli', sender: 10, media: 11 }] }
]
const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

for (const { name, hex, packets } of rows) {
  test(`RTCP: ${name}`, () => {
    assert.deepEqual(parseRtcp(bytesOf(hex)), packets)
    assert.equal(printRtcp(packets).toString('hex'), hex.replaceAll(' ', ''))
    assert.ok(isRtcp(bytesOf(hex)))
  })
}

test('RTCP that is read and not printed', () => {
  assert.deepEqual(parseRtcp(bytesOf('80cf0004 0000000a 01000002 00000000 00000000')), [{ type: 'xr', ssrc: 10, referenceTime: undefined, delays: [] }], 'other blocks')
  assert.deepEqual(parseRtcp(bytesOf('8fce0004 0000000a 00000000 41414141 00000000')), [], 'another application')
  assert.deepEqual(parseRtcp(bytesOf('a1ce0003 0000000a 0000000b 00000004')), [{ type: 'pli', sender: 10, media: 11 }], 'padding')
  const vector = parseRtcp(bytesOf('8fcd0005 0000000a 0000000b 00000003 00000000 a8001020'))[0]
  assert.deepEqual(vector?.type === 'transport-cc' && vector.arrivals, [16, undefined, 48], 'a vector of one-bit symbols')
})

const refused: [string, string][] = [
  ['not version 2', '41c90001 0000000a'], ['longer than the datagram', '80c90002 0000000a'], ['a block cut short', '81c90001 0000000a'],
  ['padding longer than the packet', 'a0c90001 000000ff'], ['a description without an end', '81ca0002 0000000a 01ff0000'],
  ['a feedback on too many packets', '8fcd0004 0000000a 0000000b 0000ffff 00000000'], ['an empty run', '8fcd0005 0000000a 0000000b 00000001 00000000 00000000'],
  ['a block longer than its extended report', '80cf0002 0000000a 04000002'],
  ['a reserved symbol', '8fcd0005 0000000a 0000000b 00000001 00000000 60010000']
]
for (const [name, hex] of refused) test(`RTCP refused: ${name}`, () => assert.throws(() => parseRtcp(bytesOf(hex)), ProtocolError))

test('mutated RTCP is read or refused, never more', () => {
  let seed = 0x5eed
  const random = (below: number): number => { seed = Math.imul(seed, 1103515245) + 12345 >>> 0; return (seed >>> 8) % below }
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(bytesOf(rows[random(rows.length)]!.hex))
    for (let flips = 1 + random(3); flips > 0; flips--) bytes[random(bytes.length)] = random(256)
    try {
      parseRtcp(bytes.subarray(0, 1 + random(bytes.length)))
      for (const packet of parseRtcp(bytes)) assert.ok(JSON.stringify(packet).length < 300_000)
    } catch (error) {
      assert.ok(error instanceof ProtocolError, String(error))
    }
  }
})

test('transport feedback survives printing, whatever came and did not', () => {
  let seed = 7
  const random = (below: number): number => { seed = Math.imul(seed, 1103515245) + 12345 >>> 0; return (seed >>> 8) % below }
  for (let round = 0; round < 500; round++) {
    let time = 256 * random(1000)
    const arrivals: (number | undefined)[] = Array.from({ length: 1 + random(60) }, () => random(4) === 0 ? undefined : (time += random(5) === 0 ? random(20_000) - 5000 : random(200)))
    const packet: RtcpPacket = { type: 'transport-cc', sender: 1, media: 2, feedback: random(256), base: random(65536), arrivals }
    if (arrivals.some(arrival => arrival !== undefined && arrival < 0)) continue
    assert.deepEqual(parseRtcp(printRtcp([packet])), [packet])
  }
})

test('NTP time goes there and back', () => {
  const wallMs = Date.UTC(2026, 10, 22, 8, 45, 14) + 123.25
  assert.ok(Math.abs(wallOf(ntpOf(wallMs)) - wallMs) < 0.001)
  assert.deepEqual(ntpOf(0), { seconds: 2_208_988_800, fraction: 0 })
  assert.equal(ntpMiddle({ seconds: 0x12345678, fraction: 0x9abcdef0 }), 0x56789abc)
  const last = ntpMiddle(ntpOf(wallMs))
  assert.ok(Math.abs(roundTripMs(wallMs + 140, last, 65.536 * 100) - 40) < 0.1)
  assert.equal(roundTripMs(wallMs, last, 65_536), 0, 'clocks that were set give no negative times')
})
