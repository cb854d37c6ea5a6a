import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import test from 'node:test'
import { legContract, type LegUnderTest } from '../../../test/leg-contract.ts'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import type { Clock } from '../../lib/clock.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLogger } from '../../lib/log.ts'
import { printAudioTag, printVideoTag } from '../../media/flv.ts'
import type { Frame } from '../../media/frame.ts'
import { joinAvcc, nalTypeOf, printAvcConfig } from '../../media/h264.ts'
import { depacketizerFor } from '../../media/payload/index.ts'
import type { RtpPacket } from '../../media/rtp-packet.ts'
import { wallTimeOf } from '../../media/time-reference.ts'
import { ClientConnection } from '../../protocols/rtmp/client-connection.ts'
import { ServerConnection } from '../../protocols/rtmp/server-connection.ts'
import { Room } from '../../room/room.ts'
import type { Track } from '../../room/track.ts'
import { RtmpLeg } from './leg.ts'

const SILENCE_MS = 8000
const sps = Buffer.from('674d401ed900a02ff970110000030001000003003c0f162e48', 'hex')
const otherSps = Buffer.from('674d001fed00a00b72', 'hex')
const pps = Buffer.from('68ebc3cb20', 'hex')
const aac48 = Buffer.from('1190', 'hex')
const unit = (type: number, length = 50): Buffer => { const bytes = Buffer.alloc(length, 0xaa); bytes[0] = 0x60 | type; return bytes }
const config = (set: Buffer): Buffer => printVideoTag({ kind: 'config', keyframe: true, compositionTime: 0, data: printAvcConfig({ lengthSize: 4, sps: [set], pps: [pps] }) })
const picture = (units: Buffer[], compositionTime = 0): Buffer =>
  printVideoTag({ kind: 'frame', keyframe: units.some(u => nalTypeOf(u) === 5), compositionTime, data: joinAvcc(units) })
const sound = (length = 100): Buffer => printAudioTag({ kind: 'frame', data: Buffer.alloc(length, 0x21) })

/** A leg in a room with a publisher at the other end, without a network. */
class Stage implements AsyncDisposable {
  readonly room = new Room('stage')
  readonly frames: { track: Track, frame: Frame, wallMs: number }[] = []
  publisher!: ClientConnection
  readonly leg: RtmpLeg
  readonly done: Promise<void>
  live = 0
  readonly #server: ServerConnection
  readonly #controller = new AbortController()

  static async open (clock: Clock = systemClock): Promise<Stage> {
    const { leg, server, publishing } = await makeLeg(clock)
    const stage = new Stage(leg, server)
    stage.publisher = await publishing
    stage.publisher.ended.catch(() => {})
    return stage
  }

