import assert from 'node:assert/strict'
import test from 'node:test'
import { iceServersIn } from './ice-servers.ts'

const rows: readonly [header: string, servers: object[]][] = [
  ['', []],
  ['<stun:stun.example.com>; rel="ice-server"', [{ urls: 'stun:stun.example.com' }]],
  ['<stun:a:3478>; rel=ice-server, <turn:b?transport=udp>;rel="ice-server";username="1:u";credential="p=";credential-type="password"', [{ urls: 'stun:a:3478' }, { urls: 'turn:b?transport=udp', username: '1:u', credential: 'p=' }]],
  [String.raw`<turns:c>; rel="ice-server"; username="a, <b>; c"; credential="q\"\\"`, [{ urls: 'turns:c', username: 'a, <b>; c', credential: 'q"\\' }]],
  ['</events>; rel="urn:ietf:params:whep:ext:core:server-sent-events", <https://x>; rel="ice-server", <stun:d>; rel="ice-server"', [{ urls: 'stun:d' }]],
  ['<stun:e', []]
]

for (const [header, servers] of rows) test(`Link: ${header}`, () => { assert.deepEqual(iceServersIn(header), servers) })
