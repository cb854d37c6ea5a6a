import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import test from 'node:test'
import { publishTestStream } from '../../../test/support/ffmpeg.ts'
import { settledBytes } from '../../../test/support/memory.ts'
import { missing } from '../../../test/support/peers.ts'
import { waitUntil } from '../../../test/support/service.ts'
import { printAmf0 } from '../../protocols/rtmp/amf0.ts'
import { ChunkWriter } from '../../protocols/rtmp/chunk-writer.ts'
import { printCommand, printControl } from '../../protocols/rtmp/message.ts'
import { House, KEY } from '../../../test/support/rtmp-house.ts'

const skip = missing('ffmpeg')
const hello = Buffer.concat([Buffer.from([3]), Buffer.alloc(1536), Buffer.alloc(1536)])
const PUBLISH_WITHIN_MS = 1500

const say = (...messages: [type: number, payload: Buffer][]): Buffer => {
  const writer = new ChunkWriter()
  return Buffer.concat([hello, ...messages.map(([type, payload]) => writer.print(3, { type, streamId: 0, timestamp: 0, payload }))])
}
const connectCommand: [number, Buffer] = [20, printCommand('connect', 1, { app: 'live' })]
/** Sixteen chunk streams that each announce 16 MB, and send a little of it. */
const announced = Buffer.concat([hello, ...Array.from({ length: 16 }, (_, i) => Buffer.from([3 + i, 0, 0, 0, 0, 0xff, 0xff, 20, 0, 0, 0, 0, ...Buffer.alloc(128)]))])

/** What strangers send to port 1935. `trickle`: one byte at a time, for ever. */
const attacks: { what: string, bytes: Buffer, trickle?: true }[] = [
  { what: 'garbage', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: example.com\r\n\r\n') },
  { what: 'garbage after the handshake', bytes: Buffer.concat([hello, Buffer.alloc(4096, 0xff)]) },
  { what: 'nothing', bytes: Buffer.alloc(0) },
  { what: 'half a handshake', bytes: hello.subarray(0, 800) },
  { what: 'a handshake of one byte at a time', bytes: hello, trickle: true },
  { what: 'a handshake and no more', bytes: hello },
  { what: 'connect and no more', bytes: say(connectCommand) },
  { what: 'a chunk size of 2^31', bytes: say([1, printControl(2 ** 31)]) },
  { what: 'a chunk size of 0', bytes: say([1, printControl(0)]) },
  { what: 'AMF nested 10,000 deep', bytes: say([20, Buffer.concat([printAmf0(['connect', 1]), Buffer.from('03000161'.repeat(10_000), 'hex')])]) },
  { what: 'a message of 16 MB before publish', bytes: Buffer.concat([hello, Buffer.from('0600000000ffffff0901000000'.slice(0, 24), 'hex'), Buffer.alloc(16 << 20)]) },
  { what: 'many large messages announced', bytes: announced },
  { what: 'an abort of everything, over and over', bytes: say(...Array.from({ length: 5000 }, (): [number, Buffer] => [2, printControl(3)])) }
]

async function dial (port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket.on('error', () => {}).resume()
}

/** @returns milliseconds until the server closed. */
async function attack (port: number, bytes: Buffer, trickle: boolean): Promise<number> {
  const socket = await dial(port)
  const since = performance.now()
  const closed = once(socket, 'close')
  if (trickle) {
    let at = 0
    const timer = setInterval(() => socket.write(bytes.subarray(at, ++at)), 10)
    await closed
    clearInterval(timer)
  } else {
    socket.write(bytes)
    await closed
  }
  return performance.now() - since
}

test('strangers come and go: each connection ends in its time, memory stays flat, and the publisher next to them notices nothing', { skip }, async () => {
  await using house = await House.open({ publishWithinMs: PUBLISH_WITHIN_MS })
  await using publisher = await publishTestStream({ url: house.url(KEY), size: '320x180' })
  const before = await house.session()
  const wave = async (): Promise<void> => {
    await Promise.all(attacks.map(async ({ what, bytes, trickle = false }) => {
      const ms = await attack(house.listener.port, bytes, trickle)
      assert.ok(ms < PUBLISH_WITHIN_MS + 5000, `${what}: ${ms} ms`)
    }))
  }
  await wave()
  const bytes = await settledBytes()
  for (let round = 0; round < 3; round++) await wave()
  const grown = await settledBytes() - bytes
  assert.ok(grown < 24 << 20, `${grown} bytes more; a backlog of one publisher may hold some of them`)
  await waitUntil('only the publisher is left', 5000, () => house.listener.connections === 1)
  const after = await house.session()
  assert.equal(after.id, before.id)
  const { video, audio, rtmp } = after.stats.detail as Record<string, Record<string, unknown>>
  assert.ok(Number(video!.frames) > 60)
  assert.deepEqual([rtmp!.malformedMessages, rtmp!.clockJumps, audio!.resyncs], [0, 0, 0])
  assert.deepEqual(house.asked, [KEY], 'no key was looked up for any of them')
  assert.ok(house.log.filter(line => line.level !== 'debug' && line.level !== 'info').length === 0, JSON.stringify(house.log.at(-1)))
  await publisher.stop()
})
