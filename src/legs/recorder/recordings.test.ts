import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClipPublisher } from '../../../test/support/clip-publisher.ts'
import { type Encoded, encodedClip, encodedOpus, packetsOf } from '../../../test/support/encoded.ts'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { probeMovie } from '../../../test/support/movie.ts'
import { AppError } from '../../lib/errors.ts'
import { silentLogger } from '../../lib/log.ts'
import { codec } from '../../media/codec.ts'
import { RtpPacket } from '../../media/rtp-packet.ts'
import { Bridge, localEngine } from '../../room/bridge.ts'
import type { Transcode } from '../../room/track.ts'
import type { RecordingInfo } from './info.ts'
import { Recordings } from './recordings.ts'
import { defaultRecorderSettings, type RecorderSettings } from './settings.ts'

const root = await mkdtemp(path.join(tmpdir(), 'auralink-recorder-'))
test.after(() => rm(root, { recursive: true }))

const clip = await encodedClip(6)
const WALL_MS = Date.UTC(2026, 0, 1)

/** A bridge, a folder and a clock of its own for each test. */
class House implements AsyncDisposable {
  readonly clock = new ManualClock(WALL_MS)
  readonly saved: RecordingInfo[] = []
  readonly bridge: Bridge
  readonly folder: string
  recordings!: Recordings
  readonly #stack = new AsyncDisposableStack()

  private constructor (folder: string) {
    this.folder = folder
    const journal = { roomChanged () {}, participantChanged () {}, sessionChanged () {} }
    this.bridge = this.#stack.use(new Bridge({ engine: localEngine, journal, log: silentLogger, limits: { sessions: 10, rooms: 10 } }))
  }

  static async open (settings: Partial<RecorderSettings> = {}, more: { transcode?: Transcode } = {}): Promise<House> {
    const house = new House(path.join(await mkdtemp(path.join(root, 'case-')), 'recordings'))
    const store = { save: (info: RecordingInfo) => { house.saved.push(info) }, delete () {} }
    const parts = { bridge: house.bridge, store, log: silentLogger, clock: house.clock, ...more }
    house.recordings = await Recordings.open({ folder: house.folder, settings: { ...defaultRecorderSettings, minFreeBytes: 0, ...settings } }, parts)
    house.#stack.use(house.recordings)
    return house
  }

  get room () { return this.bridge.room('stage')! }
  start (participant?: string): Promise<RecordingInfo> { return this.recordings.start({ room: 'stage', participant }) }

  /** The clip as it would be published now, `agoMs` after it began. */
  publish ({ of = clip, agoMs = 0, ...options }: { of?: Encoded, agoMs?: number, identity?: string, timed?: boolean } = {}): ClipPublisher {
    return new ClipPublisher(this.room, {
      video: { codec: of.videoCodec, frames: of.video }, audio: { codec: of.audioCodec, frames: of.audio }, wallMs: this.clock.wall() - agoMs, ...options
    })
  }

  /** Plays and lets the time pass, a frame or so at a time. */
  play (publisher: ClipPublisher, fromMs: number, toMs: number, drop?: Parameters<ClipPublisher['play']>[2]): void {
    for (let at = fromMs; at < toMs; at += 40) {
      publisher.play(at, Math.min(at + 40, toMs), drop)
      this.clock.advance(Math.min(40, toMs - at))
    }
  }

  fileOf ({ id, parts }: RecordingInfo, part = 1): string { return path.join(this.folder, id, parts[part - 1]!.file) }
  async finished (id: string): Promise<RecordingInfo> {
    for (let tries = 0; tries < 500; tries++, await sleep(20)) {
      const info = this.recordings.get(id)!
      if (info.state === 'completed' || info.state === 'failed') return info
    }
    throw new Error(`still ${this.recordings.get(id)!.state}`)
  }

