import assert from 'node:assert/strict'
import test from 'node:test'
import { survives } from '../../test/support/mutate.ts'
import { ProtocolError } from '../lib/errors.ts'
import type { CodecName } from './codec.ts'
import { startsKeyframe } from './keyframes.ts'
import { isRtp, RtpPacket, sequenceDistance, timestampDistance } from './rtp-packet.ts'
import { timestampAt, wallTimeOf } from './time-reference.ts'

const fields = { payloadType: 96, marker: true, sequenceNumber: 0xfffe, timestamp: 0xfffffff0, ssrc: 0xdeadbeef }

/** Bytes, and what they say. RFC 3550 section 5.1, RFC 8285 sections 4.2 and 4.3. */
const packets = [
  { name: 'plain', hex: '80e0fffefffffff0deadbeef 0102', fields, payload: '0102', extensions: {} },
  { name: 'empty payload', hex: '80e0fffefffffff0deadbeef', fields, payload: '', extensions: {} },
  { name: 'two CSRCs', hex: '82e0fffefffffff0deadbeef 00000001 00000002 aa', fields, payload: 'aa', extensions: {} },
  { name: 'padding', hex: 'a0e0fffefffffff0deadbeef aa 000003', fields, payload: 'aa', extensions: {} },
  { name: 'only padding', hex: 'a0e0fffefffffff0deadbeef 00000004', fields, payload: '', extensions: {} },
  { name: 'one-byte extensions', hex: '90e0fffefffffff0deadbeef bede0002 10aa 00 21bbcc 0000 ff', fields, payload: 'ff', extensions: { 1: 'aa', 2: 'bbcc', 3: undefined } },
  { name: 'one-byte, stopped by 15', hex: '90e0fffefffffff0deadbeef bede0001 f010aa00 ff', fields, payload: 'ff', extensions: { 1: undefined } },
  { name: 'one-byte, stopped by padding that claims a length', hex: '90e0fffefffffff0deadbeef bede0002 10aa 01bbcc 20dd 00 ff', fields, payload: 'ff', extensions: { 1: 'aa', 2: undefined } },
  { name: 'one-byte, the longest value', hex: '90e0fffefffffff0deadbeef bede0005 1f000102030405060708090a0b0c0d0e0f 000000 ff', fields, payload: 'ff', extensions: { 1: '000102030405060708090a0b0c0d0e0f' } },
  { name: 'two-byte, an id whose length is missing', hex: '90e0fffefffffff0deadbeef 10000001 000000 07 01aa', fields, payload: '01aa', extensions: { 7: undefined } },
  { name: 'two-byte, ids above 15, with application bits', hex: '90e0fffefffffff0deadbeef 10050002 0f01aa ff02bbcc 00 ff', fields, payload: 'ff', extensions: { 15: 'aa', 255: 'bbcc', 0: undefined } },
  { name: 'a profile nobody knows', hex: '90e0fffefffffff0deadbeef abcd0001 10aa0000 ff', fields, payload: 'ff', extensions: { 1: undefined } },
  { name: 'an empty block', hex: '90e0fffefffffff0deadbeef bede0000 ff', fields, payload: 'ff', extensions: { 1: undefined } },
  { name: 'two-byte extensions', hex: '90e0fffefffffff0deadbeef 10000002 0100 0202bbcc 0000 ff', fields, payload: 'ff', extensions: { 1: '', 2: 'bbcc' } },
  { name: 'an extension longer than its block', hex: '90e0fffefffffff0deadbeef bede0001 1faabbcc ff', fields, payload: 'ff', extensions: { 1: undefined } }
]
const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

for (const row of packets) {
  test(`RTP packet: ${row.name}`, () => {
    const packet = RtpPacket.parse(bytesOf(row.hex))
    for (const [name, value] of Object.entries(row.fields)) assert.equal(packet[name as keyof typeof fields], value, name)
    assert.equal(packet.payload.toString('hex'), row.payload)
    for (const [id, value] of Object.entries(row.extensions)) assert.equal(packet.extension(Number(id))?.toString('hex'), value, `extension ${id}`)
  })
}

test('every cut of every packet is refused or readable', () => {
  for (const { hex } of packets) {
    const bytes = bytesOf(hex)
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length)
      if (!isRtp(cut)) { assert.throws(() => RtpPacket.parse(cut), ProtocolError); continue }
      const packet = RtpPacket.parse(cut)
      assert.ok(packet.payload.length <= length)
      for (let id = 0; id < 16; id++) packet.extension(id)
    }
  }
})

