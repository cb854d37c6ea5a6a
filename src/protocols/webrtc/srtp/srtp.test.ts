import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { mutated } from '../../../../test/support/mutate.ts'
import { GcmCipher } from './gcm-cipher.ts'
import type { PacketCipher } from './packet-cipher.ts'
import { keyMaterialBytes, srtpProfiles } from './profiles.ts'
import { SrtpReceiver } from './receiver.ts'
import { SrtpSender } from './sender.ts'
import { openSrtp, packetCipher } from './session.ts'

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')

/** RFC 7714 sections 16, 17 give session keys, the same for RTP and RTCP. */
const session = (key: string) => (): PacketCipher => {
  const keys = { key: bytesOf(key), salt: Buffer.from('Quid pro quo'), auth: Buffer.alloc(0) }
  return new GcmCipher(keys, keys)
}
const key128 = '000102030405060708090a0b0c0d0e0f'
const rfc128 = session(key128)
const rfc256 = session(`${key128}101112131415161718191a1b1c1d1e1f`)
const gallia = '8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573'
const mars = '81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef'

/** The rows below were made by werift from this master key. */
const master = bytesOf('e1f97a0d3e018be0d64fa32c06de4139')
const cm = (): PacketCipher => packetCipher(srtpProfiles.AES128_CM_HMAC_SHA1_80, { key: master, salt: bytesOf('0ec675ad498afeebb6960b3aabe6') })
const gcm = (): PacketCipher => packetCipher(srtpProfiles.AEAD_AES_128_GCM, { key: master, salt: bytesOf('0ec675ad498afeebb6960b3a') })
const short = '800f1234 decafbad cafebabe abababab abababab abababab abababab'
const padded = 'b0601234 decafbad cafebabe 10000001 01020300 01020304 000004'
const empty = '80600005 00000000 cafebabe'
const report = '81c8000b cafebabe 01010101 01010101 01010101 01010101 01010101 01010101 01010101 01010101 01010101 01010101'

const rows: { name: string, cipher: () => PacketCipher, plain: string, bytes: string, index?: number }[] = [
  { name: 'AES-128-GCM, RTP (RFC 7714 section 16.1.1)', cipher: rfc128, plain: gallia,
    bytes: `8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf
      765ee439 0cce` },
  { name: 'AES-256-GCM, RTP (RFC 7714 section 16.2.1)', cipher: rfc256, plain: gallia,
    bytes: `8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb
      7878d7a7 6c13` },
  { name: 'AES-128-GCM, RTCP (RFC 7714 section 17.1)', cipher: rfc128, plain: mars, index: 0x5d4,
    bytes: `81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f
      c5abf872 45d9eade 800005d4` },
  { name: 'AES-256-GCM, RTCP (RFC 7714 section 17.2)', cipher: rfc256, plain: mars, index: 0x5d4,
    bytes: `81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f
      57ff6f6c b26ac3be 800005d4` },
  { name: 'GCM, RTP', cipher: gcm, plain: short, bytes: '800f1234 decafbad cafebabe 0eca0cf95ee955b26cd3d288b49f6ca959171450975f4144da9cdd7ae989a277' },
  { name: 'GCM, RTP with an extension and padding', cipher: gcm, plain: padded,
    bytes: 'b0601234 decafbad cafebabe 10000001 01020300 a463a456f542facf71d9e1bccc11ac0deaf65d1acf1296' },
  { name: 'GCM, RTP without payload', cipher: gcm, plain: empty, bytes: '80600005 00000000 cafebabe 38ec6626c3bf112753d32ff5f007c0f7' },
  { name: 'GCM, the shortest RTCP', cipher: gcm, plain: '80c90001 cafebabe', index: 1, bytes: '80c90001 cafebabe 597ca6c647ff5685b057636cbb2c4855 80000001' },
  { name: 'GCM, RTCP', cipher: gcm, plain: report, index: 1,
    bytes: `81c8000b cafebabe 40c4f4196df6ec8aaa5f341534e417e438665c5bad09f6781123f33e1fa7d0bf0b4d9c711845bf2b 0e33eac730d8a90da29f463cc3249f6c 80000001` },
  { name: 'CM, RTP', cipher: cm, plain: short, bytes: '800f1234 decafbad cafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb' },
  { name: 'CM, RTP with an extension and padding', cipher: cm, plain: padded, bytes: 'b0601234 decafbad cafebabe 10000001 01020300 e4fc74e34c32d7 33576fa96df865a9305c' },
  { name: 'CM, RTP without payload', cipher: cm, plain: empty, bytes: '80600005 00000000 cafebabe 5fbfabfb3cdcf9a923c0' },
  { name: 'CM, the shortest RTCP', cipher: cm, plain: '80c90001 cafebabe', index: 1, bytes: '80c90001 cafebabe 80000001 821f85a6072e0b0d0515' },
  { name: 'CM, RTCP', cipher: cm, plain: report, index: 1,
    bytes: `81c8000b cafebabe db82a9f14e2d131714523aeb53dd0f027f45122bc0152c269ea4fa2814b43a60c1779b3fe02b0ed7 80000001 2e8ecc502da17b3af3d3` }
]

