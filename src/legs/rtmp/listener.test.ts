import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import type { Capture } from '../../../test/support/capture.ts'
import { analyse, soundOffsets } from '../../../test/support/content.ts'
import { Program, publishTestStream, testClip } from '../../../test/support/ffmpeg.ts'
import { missing } from '../../../test/support/peers.ts'
import { waitUntil } from '../../../test/support/service.ts'
import { systemClock as clock } from '../../lib/clock.ts'
import { defaults, House, logTo } from '../../../test/support/rtmp-house.ts'
import { RtmpListener } from './listener.ts'

const skip = missing('ffmpeg')
const skipGst = missing('gst-launch-1.0', 'ffmpeg')

/** What came out of the room has every flash and every beep of the clip, in step. */
async function judge (capture: Capture, seconds: number, frames = seconds * 30): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-rtmp-'))
  try {
    const file = path.join(folder, 'room.flv')
    await capture.save(file)
    const content = await analyse(file)
    assert.equal(content.frames, frames)
    assert.equal(content.flashes.length, seconds)
    assert.equal(content.beeps.length, seconds)
    assert.ok(Math.abs(content.durationS - seconds) < 0.15, `${content.durationS} s`)
    for (const offset of soundOffsets(content)) assert.ok(Math.abs(offset) < 0.05, `a beep ${offset} s after its flash`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('ffmpeg publishes: every frame, flash and beep is in the room', { skip }, async () => {
  await using house = await House.open()
  await using publisher = await publishTestStream({ url: house.url(), seconds: 4, size: '640x360' })
  const session = await house.session()
  const capture = house.captures[0]!
  assert.deepEqual([session.kind, session.externalId, session.remoteAddress?.split(':')[0]], ['rtmp', 'ing_1', '127.0.0.1'])
  assert.deepEqual([capture.participants[0]!.info.identity, capture.participants[0]!.info.source], ['camera', 'rtmp'])
  assert.deepEqual(capture.tracks.map(track => track.codec.name).toSorted(), ['AAC', 'H264'])
  assert.equal(await publisher.done, 0, publisher.stderr)
  await waitUntil('the session has ended', 5000, () => house.ended.length === 1)
  const { state, reason, stats } = house.ended[0]!
  assert.deepEqual([state, reason], ['ended', 'left'])
  assert.deepEqual(stats.advice, [])
  const { video, audio, encoder, rtmp } = stats.detail as Record<string, Record<string, unknown>>
  assert.match(String(encoder), /^Lavf/)
  assert.deepEqual([video!.width, video!.height, video!.fps, video!.keyframeIntervalMs, video!.reordered], [640, 360, 30, 2000, false])
  assert.ok(Number(video!.bitrate) > 500_000)
  assert.deepEqual([audio!.samplingRate, audio!.channels, audio!.resyncs], [48_000, 2, 0])
  assert.deepEqual([rtmp!.handshake, rtmp!.clockJumps, rtmp!.malformedMessages], ['digest', 0, 0])
  assert.ok(stats.bytesIn > 500_000 && stats.packetsIn > 300)
  await judge(capture, 4)
})

test('B-frames are published all the same, and the encoder is told what to change', { skip }, async () => {
  await using house = await House.open()
  await using publisher = await publishTestStream({ url: house.url(), seconds: 6, size: '320x180', bframes: 2, gopSeconds: 6, audioRate: 44_100, encoder: ['-preset', 'veryfast'] })
  assert.equal(await publisher.done, 0, publisher.stderr)
  await waitUntil('the session has ended', 5000, () => house.ended.length === 1)
  const { stats } = house.ended[0]!
  assert.deepEqual(stats.advice.map(a => a.code).toSorted(), ['b_frames', 'keyframe_interval'])
  assert.match(stats.advice[0]!.remedy, /-bf 0/)
  assert.deepEqual(house.log.filter(line => line.level === 'warn').map(line => line.fields.advice).toSorted(), ['b_frames', 'keyframe_interval'])
  await judge(house.captures[0]!, 6)
})

test('pictures of several slices, as low-latency encoders make them', { skip }, async () => {
  await using house = await House.open()
  await using publisher = await publishTestStream({ url: house.url(), seconds: 4, size: '640x360', encoder: ['-tune', 'zerolatency', '-x264opts', 'slices=4'] })
  assert.equal(await publisher.done, 0, publisher.stderr)
  await waitUntil('the session has ended', 5000, () => house.ended.length === 1)
  assert.deepEqual(house.ended[0]!.stats.advice, [])
  await judge(house.captures[0]!, 4)
})

for (const sink of ['rtmpsink', 'rtmp2sink']) {
  test(`GStreamer publishes by ${sink}`, { skip: skipGst }, async () => {
    await using house = await House.open()
    const clip = await testClip(4, { size: '320x180' })
    const location = sink === 'rtmpsink' ? `${house.url()} live=1` : house.url()
    await using publisher = new Program('gst-launch-1.0', ['-q', 'filesrc', `location=${clip}`, '!', 'flvdemux', 'name=d',
      'd.video', '!', 'h264parse', '!', 'queue', '!', 'm.', 'd.audio', '!', 'aacparse', '!', 'queue', '!', 'm.',
      'flvmux', 'name=m', 'streamable=true', '!', sink, `location=${location}`])
      assert.equal(await publisher.done, 0, publisher.stderr)
    await waitUntil('the session has ended', 5000, () => house.ended.length === 1)
    assert.deepEqual([house.ended[0]!.state, house.ended[0]!.reason], ['ended', 'left'])
    await judge(house.captures[0]!, 4)
  })
}

test('a wrong key is refused after a second, logged with the address and without the key; five close the door', { skip }, async () => {
  await using house = await House.open()
  const wrong = 'wrong-canary-key'
  await using publisher = await publishTestStream({ url: house.url(wrong), seconds: 4, size: '320x180' })
  assert.notEqual(await publisher.done, 0)
  assert.match(publisher.stderr, /stream key is not known/)
  const lines = house.log.filter(line => line.message.includes('unknown stream key'))
  assert.equal(lines.length, 1)
  assert.match(String(lines[0]!.fields.remoteAddress), /^127\.0\.0\.1:\d+$/)
  assert.ok(!JSON.stringify(house.log).includes(wrong))
  await Promise.all([1, 2, 3, 4].map(async () => { await using again = await publishTestStream({ url: house.url(wrong), seconds: 4, size: '320x180' }); await again.done }))
  await using right = await publishTestStream({ url: house.url(), seconds: 4, size: '320x180' })
  assert.notEqual(await right.done, 0)
  assert.equal(house.asked.length, 5)
  assert.equal(house.listener.refused.addresses, 1)
})

test('the newest publisher takes over: same room, same identity, and the one before is told', { skip }, async () => {
  await using house = await House.open()
  await using first = await publishTestStream({ url: house.url(), size: '320x180' })
  const before = await house.session()
  await using second = await publishTestStream({ url: house.url(), size: '320x180' })
  await waitUntil('the first session has ended', 10_000, () => house.ended.length === 1)
  assert.match(house.ended[0]!.reason, /replaced by a newer publisher/)
  await first.done
  const after = await house.session()
  assert.notEqual(after.id, before.id)
  assert.equal(after.conferenceId, before.conferenceId)
  assert.equal(house.captures.length, 1, 'the room stayed open')
  assert.deepEqual(house.captures[0]!.participants.map(p => p.info.identity), ['camera', 'camera'])
  await second.stop()
})

test('the oldest publisher stays, where that is the rule', { skip }, async () => {
  await using house = await House.open({ duplicatePublisher: 'oldest' })
  await using first = await publishTestStream({ url: house.url(), size: '320x180' })
  const session = await house.session()
  await using second = await publishTestStream({ url: house.url(), seconds: 4, size: '320x180' })
  assert.notEqual(await second.done, 0)
  assert.match(second.stderr, /already publishing/)
  assert.equal((await house.session()).id, session.id)
  await first.stop()
  await waitUntil('the session has ended', 5000, () => house.ended.length === 1)
  await using third = await publishTestStream({ url: house.url(), size: '320x180' })
  assert.notEqual((await house.session()).id, session.id)
  await third.stop()
})

test('a publisher killed or frozen is gone in time', { skip }, async () => {
  await using house = await House.open({ mediaTimeoutMs: 1500 })
  await using killed = await publishTestStream({ url: house.url(), size: '320x180' })
  await house.session()
  await killed.kill()
  await waitUntil('the session of the killed one has ended', 2000, () => house.ended.length === 1)
  await using frozen = await publishTestStream({ url: house.url(), size: '320x180' })
  await house.session()
  process.kill(frozen.pid!, 'SIGSTOP')
  await waitUntil('the session of the frozen one has failed', 5000, () => house.ended.length === 2)
  assert.deepEqual([house.ended[1]!.state, house.ended[1]!.errorCode], ['failed', 'media_timeout'])
  assert.equal(house.bridge.rooms.length, 0)
})

test('a session closed by an operator, or by the end of the service, closes the connection', { skip }, async () => {
  await using house = await House.open()
  await using publisher = await publishTestStream({ url: house.url(), size: '320x180' })
  await house.session()
  await [...house.bridge.sessions.values()][0]!.close('kicked')
  assert.equal(house.ended[0]!.reason, 'kicked')
  await publisher.done
  await using another = await publishTestStream({ url: house.url(), size: '320x180' })
  await house.session()
  await house.listener[Symbol.asyncDispose]()
  assert.equal(house.ended[1]!.reason, 'shutdown')
  await another.done
  house.listener = await RtmpListener.open(defaults, { bridge: house.bridge, streamKeys: { resolve: async () => undefined }, log: logTo(house), clock })
})

async function dial (house: House): Promise<Socket> {
  const socket = connect(house.listener.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => {}).resume()
  return socket
}

test('strangers from one address are limited, and leave their places', async () => {
  await using house = await House.open({ maxStrangersPerAddress: 3 })
  const sockets = await Promise.all([1, 2, 3].map(() => dial(house)))
  await waitUntil('all are in', 2000, () => house.listener.connections === 3)
  const fourth = await dial(house)
  await once(fourth, 'close')
  for (const socket of sockets) socket.destroy()
  await waitUntil('all are gone', 2000, () => house.listener.connections === 0)
  const fifth = await dial(house)
  await waitUntil('there is room again', 2000, () => house.listener.connections === 1)
  fifth.destroy()
})

test('RTMPS: the same behind TLS', { skip: missing('ffmpeg', 'openssl') }, async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-rtmps-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')]
  await new Program('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '1', '-subj', '/CN=localhost']).succeeded()
  await using house = await House.open({ tls: { key: await readFile(key), cert: await readFile(cert) }, publishWithinMs: 2000 })
  const plain = await dial(house) // Speaks no TLS, and then nothing.
  await using publisher = await publishTestStream({ url: house.url().replace('rtmp:', 'rtmps:'), seconds: 4, size: '320x180' })
  assert.equal(await publisher.done, 0, publisher.stderr)
  await waitUntil('the session has ended', 5000, () => house.ended.length === 1)
  await judge(house.captures[0]!, 4)
  if (!plain.closed) await once(plain, 'close')
})
