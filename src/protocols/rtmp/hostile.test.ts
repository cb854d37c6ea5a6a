import assert from 'node:assert/strict'
import { type Duplex, duplexPair } from 'node:stream'
import test from 'node:test'
import { settledBytes } from '../../../test/support/memory.ts'
import { mutated } from '../../../test/support/mutate.ts'
import { systemClock } from '../../lib/clock.ts'
import { AppError } from '../../lib/errors.ts'
import { ClientConnection } from './client-connection.ts'
import { ServerConnection } from './server-connection.ts'

const { signal } = new AbortController()
const HELLO_BYTES = 1537 + 1536

/** Everything a real client of ours sends: handshake, commands, metadata, pictures, sound, goodbye. */
async function recordConversation (): Promise<Buffer> {
  const [near, far] = duplexPair()
  const pieces: Buffer[] = []
  const write = far.write.bind(far)
  far.write = ((bytes: Buffer) => { pieces.push(Buffer.from(bytes)); return write(bytes) }) as Duplex['write']
  await using server = new ServerConnection(near, systemClock)
  const publishing = ClientConnection.publish(far, { app: 'live', tcUrl: 'rtmp://test/live', streamKey: 'KEY', clock: systemClock, signal, withinMs: 5000 })
  await server.request({ withinMs: 5000, signal })
  const done = server.publishing({ video () {}, audio () {}, metadata () {} }, { silenceMs: 5000, signal })
  const client = await publishing
  client.metadata({ width: 1280, height: 720, encoder: 'test' })
  for (let at = 0; at < 200; at += 40) {
    client.video(Buffer.alloc(200, 0x17), at)
    client.audio(Buffer.alloc(30, 0xaf), at + 5)
  }
  await client.close()
  await done
  return Buffer.concat(pieces)
}

/** Plays the bytes to a server whose key is always right, then closes. @returns how it ended */
async function play (bytes: Buffer): Promise<'left' | string> {
  const [near, far] = duplexPair()
  far.on('error', () => {}).resume()
  const server = new ServerConnection(near, systemClock)
  far.write(bytes)
  far.end()
  try {
    await server.request({ withinMs: 5000, signal })
    await server.publishing({ video () {}, audio () {}, metadata () {} }, { silenceMs: 5000, signal })
    return 'left'
  } catch (error) {
    assert.ok(error instanceof AppError, String(error))
    return error.code
  } finally {
    await server[Symbol.asyncDispose]()
  }
}

test('damaged conversations end, each for itself, and leave nothing', async () => {
  const whole = await recordConversation()
  assert.equal(await play(whole), 'left')
  const hello = whole.subarray(0, HELLO_BYTES)
  const rest = whole.subarray(HELLO_BYTES)
  const commands = rest.subarray(0, 700)
  const ends = new Map<string, number>()
  const batch = async (count: number, seed: number): Promise<void> => {
    for (const bytes of mutated([rest, commands], { count, seed })) {
      const end = await play(Buffer.concat([hello, bytes]))
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }
  }
  await batch(500, 1)
  const before = await settledBytes()
  await batch(4000, 2)
  const grown = await settledBytes() - before
  assert.ok(grown < 4 << 20, `${grown} bytes more after 4,000 conversations`)
  assert.deepEqual([...ends.keys()].toSorted(), ['left', 'protocol_error'])
  assert.ok([...ends.values()].every(count => count > 100), 'both ends are reached')
})
