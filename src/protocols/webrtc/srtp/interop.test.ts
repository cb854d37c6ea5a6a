import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { RtpPacket, SrtcpSession, SrtpSession } from 'werift'
import { keyMaterialBytes, splitKeyMaterial, srtpProfiles } from './profiles.ts'
import { openSrtp } from './session.ts'

const FIXED_HEADER_BYTES = 12
/** Wraps twice, with a gap and two packets out of order. */
const sequences = [65_000, 65_533, 65_535, 65_534, 0, 2, 1, 20_000, 50_000, 65_535, 7, 8]

function packet (sequence: number): Buffer {
  const bytes = randomBytes(FIXED_HEADER_BYTES + sequence % 1100)
  bytes.set([0x80, 96 | (sequence % 2) << 7])
  bytes.writeUInt16BE(sequence, 2)
  bytes.writeUInt32BE(0xfeedbeef, 8)
  return bytes
}

for (const name of ['AEAD_AES_128_GCM', 'AES128_CM_HMAC_SHA1_80'] as const) {
  test(`${name}: werift opens what we protect, and we what werift does`, () => {
    const profile = srtpProfiles[name]
    const material = randomBytes(keyMaterialBytes(profile))
    const { send, receive } = splitKeyMaterial(profile, material, 'server')
    const config = { profile: profile.id, keys: { localMasterKey: send.key, localMasterSalt: send.salt, remoteMasterKey: receive.key, remoteMasterSalt: receive.salt } }
    const theirs = new SrtpSession(config)
    const theirReports = new SrtcpSession(config)
    const ours = openSrtp(profile, material, 'client')
    using _sender = ours.sender
    using _receiver = ours.receiver
    const protect = (bytes: Buffer): Buffer => {
      const out = Buffer.concat([bytes, Buffer.alloc(100)])
      return out.subarray(0, ours.sender.protect(out, 0, bytes.length))
    }
    for (const sequence of sequences) {
      const bytes = packet(sequence)
      assert.deepEqual(theirs.decrypt(protect(bytes)), bytes, `ours, ${sequence}`)
      const other = packet(sequence)
      const wire = theirs.encrypt(other.subarray(FIXED_HEADER_BYTES), RtpPacket.deSerialize(other).header)
      assert.deepEqual(ours.receiver.unprotect(wire), other, `theirs, ${sequence}`)
    }
    for (let i = 0; i < 5; i++) {
      const report = Buffer.concat([Buffer.from('80c90001cafebabe', 'hex'), randomBytes(4 * i)])
      report.writeUInt16BE(report.length / 4 - 1, 2)
      assert.deepEqual(theirReports.decrypt(protect(report)), report)
      assert.deepEqual(ours.receiver.unprotect(theirReports.encrypt(report)), report)
    }
  })
}
