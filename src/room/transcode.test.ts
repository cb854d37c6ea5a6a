import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { aacStream, type AacStream } from '../../test/support/aac-frames.ts'
import { missing } from '../../test/support/peers.ts'
import { until } from '../../test/support/until.ts'
import { AppError } from '../lib/errors.ts'
import { silentLogger } from '../lib/log.ts'
import { codec, opus } from '../media/codec.ts'
import { packetizerFor } from '../media/payload/index.ts'
import { type RtpPacket, timestampDistance } from '../media/rtp-packet.ts'
import { wallTimeOf } from '../media/time-reference.ts'
import { MediaWorkers } from '../media/worker/pool.ts'
import { Track } from './track.ts'
import { transcodeWith } from './transcode.ts'

const skip = missing('ffmpeg')
const EPOCH_MS = Date.UTC(2026, 0, 1)

function listener (): { packets: RtpPacket[], write (packet: RtpPacket): void, fail (error: unknown): void } {
  const packets: RtpPacket[] = []
  return { packets, write: packet => { packets.push(packet) }, fail: error => { throw error } }
}

/** A publisher whose RTP timestamps wrap after a second. */
function publisher ({ codec, frames }: AacStream): { track: Track, publish (count?: number): Promise<void> } {
  const track = new Track(codec)
  const packetizer = packetizerFor(codec, { ssrc: 1, payloadType: 96 })
  const first = 2 ** 32 - codec.clockRate
  let next = 0
  const publish = async (count = frames.length): Promise<void> => {
    for (const end = Math.min(frames.length, next + count); next < end; next++) {
      const { time, data } = frames[next]!
      const timestamp = (first + Math.round(time * codec.clockRate / 1000)) >>> 0
      track.timeReference ??= { rtpTimestamp: timestamp, wallMs: EPOCH_MS + time }
      for (const packet of packetizer.packetize({ units: [data], timestamp, compositionOffset: 0, keyframe: true })) track.write(packet)
      if (next % 20 === 0) await sleep(5)
    }
  }
  return { track, publish }
}

test('a twin runs while somebody listens, once for all, and keeps the wall clock of its original', { skip }, async () => {
  const source = await aacStream(44100, 2, 6)
  await using workers = new MediaWorkers({ log: silentLogger })
  const { track, publish } = publisher(source)
  const twin = track.as([opus], transcodeWith(workers))
  assert.equal(workers.stats().jobs, 0)
  assert.equal(track.as([opus], transcodeWith(workers)), twin)

  const [one, two] = [listener(), listener()]
  const first = twin.subscribe(one)
  await publish(20)
  const second = twin.subscribe(two)
  assert.equal(workers.stats().jobs, 1, 'two listeners, one job')
  await publish(200)
  await until('sound', () => one.packets.length > 200)

  for (const [index, packet] of one.packets.entries()) {
    if (index === 0) continue
    const before = one.packets[index - 1]!
    assert.equal(timestampDistance(packet.timestamp, before.timestamp), 960)
    assert.equal((packet.sequenceNumber - before.sequenceNumber) & 0xffff, 1)
  }
  assert.deepEqual(two.packets, one.packets.slice(-two.packets.length))
  assert.ok(two.packets.length > 150)

  // The first packet's sound begins when the first frame's does, less the encoder's look-ahead.
  const began = wallTimeOf(one.packets[0]!.timestamp, twin.timeReference!, 48_000) - EPOCH_MS
  assert.ok(Math.abs(began - (source.frames[0]!.time - 312 / 48)) < 1, `began at ${began}`)
  const [packet] = one.packets.slice(-1)
  const at = wallTimeOf(packet!.timestamp, twin.timeReference!, 48_000) - EPOCH_MS
  assert.ok(Math.abs(at - began - (one.packets.length - 1) * 20) < 0.1)

  first[Symbol.dispose]()
  assert.equal(workers.stats().jobs, 1)
  second[Symbol.dispose]()
  assert.equal(workers.stats().jobs, 0, 'nobody listens')
  assert.equal(track.subscribers, 0)
  using _again = twin.subscribe(listener())
  assert.equal(workers.stats().jobs, 1)
})

test('a worker that dies is replaced behind the twin', { skip }, async () => {
  const source = await aacStream(48000, 2, 6)
  await using workers = new MediaWorkers({ log: silentLogger })
  const { track, publish } = publisher(source)
  const ear = listener()
  using _listening = track.as([opus], transcodeWith(workers)).subscribe(ear)
  await publish(60)
  await until('sound', () => ear.packets.length > 40)
  process.kill(workers.stats().workers[0]!.pid!, 'SIGKILL')
  await until('another worker', () => workers.stats().restarts === 1)
  await publish()
  const twin = track.as([opus], transcodeWith(workers))
  const reached = (): number => wallTimeOf(ear.packets.at(-1)!.timestamp, twin.timeReference!, 48_000) - EPOCH_MS
  await until('the end of the sound, in its place', () => reached() > 5_900)
  assert.ok(reached() <= 6_000)
})

test('where nothing can transcode, the subscription fails and leaves nothing behind', async () => {
  await using workers = new MediaWorkers({ log: silentLogger, size: 0 })
  const track = new Track(codec('AAC', { channels: 2, config: Buffer.from([0x11, 0x90]) }))
  const twin = track.as([opus], transcodeWith(workers))
  assert.throws(() => twin.subscribe(listener()), error => error instanceof AppError && error.code === 'transcoding_unavailable')
  assert.equal(twin.subscribers, 0)
  assert.equal(track.subscribers, 0)
  const picture = new Track(codec('H264')).as([codec('VP8')], transcodeWith(workers))
  assert.throws(() => picture.subscribe(listener()), { code: 'transcoding_unavailable' })
})
