import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { type Encoded, encodedClip, encodedOpus } from '../../../test/support/encoded.ts'
import { type ProbedMovie, probeMovie } from '../../../test/support/movie.ts'
import { mutated, random } from '../../../test/support/mutate.ts'
import { ProtocolError } from '../../lib/errors.ts'
import type { Codec } from '../codec.ts'
import type { Frame } from '../frame.ts'
import { NalType, nalTypeOf, parseSps } from '../h264.ts'
import { type Ending, printEnding } from './ending.ts'
import { MovieWriter } from './movie-writer.ts'
import { printAvc1, printMp4a, printOpus } from './sample-entry.ts'
import { type ByteSource, scan } from './scan.ts'
import type { TrackFormat, TrackWriter } from './track-writer.ts'

const folder = await mkdtemp(path.join(tmpdir(), 'auralink-mp4-'))
test.after(() => rm(folder, { recursive: true }))

const FRAGMENT_MS = 500
const createdAt = new Date('2026-11-22T10:00:00Z')

function videoFormat ({ avc }: Encoded): TrackFormat {
  const { width, height } = parseSps(avc.sps[0]!)
  return { kind: 'video', codec: 'H264', timescale: 90_000, sampleEntry: printAvc1(avc, width, height), width, height, usualDuration: 3000 }
}

function audioFormat ({ name, clockRate, channels = 2, config }: Codec): TrackFormat {
  const sampleEntry = name === 'opus' ? printOpus(channels) : printMp4a(config!, channels, clockRate)
  return { kind: 'audio', codec: name, timescale: clockRate, sampleEntry, width: 0, height: 0, usualDuration: name === 'opus' ? 960 : 1024 }
}

type Written = { readonly fragments: readonly Buffer[], readonly growing: Buffer, readonly finished: Buffer }

/** Writes frames in the order of their times; audio begins `audioLateMs` after video. */
function write (clip: Encoded, audio: readonly Frame[], audioCodec: Codec, { audioLateMs = 0, startMs = 0, hole = [0, 0] } = {}): Written {
  const writer = new MovieWriter(createdAt)
  const zero = clip.video[0]!.timestamp
  const late = Math.round(audioLateMs * audioCodec.clockRate / 1000)
  const sound = writer.track(audioFormat(audioCodec))
  const picture = writer.track(videoFormat(clip))
  const samples = [...timed(picture, clip.video, 90, startMs * 90 - zero), ...timed(sound, audio, audioCodec.clockRate / 1000, startMs * audioCodec.clockRate / 1000 + late)]
    .filter(({ ms }) => ms < hole[0]! || ms >= hole[1]!).sort((a, b) => a.decodeMs - b.decodeMs)
  const fragments: Buffer[] = []
  const cut = (last: boolean): void => {
    const fragment = last ? writer.cutLast() : writer.cut()
    if (!fragment) return
    const bytes = Buffer.concat(fragment.buffers)
    assert.equal(bytes.length, fragment.bytes)
    fragments.push(bytes)
    for (const buffer of fragment.buffers) buffer.fill(0xee) // Whoever still reads released memory must fail.
    fragment.release()
  }
  for (const { track, frame, pts } of samples) {
    const units = frame.units.filter(unit => track !== picture || (nalTypeOf(unit) !== NalType.sps && nalTypeOf(unit) !== NalType.pps))
    track.add(pts, frame.compositionOffset, frame.keyframe, units)
    if (writer.pendingMs >= FRAGMENT_MS) cut(false)
  }
  cut(true)
  const growing = Buffer.concat(fragments)
  assert.equal(writer.position, growing.length)
  return { fragments, growing, finished: finish(growing, writer.ending()) }
}

function timed (track: TrackWriter, frames: readonly Frame[], ticksPerMs: number, shift: number) {
  return frames.map(frame => {
    const pts = frame.timestamp + shift
    return { track, frame, pts, ms: pts / ticksPerMs, decodeMs: (pts - frame.compositionOffset) / ticksPerMs }
  })
}

function finish (growing: Buffer, { movie, header, headerOffset }: Ending): Buffer {
  const file = Buffer.concat([growing, movie])
  header.copy(file, headerOffset)
  return file
}

async function judge (name: string, bytes: Buffer): Promise<ProbedMovie> {
  const file = path.join(folder, name)
  await writeFile(file, bytes)
  return await probeMovie(file)
}

const memory = (bytes: Buffer): ByteSource => ({ size: bytes.length, read: async (position, length) => {
  assert.ok(position >= 0 && position + length <= bytes.length, 'reads inside the file')
  return bytes.subarray(position, position + length)
} })

const plain = await encodedClip(6)
const reordered = await encodedClip(6, { bframes: 2 })
const sounds = await encodedOpus(6)

