import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { probeMovie } from '../../../test/support/movie.ts'
import { random } from '../../../test/support/mutate.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLogger } from '../../lib/log.ts'
import { MovieWriter } from '../../media/mp4/movie-writer.ts'
import { printOpus } from '../../media/mp4/sample-entry.ts'
import type { RecordingInfo } from './info.ts'
import { Recordings } from './recordings.ts'
import { defaultRecorderSettings } from './settings.ts'

const root = await mkdtemp(path.join(tmpdir(), 'auralink-recovery-'))
test.after(() => rm(root, { recursive: true }))

const KILLS = 3
/** Also the longest fragment that the setting allows: the process under test has it. */
const MAX_LOST_MS = 1000
const recorder = path.join(import.meta.dirname, '../../../test/support/recorder-process.ts')
const nobody = { bridge: { admit: () => Promise.reject(new Error('nothing is recorded here')) }, log: silentLogger, clock: systemClock }

type Victim = { readonly folder: string, readonly id: string, readonly receivedMs: number, readonly child: ChildProcess }

/** Lets a process record for so long, and kills it as a power cut would: nothing of it runs after that. */
async function recordAndKill (ms: number, signal: 'SIGKILL' | 'SIGSTOP' = 'SIGKILL'): Promise<Victim> {
  const folder = await mkdtemp(path.join(root, 'killed-'))
  const child = spawn(process.execPath, [recorder, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { said += text })
  while (said.split('\n').length < 3) await sleep(20)
  await sleep(ms)
  child.kill(signal)
  if (signal === 'SIGKILL') await new Promise(resolve => child.once('close', resolve))
  const lines = said.trim().split('\n')
  return { folder, id: lines[0]!, receivedMs: Number(lines.at(-1)), child }
}

async function openAgain (folder: string, saved: RecordingInfo[] = []): Promise<Recordings> {
  const store = { save: (info: RecordingInfo) => { saved.push(info) }, delete () {} }
  return await Recordings.open({ folder, settings: { ...defaultRecorderSettings, fragmentMs: MAX_LOST_MS } }, { ...nobody, store })
}

test(`killed ${KILLS} times at random moments: at most a second is lost, the rest is finished and plays`, async () => {
  const pick = random(Date.now())
  for (let kill = 0; kill < KILLS; kill++) {
    const { folder, id, receivedMs } = await recordAndKill(1500 + pick(2500))
    const saved: RecordingInfo[] = []
    await using recordings = await openAgain(folder, saved)
    assert.equal(recordings.get(id)!.state, 'stopping', 'listed at once, finished in the background')
    await recordings.recovered
    const info = recordings.get(id)!
    assert.deepEqual([info.state, info.partial, info.reason, info.participant], ['completed', true, 'the service stopped without warning', 'camera'])
    const lostMs = receivedMs - info.durationMs
    assert.ok(lostMs <= MAX_LOST_MS, `${lostMs} ms are lost of ${receivedMs}`)
    const movie = await probeMovie(path.join(folder, id, info.parts[0]!.file))
    assert.ok(Math.abs(movie.seconds * 1000 - info.durationMs) <= 1)
    assert.ok(movie.video.length >= (receivedMs - MAX_LOST_MS) / 1000 * 30)
    assert.equal(info.gaps.length, 1)
    assert.ok(info.gaps[0]!.fromMs === info.durationMs && info.gaps[0]!.toMs >= receivedMs - 100 && info.gaps[0]!.toMs < receivedMs + 1000, JSON.stringify({ receivedMs, gaps: info.gaps }))
    assert.deepEqual(saved.map(i => i.state), ['stopping', 'completed'])
    assert.deepEqual((await readdir(folder)).filter(name => name.startsWith('.')).length, 1, 'the mark of the dead is gone')
  }
})

test('a living process keeps its recordings', async () => {
  const { folder, id, child } = await recordAndKill(1500, 'SIGSTOP')
  {
    const before = await stat(path.join(folder, id, `${id}.mp4`))
    await using recordings = await openAgain(folder)
    await recordings.recovered
    assert.equal(recordings.get(id)!.state, 'active')
    assert.equal((await stat(path.join(folder, id, `${id}.mp4`))).size, before.size)
  }
  child.kill('SIGKILL')
  await new Promise(resolve => child.once('close', resolve))
  await using recordings = await openAgain(folder)
  await recordings.recovered
  assert.equal(recordings.get(id)!.state, 'completed')
})

test('cut anywhere, damaged, half finished or empty: finished as far as it goes, or said to have failed', async () => {
  const { folder, id } = await recordAndKill(3500)
  const name = `${id}.mp4`
  const { size } = await stat(path.join(folder, id, name))
  const recovered = async (injure: (file: string, recording: string) => Promise<void>): Promise<{ info: RecordingInfo, file: string }> => {
    const copy = await mkdtemp(path.join(root, 'copy-'))
    await cp(folder, copy, { recursive: true })
    await injure(path.join(copy, id, name), path.join(copy, id))
    await using recordings = await openAgain(copy)
    await recordings.recovered
    return { info: recordings.get(id)!, file: path.join(copy, id, name) }
  }
  const pick = random(5)
  for (let at = 0; at < 6; at++) {
    const { info, file } = await recovered(whole => truncate(whole, Math.floor(size / 2) + pick(Math.floor(size / 2))))
    assert.equal(info.state, 'completed')
    assert.ok(Math.abs((await probeMovie(file)).seconds * 1000 - info.durationMs) <= 1)
  }
  const torn = await recovered(async whole => {
    await using handle = await open(whole, 'r+')
    await handle.write(Buffer.alloc(4096), 0, 4096, size - 5000) // As ext4 leaves a tail after a power failure.
  })
  assert.equal(torn.info.state, 'completed')
  const empty = await recovered(whole => truncate(whole, 0))
  assert.deepEqual([empty.info.state, empty.info.parts], ['failed', []])
  const garbage = await recovered(whole => writeFile(whole, Buffer.alloc(9000, 'garbage')))
  assert.equal(garbage.info.state, 'failed')
  const withoutManifest = await recovered((_, recording) => writeFile(path.join(recording, 'recording.json'), '{"version": 1'))
  assert.deepEqual([withoutManifest.info.state, withoutManifest.info.partial, withoutManifest.info.room], ['completed', true, ''])
})

test('killed between the end of the file and the end of its manifest: the file is left as it is', async () => {
  const { folder, id } = await recordAndKill(1500)
  const manifest = path.join(folder, id, 'recording.json')
  const left = await readFile(manifest, 'utf8')
  let info: RecordingInfo
  {
    await using recordings = await openAgain(folder)
    await recordings.recovered
    info = recordings.get(id)!
  }
  const finished = await readFile(path.join(folder, id, `${id}.mp4`))
  await writeFile(manifest, left)
  await using recordings = await openAgain(folder)
  await recordings.recovered
  assert.deepEqual(recordings.get(id)!.parts, info.parts)
  assert.deepEqual(await readFile(path.join(folder, id, `${id}.mp4`)), finished)
})

test('hours are finished in a moment', async () => {
  const { folder, id } = await recordAndKill(100)
  const file = path.join(folder, id, `${id}.mp4`)
  const hours = 2
  await writeFile(file, longMovie(hours * 3600))
  await using recordings = await openAgain(folder)
  await recordings.recovered
  const info = recordings.get(id)!
  assert.deepEqual([info.state, info.durationMs], ['completed', hours * 3_600_000])
})

/** Half a second a fragment; what the samples hold is nobody's business here. */
function longMovie (seconds: number): Buffer {
  const writer = new MovieWriter(new Date())
  const track = writer.track({ kind: 'audio', codec: 'opus', timescale: 48_000, sampleEntry: printOpus(2), width: 0, height: 0, usualDuration: 960 })
  const bytes: Buffer[] = []
  for (let frame = 0; frame < seconds * 50; frame++) {
    track.add(frame * 960, 0, true, [Buffer.alloc(20)])
    if (frame % 25 === 24) bytes.push(...(frame === seconds * 50 - 1 ? writer.cutLast() : writer.cut())!.buffers)
  }
  return Buffer.concat(bytes)
}
