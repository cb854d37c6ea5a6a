import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { type AacStream, aacStream } from '../../../test/support/aac-frames.ts'
import { analyse } from '../../../test/support/content.ts'
import { matroska, type TimedFrame, type TrackEntry, opusTrack } from '../../../test/support/matroska.ts'
import { missing } from '../../../test/support/peers.ts'
import { until } from '../../../test/support/until.ts'
import { silentLogger } from '../../lib/log.ts'
import { type Codec, codec, opus } from '../codec.ts'
import type { RunningJob } from './job.ts'
import { MediaWorkers } from './pool.ts'

const skip = missing('ffmpeg')
/** Where the sound begins in the files we look at: Matroska has no negative times, and the first packet begins before the first sound. */
const START_MS = 1_000
const AUDIBLE_OFF_MS = 10

let folder = ''
before(async () => { folder = await mkdtemp(path.join(tmpdir(), 'auralink-worker-test-')) })
after(() => rm(folder, { recursive: true }))

const pool = (options: { size?: number } = {}): MediaWorkers => new MediaWorkers({ log: silentLogger, ...options })


type Collected = { job: RunningJob, packets: TimedFrame[], arrivals: number[], failures: string[] }

function collect (workers: MediaWorkers, from: Codec, to: Codec = opus): Collected {
  const packets: TimedFrame[] = []
  const arrivals: number[] = []
  const failures: string[] = []
  const job = workers.transcode({ from, to }, {
    packet: (time, data) => { packets.push({ time, data }); arrivals.push(performance.now()) },
    failed: error => { failures.push(error.code) }
  })
  return { job, packets, arrivals, failures }
}

/** Feeds as fast as the worker takes it, and waits until everything is out. */
async function feed ({ job, packets }: Collected, frames: AacStream['frames']): Promise<void> {
  for (const [index, { time, data }] of frames.entries()) {
    job.push(START_MS + time, data)
    if (index % 100 === 99) await until('the worker keeps up', () => (packets.at(-1)?.time ?? 0) > START_MS + time - 150)
  }
  await until('the last packet', () => (packets.at(-1)?.time ?? 0) > START_MS + frames.at(-1)!.time - 80)
}

async function contentOf (packets: readonly TimedFrame[], track?: TrackEntry): Promise<number[]> {
  const file = path.join(folder, `${Math.random()}.mka`)
  await writeFile(file, matroska(packets, track))
  return [...(await analyse(file)).beeps]
}

function assertBeeps (beeps: readonly number[], expectedSeconds: readonly number[], toleranceMs = AUDIBLE_OFF_MS): void {
  assert.equal(beeps.length, expectedSeconds.length, `beeps at ${beeps.join(', ')}`)
  for (const [index, at] of beeps.entries()) {
    const off = at * 1000 - START_MS - expectedSeconds[index]! * 1000
    assert.ok(Math.abs(off) <= toleranceMs, `beep ${index} is ${off} ms off`)
  }
}

const seconds = (count: number): number[] => Array.from({ length: count }, (_, second) => second)

for (const [rate, channels, length] of [[44100, 2, 60], [44100, 1, 5], [48000, 1, 5], [48000, 2, 5]] as const) {
  test(`AAC ${rate} Hz, ${channels} channel(s), to Opus: every beep of ${length} s at its time`, { skip }, async () => {
    const source = await aacStream(rate, channels, length)
    await using workers = pool()
    const heard = collect(workers, source.codec)
    await feed(heard, source.frames)
    for (const [index, { time }] of heard.packets.entries()) {
      if (index > 0) assert.equal(Math.round((time - heard.packets[index - 1]!.time) * 48), 960, 'no hole and no overlap')
    }
    assertBeeps(await contentOf(heard.packets), seconds(length))
    assert.equal(workers.stats().framesBroken, 0)
  })
}

test('lost frames leave a hole of their length, and what follows is in its place', { skip }, async () => {
  const source = await aacStream(44100, 2, 10)
  await using workers = pool()
  const heard = collect(workers, source.codec)
  const lost = (time: number): boolean => (time > 2_500 && time < 2_520) || (time > 4_800 && time < 6_500)
  await feed(heard, source.frames.filter(frame => !lost(frame.time)))
  assertBeeps(await contentOf(heard.packets), [0, 1, 2, 3, 4, 7, 8, 9])
})

test('a source whose clock runs 500 ppm fast is followed within 10 ms', { skip }, async () => {
  const source = await aacStream(48000, 2, 30)
  await using workers = pool()
  const heard = collect(workers, source.codec)
  await feed(heard, source.frames.map(({ time, data }) => ({ time: time * 1.0005, data })))
  assertBeeps(await contentOf(heard.packets), seconds(30).map(second => second * 1.0005))
})

for (const [name, frameMs, track] of [
  ['AAC', 1024 / 48, { codecId: 'A_AAC', sampleRate: 48_000, channels: 2, codecPrivate: Buffer.from([0x11, 0x90]) }],
  ['PCMU', 20, { codecId: 'A_MS/ACM', sampleRate: 8_000, channels: 1, codecPrivate: waveFormat(7, 8_000, 8_000) }],
  ['PCMA', 20, { codecId: 'A_MS/ACM', sampleRate: 8_000, channels: 1, codecPrivate: waveFormat(6, 8_000, 8_000) }],
  ['G722', 20, { codecId: 'A_MS/ACM', sampleRate: 16_000, channels: 1, codecPrivate: waveFormat(0x028f, 16_000, 8_000) }]
] as const) {
  test(`AAC to ${name} and on to Opus: the sound stays in its place both times`, { skip }, async () => {
    const source = await aacStream(44100, 2, 5)
    await using workers = pool()
    const first = collect(workers, source.codec, codec(name))
    await feed(first, source.frames)
    assert.ok(Math.abs((first.packets[1]!.time - first.packets[0]!.time) - frameMs) < 0.01)
    assertBeeps(await contentOf(first.packets, track), seconds(5))
    const config = name === 'AAC' ? { channels: 2, config: Buffer.from([0x11, 0x90]) } : {}
    const second = collect(workers, codec(name, config))
    await feed(second, first.packets.map(({ time, data }) => ({ time: time - START_MS, data })))
    assertBeeps(await contentOf(second.packets, opusTrack), seconds(5))
  })
}

/** WAVEFORMATEX of a codec of one channel. */
function waveFormat (tag: number, sampleRate: number, bytesPerSecond: number): Buffer {
  const bytes = Buffer.alloc(18)
  bytes.writeUInt16LE(tag, 0)
  bytes.writeUInt16LE(1, 2)
  bytes.writeUInt32LE(sampleRate, 4)
  bytes.writeUInt32LE(bytesPerSecond, 8)
  bytes.writeUInt16LE(1, 12)
  bytes.writeUInt16LE(tag === 0x028f ? 4 : 8, 14)
  return bytes
}
