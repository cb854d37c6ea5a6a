import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { until } from '../../test/support/until.ts'
import { systemClock } from '../lib/clock.ts'
import { silentLogger } from '../lib/log.ts'
import { ServerConnection } from '../protocols/rtmp/server-connection.ts'
import { clipOf } from './clip.ts'
import { publishDemo } from './demo.ts'
import { parseFlv, printFlv } from './flv-file.ts'
import { replay } from './replay.ts'

const clip = clipOf(parseFlv(await readFile(new URL('demo-clip.flv', import.meta.url))))

test('the clip is small, repeats without a seam, and has a keyframe every two seconds', async () => {
  const bytes = await readFile(new URL('demo-clip.flv', import.meta.url))
  assert.ok(bytes.length < 1_000_000)
  assert.deepEqual(printFlv(parseFlv(bytes)), bytes)
  assert.equal(clip.durationMs, 64_000)
  assert.deepEqual(clip.configs.map(tag => tag.type), ['video', 'audio'])
  const keyframes = clip.frames.filter(tag => tag.type === 'video' && tag.body[0]! >> 4 === 1).map(tag => tag.timestamp)
  assert.deepEqual(keyframes, Array.from({ length: 32 }, (_, n) => n * 2_000))
})

test('a file that is none, or ends too early, is refused', () => {
  assert.throws(() => parseFlv(Buffer.from('RIFF and so on')), { code: 'protocol_error' })
  assert.throws(() => parseFlv(printFlv(clip.frames).subarray(0, 5_000)), { code: 'protocol_error' })
})

test('replaying keeps to the clock for days, and does not flood after a long sleep', async () => {
  const clock = new ManualClock()
  const controller = new AbortController()
  const sent: { at: number, timestamp: number }[] = []
  const target = { video: (_: Buffer, timestamp: number) => { sent.push({ at: clock.now(), timestamp }) }, audio () {} }
  const done = replay(clip, target, { clock, signal: controller.signal })
  const live = async (ms: number, step: number): Promise<void> => {
    for (let at = 0; at < ms; at += step) {
      clock.advance(step)
      await Promise.resolve()
      await Promise.resolve()
      await Promise.resolve()
    }
  }
  await live(200_000, 7)
  assert.ok(sent.length > 5_990 && sent.length < 6_010)
  for (const { at, timestamp } of sent.slice(1)) assert.ok(at - timestamp >= 0 && at - timestamp < 40)
  for (const [index, { timestamp }] of sent.entries()) if (index > 1) assert.ok(timestamp - sent[index - 1]!.timestamp <= 34)
  const before = sent.length
  await live(600_000, 600_000)
  await live(1_000, 10)
  assert.ok(sent.length - before < 100, `${sent.length - before} pictures after a sleep`)
  controller.abort()
  await done
})

test('the demo is published, and comes back when it is sent away', { timeout: 60_000 }, async () => {
  const controller = new AbortController()
  const connections: number[] = []
  const heard = { video: 0, audio: 0 }
  await using server = createServer(socket => {
    const visit = connections.push(Date.now())
    void (async () => {
      await using connection = new ServerConnection(socket, systemClock)
      const { streamKey } = await connection.request({ withinMs: 10_000, signal: controller.signal })
      assert.equal(streamKey, 'demo-key')
      const handler = { video: () => { if (++heard.video === 20 && visit === 1) throw new Error('away with you') }, audio: () => { heard.audio++ }, metadata () {} }
      await connection.publishing(handler, { silenceMs: 10_000, signal: controller.signal })
    })().catch(() => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `rtmp://127.0.0.1:${(server.address() as AddressInfo).port}/live`
  const done = publishDemo({ url, streamKey: 'demo-key', log: silentLogger, signal: controller.signal })
  await until('the second visit', () => connections.length === 2 && heard.video > 40 && heard.audio > 40)
  controller.abort()
  await done
})