/** Room on both sides shows whether anything is written beside the packet. */
function protect (sender: SrtpSender, plain: Buffer): Buffer {
  const out = Buffer.alloc(plain.length + 100, 0xee)
  plain.copy(out, 7)
  const length = sender.protect(out, 7, plain.length)
  assert.ok([...out.subarray(0, 7), ...out.subarray(7 + length)].every(byte => byte === 0xee))
  return out.subarray(7, 7 + length)
}

for (const { name, cipher, plain, bytes, index = 0 } of rows) {
  test(`SRTP: ${name}`, () => {
    using sender = new SrtpSender(cipher())
    for (let sent = 0; sent < index; sent++) protect(sender, bytesOf('80c90001 00000001'))
    assert.equal(protect(sender, bytesOf(plain)).toString('hex'), bytesOf(bytes).toString('hex'))
    using receiver = new SrtpReceiver(cipher())
    const received = bytesOf(bytes)
    assert.equal(receiver.unprotect(received)?.toString('hex'), bytesOf(plain).toString('hex'))
    assert.ok(received.equals(bytesOf(bytes)), 'what was received too')
    assert.equal(receiver.unprotect(received), undefined, 'and is not taken twice')
  })
}

test('damaged packets are not authentic, whatever the damage', () => {
  const seeds = rows.map(({ bytes }) => bytesOf(bytes))
  const plains = new Map(rows.map(({ bytes, plain }) => [bytesOf(bytes).toString('hex'), bytesOf(plain).toString('hex')]))
  for (const cipher of [rfc128, rfc256, gcm, cm]) {
    using receiver = new SrtpReceiver(cipher())
    for (const bytes of mutated(seeds, { count: 8000 })) {
      const shown = bytes.toString('hex')
      const opened = receiver.unprotect(bytes)
      if (opened) assert.equal(opened.toString('hex'), plains.get(shown), `opened ${shown}`)
    }
  }
})

test('what is too short, too long, or says more of its header than there is', () => {
  const hexes = ['', '80', '8060', '80c8', '80600001 00000000 00000001', '80c80001 00000001', '9f600001 00000000 00000001', '90600001 00000000 00000001 bede0100',
    '9060 0001 00000000 00000001 bede', '40600001 00000000 00000001', '00c80001 00000001']
  for (const cipher of [gcm, cm]) {
    using receiver = new SrtpReceiver(cipher())
    for (const hex of hexes) for (const extra of [0, 1, 9, 10, 13, 14, 16, 20]) assert.equal(receiver.unprotect(Buffer.concat([bytesOf(hex), Buffer.alloc(extra)])), undefined)
    assert.equal(receiver.unprotect(Buffer.alloc(70_000, 0x80)), undefined)
    assert.equal(receiver.unprotect(randomBytes(65_535)), undefined)
    using sender = new SrtpSender(cipher())
    const malformed = ['', '80', '80600001 00000000', '91600001 00000000 00000001', '90600001 00000000 00000001 bede0001', '40600001 00000000 00000001', '80c80001', '40c80001 00000001']
    for (const hex of malformed) assert.throws(() => protect(sender, bytesOf(hex)), RangeError, hex)
  }
})