test('mutated packets are refused, or every field of them lies within', () => {
  survives(bytes => {
    const packet = RtpPacket.parse(bytes)
    const { headerLength, paddingLength, payload, marker, sequenceNumber, timestamp, ssrc, payloadType } = packet
    assert.equal(headerLength + payload.length + paddingLength, bytes.length)
    assert.ok(sequenceNumber <= 0xffff && timestamp <= 0xffffffff && ssrc <= 0xffffffff && payloadType <= 127 && typeof marker === 'boolean')
    for (let id = 0; id < 256; id++) {
      const value = packet.extension(id)
      assert.ok(value === undefined || (value.length <= 255 && value.byteOffset + value.length <= bytes.byteOffset + headerLength), `extension ${id}`)
    }
    for (const name of ['H264', 'H265', 'VP8', 'VP9', 'AV1'] as const) startsKeyframe(name, packet)
    assert.ok(packet.rewrite({ sequenceNumber: 1 }).payload.equals(payload))
  }, packets.map(({ hex }) => bytesOf(hex)))
})

test('build and rewrite print what parse reads', () => {
  const built = RtpPacket.build(fields, Buffer.from('0102', 'hex'), 3000)
  assert.equal(built.bytes.toString('hex'), packets[0]!.hex.replaceAll(' ', ''))
  const copy = built.rewrite({ payloadType: 5, marker: false, sequenceNumber: 0x10003, timestamp: -1, ssrc: 7 })
  assert.deepEqual([copy.payloadType, copy.marker, copy.sequenceNumber, copy.timestamp, copy.ssrc, copy.compositionOffset], [5, false, 3, 0xffffffff, 7, 3000])
  assert.equal(built.payloadType, 96, 'the original is untouched')
})

test('distances go the short way round the circle', () => {
  assert.equal(sequenceDistance(1, 0xffff), 2)
  assert.equal(sequenceDistance(0xffff, 1), -2)
  assert.equal(timestampDistance(5, 0xfffffffb), 10)
  assert.equal(timestampDistance(0xfffffffb, 5), -10)
})

test('a time reference maps both ways, over the wrap too', () => {
  const reference = { rtpTimestamp: 0xffffff00, wallMs: 1000 }
  assert.equal(wallTimeOf(0x64c, reference, 90_000), 1000 + (0x64c + 0x100) / 90)
  assert.equal(timestampAt(wallTimeOf(0x64c, reference, 90_000), reference, 90_000), 0x64c)
})

/** The first bytes of a payload, and whether a decoder can begin there. */
const keyframes: [CodecName, string, boolean, string][] = [
  ['H264', '6742', true, 'SPS'], ['H264', '6588', true, 'IDR'], ['H264', '4188', false, 'P slice'], ['H264', '0930', false, 'access unit delimiter'],
  ['H264', '18 0002 6742 0002 68ce', true, 'STAP-A with an SPS'], ['H264', '18 0002 0610 0002 68ce', false, 'STAP-A without'],
  ['H264', '7c85', true, 'FU-A, start of an IDR'], ['H264', '7c05', false, 'FU-A, middle of an IDR'], ['H264', '18 ffff', false, 'STAP-A cut short'],
  ['H265', '400100', true, 'VPS'], ['H265', '020100', false, 'TRAIL_R'], ['H265', '620193', true, 'FU, start of an IDR'], ['H265', '620113', false, 'FU, middle'],
  ['VP8', '1000', true, 'key frame'], ['VP8', '1001', false, 'inter frame'], ['VP8', '0000', false, 'continuation'], ['VP8', '90 80 8001 00', true, 'with a 15-bit picture id'],
  ['VP9', '08', true, 'B and not P'], ['VP9', '48', false, 'P'], ['AV1', '18', true, 'N'], ['AV1', '10', false, 'no N'], ['opus', '00', true, 'audio']
]
for (const [name, hex, expected, what] of keyframes) {
  test(`${name} keyframe detection: ${what}`, () => {
    const packet = RtpPacket.build(fields, bytesOf(hex))
    assert.equal(startsKeyframe(name, packet), expected)
  })
}
