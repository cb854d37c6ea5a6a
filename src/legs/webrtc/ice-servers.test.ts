import assert from 'node:assert/strict'
import test from 'node:test'
import { iceServerLinks } from './ice-servers.ts'

const none = { username: '', credential: '', secret: '' }
const HOUR_MS = 3_600_000

test('STUN needs no credentials; TURN gets the ones configured, quoted', () => {
  const iceServers = [{ ...none, urls: ['stun:stun.example.com'] }, { ...none, urls: ['turn:turn.example.com?transport=udp', 'stun:turn.example.com'], username: 'ann', credential: 'a"b\\c' }]
  assert.deepEqual(iceServerLinks({ iceServers, turnCredentialLifetimeMs: HOUR_MS }, 'ses_1', 0), [
    '<stun:stun.example.com>; rel="ice-server"',
    String.raw`<turn:turn.example.com?transport=udp>; rel="ice-server"; username="ann"; credential="a\"b\\c"; credential-type="password"`,
    '<stun:turn.example.com>; rel="ice-server"'
  ])
})

test('a secret makes credentials that end, and that nobody can lengthen', () => {
  const iceServers = [{ ...none, urls: ['turns:turn.example.com:443?transport=tcp'], secret: 'north' }]
  const [link] = iceServerLinks({ iceServers, turnCredentialLifetimeMs: HOUR_MS }, 'ses_1', 1_700_000_000_999)
  // printf 1700003600:ses_1 | openssl dgst -sha1 -hmac north -binary | base64
  assert.equal(link, '<turns:turn.example.com:443?transport=tcp>; rel="ice-server"; username="1700003600:ses_1"; credential="pM+ektZ16UdxNhv/U2z0tPeLzVQ="; credential-type="password"')
})
