import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClipPublisher } from '../../../test/support/clip-publisher.ts'
import { encodedClip } from '../../../test/support/encoded.ts'
import { probeMovie } from '../../../test/support/movie.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLogger } from '../../lib/log.ts'
import { printOpus } from '../../media/mp4/sample-entry.ts'
import { scan } from '../../media/mp4/scan.ts'
import { Bridge, localEngine } from '../../room/bridge.ts'
import { Flusher } from './movie-file.ts'
import { Part, type Sample } from './part.ts'
import { Recordings } from './recordings.ts'
import { defaultRecorderSettings } from './settings.ts'

const folder = await mkdtemp(path.join(tmpdir(), 'auralink-disk-'))
test.after(() => rm(folder, { recursive: true }))

const MiB = 1 << 20

/** A disk of 3 MiB; undefined for whoever may not mount one. */
function smallDisk (): { path: string } & Disposable | undefined {
  const at = path.join(folder, 'small')
  try {
    execFileSync('mkdir', [at])
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', at], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  return { path: at, [Symbol.dispose]: () => { execFileSync('umount', [at]); execFileSync('rmdir', [at]) } }
}

for (const [what, minFreeBytes] of [['runs full', 0], ['has little room left', MiB]] as const) {
  test(`a disk that ${what} ends the recording; what is there plays`, async context => {
    using disk = smallDisk()
    if (!disk) return context.skip('needs to be root, to mount a small disk')
    const clip = await encodedClip(30)
    const journal = { roomChanged () {}, participantChanged () {}, sessionChanged () {} }
    await using bridge = new Bridge({ engine: localEngine, journal, log: silentLogger, limits: { sessions: 10, rooms: 10 } })
    const settings = { ...defaultRecorderSettings, minFreeBytes, minFreeShare: 1 }
    await using recordings = await Recordings.open({ folder: path.join(disk.path, 'recordings'), settings }, { bridge, store: { save () {}, delete () {} }, log: silentLogger, clock: systemClock })
    const { id } = await recordings.start({ room: 'stage' })
    using publisher = new ClipPublisher(bridge.room('stage')!, { video: { codec: clip.videoCodec, frames: clip.video }, audio: { codec: clip.audioCodec, frames: clip.audio }, wallMs: Date.now() })
    for (let at = 0; at < 30_000 && recordings.get(id)!.state !== 'completed'; at += 100) {
      publisher.play(at, at + 100)
      await sleep(20)
    }
    const info = recordings.get(id)!
    assert.deepEqual([info.state, info.partial, info.errorCode], ['completed', true, 'disk_full'])
    const movie = await probeMovie(path.join(disk.path, 'recordings', id, info.parts[0]!.file))
    assert.ok(movie.video.length > 90, `${movie.video.length} pictures`)
    assert.ok(Math.abs(movie.seconds * 1000 - info.durationMs) <= 1)
  })
}

test('a disk that does not keep up costs a gap, not the memory', async () => {
  const file = path.join(folder, 'slow.mp4')
  const gaps: [number, number][] = []
  const part = new Part({
    index: 1, name: 'slow.mp4', path: file, createdAt: new Date(), fragmentMs: 500, clock: systemClock, flusher: new Flusher(),
    onOverrun: (from, to) => gaps.push([from, to]), onFailure: error => { throw error }
  })
  const format = { kind: 'video', codec: 'H264', timescale: 90_000, sampleEntry: printOpus(1), width: 2, height: 2, usualDuration: 3000 } as const
  const picture = Buffer.alloc(400_000)
  const sample = (index: number): Sample => ({ format, ticks: index * 3000, compositionOffset: 0, keyframe: index % 30 === 0, units: [picture] })
  let index = 0
  for (; index < 600; index++) part.add(sample(index)) // 240 MB while the disk has had no chance to take one byte.
  assert.ok(part.queuedBytes < 48 * MiB, `${part.queuedBytes / MiB} MiB`)
  while (part.queuedBytes > 0) await sleep(10)
  for (; index < 700; index++) part.add(sample(index))
  const info = (await part.finish())!
  assert.equal(gaps.length, 1)
  const [from, to] = gaps[0]!
  assert.ok(from > 2000 && from < 6000 && to === 20_000, JSON.stringify(gaps))
  await using handle = await open(file)
  const bytes = await handle.readFile()
  const found = await scan({ size: bytes.length, read: async (position, length) => bytes.subarray(position, position + length) })
  assert.deepEqual([found.finished, Math.round(found.durationMs), info.durationMs], [true, Math.round(700 / 30 * 1000), Math.round(700 / 30 * 1000)])
})
