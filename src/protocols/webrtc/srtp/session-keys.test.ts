import assert from 'node:assert/strict'
import { createCipheriv, randomBytes } from 'node:crypto'
import test from 'node:test'
import { CtrKey, CTR_IV_BYTES, Memory } from '../../../lib/native/evp.ts'
import { PacketIv } from './packet-iv.ts'
import { keyMaterialBytes, type MasterKey, splitKeyMaterial, srtpProfileOf, srtpProfiles } from './profiles.ts'
import { deriveSessionKeys } from './session-keys.ts'

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')

test('the key stream of RFC 3711 appendix B.2', () => {
  const iv = new PacketIv(bytesOf('F0F1F2F3F4F5F6F7F8F9FAFBFCFD'), CTR_IV_BYTES)
  using key = new CtrKey(bytesOf('2B7E151628AED2A6ABF7158809CF4F3C'))
  const stream = new Memory(Buffer.alloc(0xff02 * 16))
  key.crypt(iv.set(0, 0, 0), stream, 0, stream.bytes.length)
  const blocks: [number, string][] = [
    [0x0000, 'E03EAD0935C95E80E166B16DD92B4EB4'], [0x0001, 'D23513162B02D0F72A43A2FE4A5F97AB'], [0x0002, '41E95B3BB0A2E8DD477901E4FCA894C0'],
    [0xfeff, 'EC8CDF7398607CB0F2D21675EA9EA1E4'], [0xff00, '362B7C3C6773516318A077D7FC5073AE'], [0xff01, '6A2CC3787889374FBEB4C81B17BA6C44']
  ]
  for (const [block, hex] of blocks) assert.equal(stream.bytes.subarray(block * 16, block * 16 + 16).toString('hex'), hex.toLowerCase())
})

test('the keys of RFC 3711 appendix B.3', () => {
  const master = { key: bytesOf('E1F97A0D3E018BE0D64FA32C06DE4139'), salt: bytesOf('0EC675AD498AFEEBB6960B3AABE6') }
  const { rtp, rtcp } = deriveSessionKeys(srtpProfiles.AES128_CM_HMAC_SHA1_80, master)
  assert.deepEqual(rtp, {
    key: bytesOf('C61E7A93744F39EE10734AFE3FF7A087'), salt: bytesOf('30CBBC08863D8C85D49DB34A9AE1'), auth: bytesOf('CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4')
  })
  assert.notDeepEqual(rtp, rtcp)
})

/** The key stream from salt XOR label on (RFC 3711 section 4.3.3), as node:crypto makes it. */
function keyStream ({ key, salt }: MasterKey, label: number, length: number): Buffer {
  const counter = Buffer.concat([salt, Buffer.alloc(16 - salt.length)])
  counter[7]! ^= label
  return createCipheriv(`aes-${key.length === 32 ? 256 : 128}-ctr`, key, counter).update(Buffer.alloc(length))
}

for (const [name, profile] of Object.entries(srtpProfiles)) {
  test(`the keys of ${name} are pieces of its key stream`, () => {
    const { keyBytes, saltBytes, aead } = profile
    for (let i = 0; i < 20; i++) {
      const master = { key: randomBytes(keyBytes), salt: randomBytes(saltBytes) }
      const of = (first: number) => ({
        key: keyStream(master, first, keyBytes), auth: keyStream(master, first + 1, aead ? 0 : 20), salt: keyStream(master, first + 2, saltBytes)
      })
      assert.deepEqual(deriveSessionKeys(profile, master), { rtp: of(0), rtcp: of(3) })
    }
  })
}

test('profiles have the numbers of DTLS', () => {
  assert.deepEqual([0x0007, 0x0008, 0x0001, 0x0002].map(srtpProfileOf), [...Object.values(srtpProfiles), undefined])
})

test('key material is split by role', () => {
  for (const profile of Object.values(srtpProfiles)) {
    const { keyBytes, saltBytes } = profile
    const material = Buffer.concat([Buffer.alloc(keyBytes, 1), Buffer.alloc(keyBytes, 2), Buffer.alloc(saltBytes, 3), Buffer.alloc(saltBytes, 4)])
    assert.equal(material.length, keyMaterialBytes(profile))
    const client = { key: Buffer.alloc(keyBytes, 1), salt: Buffer.alloc(saltBytes, 3) }
    const server = { key: Buffer.alloc(keyBytes, 2), salt: Buffer.alloc(saltBytes, 4) }
    assert.deepEqual(splitKeyMaterial(profile, material, 'client'), { send: client, receive: server })
    assert.deepEqual(splitKeyMaterial(profile, material, 'server'), { send: server, receive: client })
    const { send } = splitKeyMaterial(profile, material, 'client')
    material.fill(0)
    assert.deepEqual(send, client, 'wiping the material does not reach the keys')
    assert.throws(() => splitKeyMaterial(profile, material.subarray(1), 'client'), RangeError)
    assert.throws(() => deriveSessionKeys(profile, { key: client.key.subarray(1), salt: client.salt }), RangeError)
  }
})