for (const [what, clip, audio, audioCodec] of [
  ['AAC', plain, plain.audio, plain.audioCodec],
  ['Opus', plain, sounds.audio, sounds.audioCodec],
  ['B-frames', reordered, reordered.audio, reordered.audioCodec]
] as const) {
  for (const form of ['growing', 'finished'] as const) {
    test(`H.264 with ${what}, ${form}: decodes cleanly, every sample at its time`, async () => {
      const written = write(clip, audio, audioCodec, { audioLateMs: 10, startMs: 1234 })
      const { streams, seconds, video, audio: heard } = await judge(`${what}-${form}.mp4`, written[form])
      const zero = clip.video[0]!.timestamp
      assert.deepEqual(video.map(p => p.pts), clip.video.map(f => f.timestamp - zero))
      assert.deepEqual(video.map(p => p.dts), clip.video.map(f => f.timestamp - zero - f.compositionOffset))
      assert.deepEqual(video.map(p => p.flags.startsWith('K')), clip.video.map(f => f.keyframe))
      assert.deepEqual(heard.map(p => p.pts), audio.map(f => f.timestamp + 480))
      assert.deepEqual(streams.map(s => [s.codec_name, s.nb_read_frames]), [[what === 'Opus' ? 'opus' : 'aac', String(audio.length)], ['h264', String(clip.video.length)]])
      assert.equal(streams[1]!.has_b_frames, what === 'B-frames' ? 2 : 0)
      const expected = Math.max(6, (audio.length * (what === 'Opus' ? 960 : 1024) + 480) / 48_000)
      const tolerance = form === 'finished' ? 0.001 : 0.011 // Without a movie duration ffprobe forgets that the sound begins late.
      assert.ok(Math.abs(seconds - expected) < tolerance, `${seconds} s`)
    })
  }
}

test('a hole in time: the last picture and sound before it last until the next', async () => {
  const { finished, growing } = write(plain, plain.audio, plain.audioCodec, { hole: [2000, 4000] })
  for (const [name, bytes] of [['hole.mp4', finished], ['hole-growing.mp4', growing]] as const) {
    const { video, audio } = await judge(name, bytes)
    assert.equal(video.length, 120)
    assert.equal(video[60]!.pts - video[59]!.pts, 2.0 * 90_000 + 3000)
    assert.ok(audio.every(packet => packet.pts % 1024 === 0))
  }
})

test('a track that comes later begins at its time, in the growing file behind a second movie box', async () => {
  const { finished, growing } = write(plain, plain.audio, plain.audioCodec, { audioLateMs: 3000 })
  const { audio, streams } = await judge('late.mp4', finished)
  assert.equal(audio[0]!.pts, 144_000)
  assert.equal(streams.length, 2)
  const scanned = await scan(memory(growing))
  assert.equal(scanned.end, growing.length)
  assert.equal(scanned.tables.get(1)!.count, plain.audio.length)
})

test('what lies in memory between two fragments is bounded and used again', () => {
  const writer = new MovieWriter(createdAt)
  const track = writer.track(audioFormat(plain.audioCodec))
  const seen = new Set<ArrayBufferLike>()
  for (const frame of plain.audio) {
    track.add(frame.timestamp, 0, true, frame.units)
    if (writer.pendingMs < 100) continue
    const fragment = writer.cut()!
    seen.add(fragment.buffers.at(-1)!.buffer)
    fragment.release()
  }
  assert.ok(seen.size <= 3, `${seen.size} buffers`)
})

test('cut off at every fragment, and at random bytes: everything whole is found again, and can be finished', async () => {
  const { fragments, growing } = write(reordered, reordered.audio, reordered.audioCodec)
  const ends = fragments.map((_, index) => fragments.slice(0, index + 1).reduce((sum, fragment) => sum + fragment.length, 0))
  const pick = random(7)
  const cuts = [...ends, ...Array.from({ length: 200 }, () => ends[0]! + pick(growing.length - ends[0]!))]
  for (const cut of cuts) {
    const found = await scan(memory(growing.subarray(0, cut)))
    assert.equal(found.finished, false)
    assert.equal(found.end, ends.findLast(end => end <= cut))
    assert.equal(found.fragments, ends.indexOf(found.end) + 1)
  }
  for (const cut of cuts.slice(2, cuts.length).filter((_, index) => index % 40 === 0)) {
    const bytes = growing.subarray(0, cut)
    const found = await scan(memory(bytes))
    const { video } = await judge(`cut-${cut}.mp4`, finish(bytes.subarray(0, found.end), printEnding(found)))
    assert.equal(video.length, found.tables.get(2)!.count)
  }
})

test('a finished file is recognised, with its length', async () => {
  const { finished } = write(plain, plain.audio, plain.audioCodec)
  const found = await scan(memory(finished))
  assert.deepEqual([found.finished, found.durationMs, found.tracks.length, found.end], [true, 6037, 2, finished.length])
})

test('damaged files are refused or cut short, never worse', async () => {
  const { growing, finished } = write(plain, plain.audio.slice(0, 40), plain.audioCodec)
  const small = (bytes: Buffer): Buffer => bytes.subarray(0, 60_000)
  for (const bytes of mutated([small(growing), finished.subarray(-6000), growing.subarray(0, 1500)], { count: 3000, seed: 3 })) {
    try {
      const found = await scan(memory(bytes))
      assert.ok(found.end <= bytes.length)
      if (!found.finished) printEnding(found)
    } catch (error) {
      assert.ok(error instanceof ProtocolError, `broken by ${bytes.toString('hex').slice(0, 4000)}: ${error}`)
    }
  }
})