  [Symbol.asyncDispose] (): Promise<void> { return this.#stack.disposeAsync() }
}

test('records from the first frame to the moment of stop, and the file is plain, exact and private', async () => {
  await using house = await House.open()
  const started = await house.start()
  assert.deepEqual([started.state, started.room, started.participant], ['starting', 'stage', undefined])
  using publisher = house.publish()
  house.play(publisher, 0, 5000)
  const during = house.recordings.get(started.id)!
  assert.deepEqual([during.state, during.participant], ['active', 'camera'])
  assert.ok(during.durationMs >= 4400 && during.durationMs <= 5000, `${during.durationMs} ms`)
  const info = (await house.recordings.stop(started.id))!
  assert.deepEqual([info.state, info.partial, info.reason, info.gaps, info.errorCode], ['completed', false, 'stopped', [], undefined])
  assert.deepEqual(info.parts[0]!.tracks, [{ kind: 'video', codec: 'H264', clockRate: 90_000, width: 1280, height: 720 }, { kind: 'audio', codec: 'AAC', clockRate: 48_000 }])
  assert.equal(info.startedAt!.getTime(), WALL_MS)

  const movie = await probeMovie(house.fileOf(info))
  assert.deepEqual(movie.video.map(p => p.pts), clip.video.slice(0, 150).map(f => f.timestamp))
  assert.deepEqual(movie.audio.map(p => p.pts), clip.audio.slice(0, 235).map(f => f.timestamp))
  assert.ok(Math.abs(movie.seconds * 1000 - info.durationMs) < 1)
  assert.equal(info.sizeBytes, (await stat(house.fileOf(info))).size)
  assert.equal((await stat(house.fileOf(info))).mode & 0o777, 0o600)
  assert.equal((await stat(path.dirname(house.fileOf(info)))).mode & 0o777, 0o700)
  assert.deepEqual([...new Set(house.saved.map(i => i.state))], ['starting', 'active', 'stopping', 'completed'])
  assert.deepEqual(JSON.parse(await readFile(path.join(house.folder, info.id, 'recording.json'), 'utf8')).info, JSON.parse(JSON.stringify(info)))
})

test('begins at once, in the past: with the last keyframe of the backlog and the sound since then', async () => {
  await using house = await House.open()
  const first = await house.start()
  using publisher = house.publish()
  house.play(publisher, 0, 3500)
  const late = await house.start()
  assert.ok(house.recordings.get(late.id)!.startedAt!.getTime() - (WALL_MS + 2000) < 40, 'what is seen first happened 1.5 s ago')
  house.play(publisher, 3500, 5000)
  const info = (await house.recordings.stop(late.id))!
  const movie = await probeMovie(house.fileOf(info))
  assert.deepEqual(movie.video.map(p => p.pts), clip.video.slice(60, 150).map(f => f.timestamp - 180_000))
  const sounds = clip.audio.filter(f => f.timestamp >= 96_000 && f.timestamp < 240_000)
  assert.equal(movie.audio.length, sounds.length)
  assert.ok(Math.abs(movie.audio[0]!.pts - (sounds[0]!.timestamp - 96_000)) <= 48, 'to 1 ms')
  await house.recordings.stop(first.id)
})

test('a stream with B-frames keeps its presentation times', async () => {
  await using house = await House.open()
  const reordered = await encodedClip(6, { bframes: 2 })
  const { id } = await house.start()
  using publisher = house.publish({ of: reordered })
  house.play(publisher, -1000, 6100)
  const info = (await house.recordings.stop(id))!
  const movie = await probeMovie(house.fileOf(info))
  const zero = reordered.video[0]!.timestamp
  assert.deepEqual(movie.video.map(p => p.pts), reordered.video.map(f => f.timestamp - zero))
  assert.deepEqual(movie.video.map(p => p.dts), reordered.video.map(f => f.timestamp - f.compositionOffset - zero))
  assert.equal(movie.streams[0]!.has_b_frames, 2)
})

test('Opus, alone and with a publisher that says nothing about time', async () => {
  await using house = await House.open()
  const { audio, audioCodec } = await encodedOpus(3)
  const { id } = await house.start('speaker')
  using publisher = new ClipPublisher(house.room, { identity: 'speaker', audio: { codec: audioCodec, frames: audio }, wallMs: 0, timed: false })
  house.play(publisher, 0, 3000)
  const info = (await house.recordings.stop(id))!
  assert.deepEqual(info.parts[0]!.tracks, [{ kind: 'audio', codec: 'opus', clockRate: 48_000 }])
  const movie = await probeMovie(house.fileOf(info))
  assert.deepEqual(movie.audio.map(p => p.pts), audio.slice(0, 150).map(f => f.timestamp))
})

test('lost packets: what cannot be decoded is left out, a keyframe is asked for, and the gap is told', async () => {
  await using house = await House.open()
  const { id } = await house.start()
  using publisher = house.publish()
  let lost = 0
  house.play(publisher, 0, 6000, (packet, kind) => kind === 'video' && packet.timestamp === ((0xffff0000 + 100 * 3000) >>> 0) && lost++ === 0)
  const info = (await house.recordings.stop(id))!
  const movie = await probeMovie(house.fileOf(info))
  assert.deepEqual(movie.video.map(p => p.pts), [...clip.video.slice(0, 100), ...clip.video.slice(120)].map(f => f.timestamp))
  assert.equal(movie.audio.length, clip.audio.filter(f => f.timestamp < 288_000).length)
  assert.deepEqual(info.gaps, [{ fromMs: 3333, toMs: 4000, reason: 'packets were lost' }])
  assert.ok(publisher.keyframesWanted > 0)
  assert.equal(info.partial, false)
})

test('a participant that comes back within the grace goes on in the same file, with a gap', async () => {
  await using house = await House.open()
  const { id } = await house.start('camera')
  {
    using publisher = house.publish()
    house.play(publisher, 0, 2000)
  }
  house.clock.advance(3000)
  using again = house.publish()
  house.play(again, 0, 2000)
  const info = (await house.recordings.stop(id))!
  assert.equal(info.parts.length, 1)
  assert.deepEqual(info.gaps.map(({ reason }) => reason), ['the participant was away'])
  assert.ok(Math.abs(info.gaps[0]!.fromMs - 1980) < 30 && Math.abs(info.gaps[0]!.toMs - 5000) < 30, JSON.stringify(info.gaps))
  const movie = await probeMovie(house.fileOf(info))
  assert.deepEqual(movie.video.map(p => p.pts), [...clip.video.slice(0, 60).map(f => f.timestamp), ...clip.video.slice(0, 60).map(f => f.timestamp + 450_000)])
  assert.ok(Math.abs(info.durationMs - 7000) < 30)
})

test('whoever does not come back ends the recording', async () => {
  await using house = await House.open()
  const { id } = await house.start()
  {
    using publisher = house.publish()
    house.play(publisher, 0, 2000)
  }
  house.clock.advance(4900)
  assert.equal(house.recordings.get(id)!.state, 'active')
  house.clock.advance(200)
  const info = await house.finished(id)
  assert.deepEqual([info.state, info.partial, info.reason, info.gaps], ['completed', false, 'the participant left', []])
  assert.equal((await probeMovie(house.fileOf(info))).video.length, 60)
  assert.equal(house.bridge.sessions.size, 0)
})

test('another picture size goes on in another part', async () => {
  await using house = await House.open()
  const small = await encodedClip(3, { size: '640x360' })
  const { id } = await house.start()
  {
    using publisher = house.publish()
    house.play(publisher, 0, 2000)
  }
  house.clock.advance(1000)
  using again = house.publish({ of: small })
  house.play(again, 0, 2000)
  const info = (await house.recordings.stop(id))!
  assert.deepEqual(info.parts.map(({ index, tracks }) => [index, tracks.find(t => t.kind === 'video')?.width]), [[1, 1280], [2, 640]])
  assert.ok(Math.abs(info.parts[1]!.startMs - 3000) < 50, `${info.parts[1]!.startMs}`)
  assert.ok(Math.abs(info.durationMs - 5000) < 50)
  for (const part of [1, 2]) {
    const movie = await probeMovie(house.fileOf(info, part))
    assert.equal(movie.video.length, 60)
    assert.ok(movie.audio.length > 80)
  }
})

test('a track that comes later is in the same file from then on', async () => {
  await using house = await House.open()
  const { id } = await house.start()
  using publisher = new ClipPublisher(house.room, { video: { codec: clip.videoCodec, frames: clip.video }, wallMs: house.clock.wall() })
  house.play(publisher, 0, 3000)
  const sound = publisher.participant.publish(clip.audioCodec)
  sound.timeReference = { rtpTimestamp: 0, wallMs: WALL_MS }
  const packets = packetsOf(clip.audioCodec, clip.audio)
  for (let at = 3000; at < 5000; at += 40) {
    for (const [index, frame] of clip.audio.entries()) if (frame.timestamp / 48 >= at && frame.timestamp / 48 < at + 40) packets[index]!.forEach(packet => sound.write(packet))
    house.play(publisher, at, at + 40)
  }
  const info = (await house.recordings.stop(id))!
  assert.equal(info.parts.length, 1)
  const movie = await probeMovie(house.fileOf(info))
  assert.equal(movie.video.length, 150)
  assert.equal(movie.audio[0]!.pts, Math.ceil(144_000 / 1024) * 1024)
})

test('sound that no file can take is recorded as its Opus twin, if there can be one', async () => {
  const { audio, audioCodec } = await encodedOpus(2)
  const packets = packetsOf(audioCodec, audio)
  const transcode: Transcode = (from, to) => from.subscribe({
    write: packet => { for (const twin of packets[packet.sequenceNumber] ?? []) to.write(twin) },
    fail: error => { throw error }
  })
  await using house = await House.open({}, { transcode })
  const { id } = await house.start()
  using caller = house.room.join({ identity: 'caller', source: 'sip' })
  const track = caller.publish(codec('PCMU'))
  for (let index = 0; index < 100; index++) {
    track.write(RtpPacket.build({ payloadType: 0, marker: false, sequenceNumber: index, timestamp: index * 160, ssrc: 3 }, Buffer.alloc(160)))
    house.clock.advance(20)
  }
  const info = (await house.recordings.stop(id))!
  assert.deepEqual(info.parts[0]!.tracks.map(t => t.codec), ['opus'])
  assert.equal((await probeMovie(house.fileOf(info))).audio.length, 100)
  assert.equal(track.subscribers, 0)
})

test('a recording that grows too long goes on in another part, at a keyframe, and nothing is lost', async () => {
  await using house = await House.open({ maxPartMs: 1500 })
  const { id } = await house.start()
  using publisher = house.publish()
  house.play(publisher, 0, 6000)
  const info = (await house.recordings.stop(id))!
  assert.deepEqual(info.parts.map(part => part.startMs), [0, 2000, 4000])
  let sounds = 0
  for (const { index } of info.parts) {
    const movie = await probeMovie(house.fileOf(info, index))
    assert.equal(movie.video.length, 60)
    sounds += movie.audio.length
  }
  assert.equal(sounds, clip.audio.filter(f => f.timestamp < 288_000).length)
})

test('when the picture goes, another one of the same participant takes its place', async () => {
  await using house = await House.open()
  const { id } = await house.start()
  using publisher = house.publish()
  const screen = publisher.participant.publish(clip.videoCodec)
  screen.timeReference = { rtpTimestamp: 0, wallMs: WALL_MS }
  house.play(publisher, 0, 2000)
  publisher.participant.unpublish(publisher.video!)
  assert.equal(screen.subscribers, 1)
  for (const packet of packetsOf(clip.videoCodec, clip.video.slice(60, 90)).flat()) screen.write(packet)
  const info = (await house.recordings.stop(id))!
  assert.equal(info.parts.length, 1)
  assert.equal((await probeMovie(house.fileOf(info))).video.length, 90)
})

test('nobody comes, or stop comes first: the recording fails and says so', async () => {
  await using house = await House.open({ mediaTimeoutMs: 2000 })
  const lonely = await house.start()
  house.clock.advance(2100)
  const info = await house.finished(lonely.id)
  assert.deepEqual([info.state, info.errorCode, info.parts], ['failed', 'media_timeout', []])
  const hasty = await house.start()
  const stopped = (await house.recordings.stop(hasty.id))!
  assert.deepEqual([stopped.state, stopped.reason], ['failed', 'stopped; nothing had come yet'])
})

test('of several, the one with a picture is recorded; whoever is asked for wins', async () => {
  await using house = await House.open()
  const keep = await house.start('nobody')
  using _speaker = new ClipPublisher(house.room, { identity: 'speaker', audio: { codec: clip.audioCodec, frames: clip.audio }, wallMs: WALL_MS })
  using _camera = house.publish()
  const any = await house.start()
  const asked = await house.start('speaker')
  assert.deepEqual([house.recordings.get(any.id)!.participant, house.recordings.get(asked.id)!.participant, house.recordings.get(keep.id)!.participant], ['camera', 'speaker', 'nobody'])
})

test('what no file can take is left out, with advice', async () => {
  await using house = await House.open()
  const { id } = await house.start()
  using publisher = house.publish()
  publisher.participant.publish(codec('VP8'))
  const other = house.room.join({ identity: 'other', source: 'whip' })
  other.publish(codec('VP8'))
  const only = await house.start('other')
  const adviceOf = (recording: string) => [...house.bridge.sessions.values()].find(session => session.describe().externalId === recording)!.leg.stats().advice.map(a => a.code)
  assert.deepEqual(adviceOf(id), ['extra_track'])
  assert.deepEqual(adviceOf(only.id), ['codec_not_recorded'])
})

test('too little room on the disk: refused, and nothing is left of it', async () => {
  await using house = await House.open({ minFreeBytes: Number.MAX_SAFE_INTEGER, minFreeShare: 1 })
  await assert.rejects(house.start(), (error: AppError) => error.code === 'disk_full')
  assert.deepEqual(house.recordings.list({ limit: 10 }), [])
})

test('lists newest first, by pages, by room and state; deletes what has ended', async () => {
  await using house = await House.open()
  const ids: string[] = []
  for (let index = 0; index < 5; index++) {
    ids.unshift((await house.recordings.start({ room: `room-${index % 2}` })).id)
    await sleep(2)
  }
  await house.recordings.stop(ids[1]!)
  await house.recordings.stop(ids[3]!)
  const list = (query: Partial<Parameters<Recordings['list']>[0]>) => house.recordings.list({ limit: 10, ...query }).map(({ id }) => id)
  assert.deepEqual(list({}), ids)
  assert.deepEqual(list({ limit: 2 }), ids.slice(0, 2))
  assert.deepEqual(list({ limit: 2, after: ids[1]! }), ids.slice(2, 4))
  assert.deepEqual(list({ room: 'room-0' }), [ids[0], ids[2], ids[4]])
  assert.deepEqual(list({ state: 'failed' }), [ids[1], ids[3]])
  await assert.rejects(house.recordings.delete(ids[0]!), (error: AppError) => error.code === 'conflict')
  assert.equal(await house.recordings.delete(ids[1]!), true)
  assert.equal(await house.recordings.delete(ids[1]!), false)
  assert.equal(house.recordings.get(ids[1]!), undefined)
  await assert.rejects(stat(path.join(house.folder, ids[1]!)))
})

test('gives out files of its own only', async () => {
  await using house = await House.open()
  const { id } = await house.start()
  using publisher = house.publish()
  house.play(publisher, 0, 1000)
  const info = (await house.recordings.stop(id))!
  const file = (await house.recordings.file(id))!
  assert.deepEqual([file.path, file.size], [house.fileOf(info), info.sizeBytes])
  assert.equal(await house.recordings.file(id, 2), undefined)
  for (const bad of ['../../etc/passwd', '..', '.', '', 'rec_0', `${id}/..`, '%2e%2e', 'a'.repeat(300), 'x\0y']) assert.equal(await house.recordings.file(bad), undefined, bad)
  const outside = path.join(root, 'outside.mp4')
  await writeFile(outside, 'secret')
  await rm(house.fileOf(info))
  await symlink(outside, house.fileOf(info))
  assert.equal(await house.recordings.file(id), undefined)
})

test('a recording that ends by shutdown is finished', async () => {
  const house = await House.open()
  const { id } = await house.start()
  using publisher = house.publish()
  house.play(publisher, 0, 1000)
  await house.recordings[Symbol.asyncDispose]()
  const info = house.recordings.get(id)!
  assert.deepEqual([info.state, info.reason], ['completed', 'shutdown'])
  assert.equal((await probeMovie(house.fileOf(info))).video.length, 30)
  await house[Symbol.asyncDispose]()
})