test('RTCP that is not encrypted is refused, authentic or not', () => {
  using receiver = new SrtpReceiver(rfc128())
  assert.equal(receiver.unprotect(bytesOf(`${mars} 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4`)), undefined)
})

test('nothing is written where there is no room', () => {
  for (const cipher of [gcm, cm]) {
    using sender = new SrtpSender(cipher())
    for (const plain of [bytesOf(short), bytesOf(report)]) {
      const exact = protect(sender, plain).length
      const out = Buffer.alloc(exact + 3, 0xee)
      plain.copy(out, 3)
      const before = Buffer.from(out)
      for (const at of [4, out.length, -1, 1e9, NaN, 0.5, Infinity]) assert.throws(() => sender.protect(out, at, plain.length), RangeError)
      assert.throws(() => sender.protect(Buffer.alloc(0), 0, plain.length), RangeError)
      assert.ok(out.equals(before))
      assert.equal(sender.protect(out, 3, plain.length), exact)
    }
  }
})

test('each side opens what the other protects, also the longest', () => {
  for (const profile of Object.values(srtpProfiles)) {
    const material = randomBytes(keyMaterialBytes(profile))
    const client = openSrtp(profile, material, 'client')
    const server = openSrtp(profile, material, 'server')
    using all = new DisposableStack()
    for (const part of [client.sender, client.receiver, server.sender, server.receiver]) all.use(part)
    const longest = randomBytes(0xffff - client.sender.rtpOverhead)
    longest.set(bytesOf(empty))
    for (const plain of [longest, bytesOf(short), bytesOf(report)]) {
      assert.ok(server.receiver.unprotect(protect(client.sender, plain))?.equals(plain))
      assert.ok(client.receiver.unprotect(protect(server.sender, plain))?.equals(plain))
      assert.ok(!client.receiver.unprotect(protect(client.sender, plain)), 'one’s own')
    }
  }
})

test('after dispose there is an error rather than a packet', () => {
  const sender = new SrtpSender(gcm())
  const receiver = new SrtpReceiver(gcm())
  const bytes = protect(sender, bytesOf(short))
  for (const part of [sender, receiver]) { part[Symbol.dispose](); part[Symbol.dispose]() }
  assert.throws(() => protect(sender, bytesOf(short)), /no more/)
  assert.throws(() => receiver.unprotect(bytes), /no more/)
})

test('packets stay what they were while 200 000 others pass', () => {
  for (const [cipher, count] of [[gcm, 200_000], [cm, 50_000]] as const) {
    using sender = new SrtpSender(cipher())
    using receiver = new SrtpReceiver(cipher())
    const out = Buffer.alloc(1500)
    const packet = randomBytes(300)
    packet.set(bytesOf(empty))
    const kept: [Buffer, string][] = []
    for (let i = 0; i < count; i++) {
      packet.writeUInt16BE(i & 0xffff, 2)
      packet.writeUInt32BE(i, 20)
      const plain = packet.subarray(0, 24 + i % 277)
      plain.copy(out)
      const opened = receiver.unprotect(out.subarray(0, sender.protect(out, 0, plain.length)))
      if (!opened?.equals(plain)) assert.fail(`packet ${i}`)
      if (i % 1000 === 0) kept.push([opened, opened.toString('hex')])
    }
    for (const [bytes, hex] of kept) assert.equal(bytes.toString('hex'), hex)
  }
})