  private constructor (leg: RtmpLeg, server: ServerConnection) {
    this.leg = leg
    this.#server = server
    this.room.watch({ trackAdded: track => { this.#follow(track) } })
    this.done = leg.run(this.room, { signal: this.#controller.signal, log: silentLogger, sessionId: 'ses_1', live: () => { this.live++ } })
    this.done.catch(() => {})
  }

  tracks (): Track[] { return [...this.room.participants.values()].flatMap(p => [...p.tracks.values()]) }
  async settled (): Promise<void> { for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate) }

  #follow (track: Track): void {
    const depacketizer = depacketizerFor(track.codec)
    track.subscribe({
      write: (packet: RtpPacket) => {
        for (const frame of depacketizer.push(packet)) this.frames.push({ track, frame, wallMs: wallTimeOf(frame.timestamp, track.timeReference!, track.codec.clockRate) })
      },
      fail: error => { throw error }
    })
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#controller.abort(new Error('over'))
    await this.done.catch(() => {})
    await this.publisher.close()
    await this.#server[Symbol.asyncDispose]()
  }
}

async function makeLeg (clock: Clock): Promise<{ leg: RtmpLeg, server: ServerConnection, publishing: Promise<ClientConnection> }> {
  const [near, far] = duplexPair()
  const server = new ServerConnection(near, clock)
  const { signal } = new AbortController()
  const publishing = ClientConnection.publish(far, { app: 'live', tcUrl: 'rtmp://test/live', streamKey: 'KEY', clock: systemClock, signal, withinMs: 5000 })
  publishing.catch(() => {})
  const request = await server.request({ withinMs: 5000, signal })
  return { leg: new RtmpLeg({ connection: server, request, identity: 'camera', name: 'Camera', silenceMs: SILENCE_MS, clock }), server, publishing }
}

legContract('rtmp', async (): Promise<LegUnderTest> => {
  const { leg, server, publishing } = await makeLeg(systemClock)
  void publishing.then(client => {
    client.ended.catch(() => {})
    client.video(config(sps), 0)
    client.video(picture([unit(5)]), 0)
  }, () => {})
  return {
    leg,
    async [Symbol.asyncDispose] () {
      await Promise.all([server[Symbol.asyncDispose](), publishing.then(client => client.close(), () => {})])
    }
  }
})

test('parameter sets stand before every IDR, delimiters and filler go, and pictures nobody could decode are left out', async () => {
  await using stage = await Stage.open()
  stage.publisher.video(picture([unit(5)]), 0)
  stage.publisher.video(config(sps), 0)
  stage.publisher.video(picture([unit(1)]), 0)
  stage.publisher.video(picture([unit(9, 2), unit(6), unit(5)]), 40)
  stage.publisher.video(picture([unit(1), unit(12)]), 80)
  stage.publisher.video(picture([sps, pps, unit(5)]), 120)
  stage.publisher.video(picture([unit(9, 2)]), 160)
  await stage.settled()
  assert.deepEqual(stage.frames.map(({ frame }) => frame.units.map(nalTypeOf)), [[7, 8, 6, 5], [1], [7, 8, 5]])
  assert.deepEqual(stage.frames.map(({ frame }) => frame.keyframe), [true, false, true])
  assert.equal(stage.live, 1)
  const [track] = stage.tracks()
  assert.deepEqual(track!.codec.parameters, { 'packetization-mode': '1', 'profile-level-id': '4d401e' })
  assert.equal(stage.leg.stats().detail.video && (stage.leg.stats().detail.video as { droppedFrames: number }).droppedFrames, 2)
})

test('a new configuration is used from the next IDR on, on the same track', async () => {
  await using stage = await Stage.open()
  stage.publisher.video(config(sps), 0)
  stage.publisher.video(picture([unit(5)]), 0)
  stage.publisher.video(config(otherSps), 40)
  stage.publisher.video(picture([unit(5)]), 40)
  stage.publisher.video(picture([sps, pps, unit(5)]), 80)
  stage.publisher.video(picture([unit(5)]), 120)
  await stage.settled()
  assert.deepEqual(stage.frames.map(({ frame }) => frame.units[0]!.equals(sps)), [true, false, true, true], 'what stood in band counts as well')
  assert.equal(stage.tracks().length, 1)
})

test('times: composition is signed, both tracks have one wall clock, 32 bits may wrap', async () => {
  await using stage = await Stage.open(new ManualClock())
  const base = 2 ** 32 - 60
  stage.publisher.video(config(sps), base)
  stage.publisher.audio(printAudioTag({ kind: 'config', data: aac48 }), base)
  stage.publisher.video(picture([unit(5)], 66), base)
  stage.publisher.audio(sound(), base)
  stage.publisher.video(picture([unit(1)], -33), (base + 100) >>> 0)
  stage.publisher.audio(sound(), (base + 21) >>> 0)
  await stage.settled()
  const start = stage.frames[0]!.wallMs - 66
  const [key, firstSound, inter, secondSound] = stage.frames.map(({ wallMs }) => Math.round((wallMs - start) * 1000) / 1000)
  assert.deepEqual([key, firstSound, inter, secondSound], [66, 0, 67, 21.333])
  assert.deepEqual(stage.frames.map(({ frame }) => frame.compositionOffset), [66 * 90, 0, -33 * 90, 0])
  assert.ok(stage.leg.stats().advice.some(advice => advice.code === 'b_frames'))
})

test('the references of long streams stay near their packets', async () => {
  await using stage = await Stage.open(new ManualClock())
  stage.publisher.video(config(sps), 0)
  for (let at = 0; at < 200_000_000; at += 8_000_000) {
    for (const step of [0, 2000, 4000, 6000]) stage.publisher.video(picture([unit(5)]), at + step)
  }
  await stage.settled()
  const walls = stage.frames.map(({ wallMs }) => wallMs)
  assert.ok(walls.every((wall, index) => index === 0 || wall > walls[index - 1]!), 'time goes forward')
})

test('another sampling rate is another track', async () => {
  await using stage = await Stage.open()
  stage.publisher.audio(printAudioTag({ kind: 'config', data: aac48 }), 0)
  stage.publisher.audio(sound(), 0)
  stage.publisher.audio(printAudioTag({ kind: 'config', data: aac48 }), 21)
  stage.publisher.audio(sound(), 21)
  stage.publisher.audio(printAudioTag({ kind: 'config', data: Buffer.from('1210', 'hex') }), 42)
  stage.publisher.audio(sound(), 42)
  await stage.settled()
  assert.deepEqual(stage.frames.map(({ track }) => track.codec.clockRate), [48_000, 48_000, 44_100])
  assert.deepEqual(stage.tracks().map(track => [track.codec.clockRate, track.codec.channels, track.codec.config?.toString('hex')]), [[44_100, 2, '1210']])
})

test('sound that is not AAC is said, and the picture goes on; empty and cut messages are left out', async () => {
  await using stage = await Stage.open()
  stage.publisher.video(config(sps), 0)
  for (const body of ['2fffff', 'af', 'af01', '']) stage.publisher.audio(Buffer.from(body, 'hex'), 0)
  for (const body of ['17', '1701000000ffffffff65', '1701000000', '1700000000']) stage.publisher.video(Buffer.from(body, 'hex'), 0)
  stage.publisher.video(picture([unit(5)]), 40)
  await stage.settled()
  assert.equal(stage.frames.length, 1)
  const { advice, detail } = stage.leg.stats()
  assert.deepEqual(advice.map(a => a.code), ['audio_codec'])
  assert.match(advice[0]!.message, /MP3/)
  assert.equal((detail.rtmp as { malformedMessages: number }).malformedMessages, 4)
})

test('video that is not H.264 ends the stream by its name', async () => {
  for (const [body, name] of [['90687663310102', 'HEVC'], ['9061763031', 'AV1'], ['9076703039', 'VP9'], ['2400', 'VP6']] as const) {
    const stage = await Stage.open()
    const told = assert.rejects(stage.publisher.ended, { message: new RegExp(`NetStream.Publish.Rejected: ${name} is not supported: publish H.264`) })
    stage.publisher.video(Buffer.from(body, 'hex'), 0)
    await assert.rejects(stage.done, { code: 'unsupported_media_type' })
    await told
    await stage[Symbol.asyncDispose]()
  }
})

test('metadata is shown as far as it is what it should be', async () => {
  await using stage = await Stage.open()
  stage.publisher.metadata({ width: 1920, height: NaN, framerate: '30', encoder: 'obs-output module\u0000\n (libobs version 30.2.3)', duration: 0 })
  await stage.settled()
  const { encoder, metadata } = stage.leg.stats().detail
  assert.equal(encoder, 'obs-output module (libobs version 30.2.3)')
  assert.deepEqual(metadata, { width: 1920 })
})

test('an identity that is taken: the publisher is told', async () => {
  const { leg, server, publishing } = await makeLeg(systemClock)
  const room = new Room('stage')
  using _other = room.join({ identity: 'camera', source: 'whip' })
  const told = assert.rejects(publishing, { code: 'forbidden', message: /already in room/ })
  const { signal } = new AbortController()
  await assert.rejects(leg.run(room, { signal, log: silentLogger, sessionId: 'ses_1', live () {} }), { code: 'identity_taken' })
  await told
  await server[Symbol.asyncDispose]()
})
