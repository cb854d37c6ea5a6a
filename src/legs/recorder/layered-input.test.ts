// A publisher's layers come and go; what is recorded goes on.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { encodedClip, packetsOf } from '../../../test/support/encoded.ts'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { probeMovie } from '../../../test/support/movie.ts'
import { silentLogger } from '../../lib/log.ts'
import { codec } from '../../media/codec.ts'
import { Bridge, localEngine } from '../../room/bridge.ts'
import { Track } from '../../room/track.ts'
import { Recordings } from './recordings.ts'
import { defaultRecorderSettings } from './settings.ts'

const WALL_MS = Date.UTC(2026, 0, 1)
const MAX_GAP_MS = 2000
const SECONDS = 24
const common = { fps: 25, gopSeconds: 0.4, bitrate: 200_000 }
const clips = [await encodedClip(SECONDS, { ...common, size: '160x90' }), await encodedClip(SECONDS, { ...common, size: '320x180' })]
/** As browsers: each layer has a source, and a timestamp to begin with, of its own. */
const shifts = [1_000_000, 0xffff_0000]

/** Records 24 s of a picture in two layers. @param flows which of them come at a moment (ms) */
async function record (flows: (layer: number, at: number) => boolean): Promise<{ parts: { width: number | undefined, startMs: number, frames: number, durationMs: number }[], gaps: readonly { fromMs: number, toMs: number }[] }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-layers-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(folder, { recursive: true }))
  const clock = new ManualClock(WALL_MS)
  const journal = { roomChanged () {}, participantChanged () {}, sessionChanged () {} }
  const bridge = stack.use(new Bridge({ engine: localEngine, journal, log: silentLogger, limits: { sessions: 10, rooms: 10 } }))
  const recordings = stack.use(await Recordings.open({ folder, settings: { ...defaultRecorderSettings, minFreeBytes: 0 } }, { bridge, store: { save () {}, delete () {} }, log: silentLogger, clock }))
  const { id } = await recordings.start({ room: 'stage' })
  using publisher = bridge.room('stage')!.join({ identity: 'camera', source: 'whip' })
  const best = publisher.publish(codec('H264'))
  const tracks = [new Track(codec('H264'), `${best.id}~q`), best]
  best.layers = tracks
  tracks.forEach((track, layer) => { track.timeReference = { rtpTimestamp: shifts[layer]!, wallMs: WALL_MS } })
  const packets = clips.map(({ video }, layer) => packetsOf(codec('H264'), video, { shiftTicks: shifts[layer]!, ssrc: 10 + layer }))
  for (let frame = 0; frame < SECONDS * common.fps; frame++) {
    const at = frame * 1000 / common.fps
    for (const [layer, track] of tracks.entries()) if (flows(layer, at)) for (const packet of packets[layer]![frame]!) track.write(packet)
    clock.advance(1000 / common.fps)
  }
  const info = (await recordings.stop(id))!
  const parts = []
  for (const { file, tracks: [picture], startMs, durationMs } of info.parts) {
    parts.push({ width: picture?.width, startMs, durationMs, frames: (await probeMovie(path.join(folder, id, file))).video.length })
  }
  return { parts, gaps: info.gaps }
}

test('when the best layer stops for 10 s the recording goes on with the next, and returns to the best', async t => {
  const { parts, gaps } = await record((layer, at) => layer === 0 || at < 5000 || at >= 15_000)
  t.diagnostic(JSON.stringify({ parts, gaps }))
  assert.deepEqual(parts.map(({ width }) => width), [320, 160, 320])
  assert.ok(gaps.every(({ fromMs, toMs }) => toMs - fromMs <= MAX_GAP_MS), JSON.stringify(gaps))
  assert.equal(gaps.length, 1, 'one when the layer stopped; the way back is without a seam')
  const [, low, high] = parts
  assert.ok(low!.startMs <= 5000 + MAX_GAP_MS, `${low!.startMs}`)
  assert.ok(high!.startMs >= 15_000 + 3000 && high!.startMs <= 15_000 + 5000, `${high!.startMs}`)
  for (const { frames, durationMs } of parts) assert.ok(Math.abs(frames - durationMs * common.fps / 1000) <= 1, `${frames} frames in ${durationMs} ms`)
})

test('layers that begin lowest first, as browsers begin them, are one file of the best', async () => {
  const { parts, gaps } = await record((layer, at) => layer === 0 || at > 1500)
  assert.deepEqual([parts.map(({ width }) => width), gaps], [[320], []])
})

test('where the best layer never comes, the next is recorded', async () => {
  const { parts } = await record(layer => layer === 0)
  assert.deepEqual(parts.map(({ width }) => width), [160])
  assert.ok(parts[0]!.durationMs >= (SECONDS - 4) * 1000, `${parts[0]!.durationMs} ms`)
})

test('a layer that stutters does not begin a file each time', async () => {
  const { parts } = await record((layer, at) => layer === 0 || at < 5000 || Math.floor(at / 1500) % 2 === 0)
  assert.deepEqual(parts.map(({ width }) => width), [320, 160])
})
