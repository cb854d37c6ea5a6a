// CPU of recording without transcoding: ours, from RTP packets, against `ffmpeg -c copy`, from a file, to the same fragments.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Recordings } from '../src/legs/recorder/recordings.ts'
import { defaultRecorderSettings } from '../src/legs/recorder/settings.ts'
import { systemClock } from '../src/lib/clock.ts'
import { silentLogger } from '../src/lib/log.ts'
import { Bridge, localEngine } from '../src/room/bridge.ts'
import { ClipPublisher } from '../test/support/clip-publisher.ts'
import { encodedClip } from '../test/support/encoded.ts'
import { testClip } from '../test/support/ffmpeg.ts'

const RECORDINGS = Number(process.env['RECORDINGS'] ?? 20)
const SECONDS = Number(process.env['SECONDS_EACH'] ?? 60)
const STEP_MS = 100

const run = promisify(execFile)
const folder = await mkdtemp(path.join(process.env['BENCH_DIR'] ?? tmpdir(), 'auralink-bench-'))
const clip = await encodedClip(SECONDS)

async function ours (): Promise<number> {
  const journal = { roomChanged () {}, participantChanged () {}, sessionChanged () {} }
  await using bridge = new Bridge({ engine: localEngine, journal, log: silentLogger, limits: { sessions: 100, rooms: 100 } })
  const parts = { bridge, store: { save () {}, delete () {} }, log: silentLogger, clock: systemClock }
  await using recordings = await Recordings.open({ folder: path.join(folder, 'ours'), settings: defaultRecorderSettings }, parts)
  const ids: string[] = []
  const publishers: ClipPublisher[] = []
  for (let index = 0; index < RECORDINGS; index++) {
    ids.push((await recordings.start({ room: `room-${index}` })).id)
    const publisher = new ClipPublisher(bridge.room(`room-${index}`)!, {
      video: { codec: clip.videoCodec, frames: clip.video }, audio: { codec: clip.audioCodec, frames: clip.audio }, wallMs: Date.now()
    })
    for (const track of publisher.participant.tracks.values()) track.backlog = undefined // The publisher's cost, not the recorder's.
    publishers.push(publisher)
  }
  await breathe()
  globalThis.gc?.()
  const before = process.cpuUsage()
  for (let at = 0; at < SECONDS * 1000 + 1000; at += STEP_MS) {
    for (const publisher of publishers) publisher.play(at, at + STEP_MS)
    await breathe()
    while (queued(bridge) > 64 << 20) await breathe()
  }
  await Promise.all(ids.map(id => recordings.stop(id)))
  const { user, system } = process.cpuUsage(before)
  for (const id of ids) {
    const info = recordings.get(id)!
    if (info.state !== 'completed' || info.gaps.length > 0 || Math.abs(info.durationMs - SECONDS * 1000) > 100) throw new Error(`not a fair run: ${JSON.stringify(info)}`)
    await recordings.delete(id)
  }
  console.log(`  ours: user ${(user / 1000).toFixed(0)} ms, system ${(system / 1000).toFixed(0)} ms`)
  return (user + system) / 1000 / (RECORDINGS * SECONDS)
}

const queued = (bridge: Bridge): number => [...bridge.sessions.values()].reduce((sum, session) => sum + Number(session.leg.stats().detail['queuedBytes']), 0)

/** One process for each, one after the other, as an egress worker would run them; without and with their start-up. */
async function ffmpeg (seconds: number, count: number): Promise<number> {
  const input = await testClip(seconds)
  const out = path.join(folder, 'ffmpeg.mp4')
  const script = `TIMEFORMAT='%U %S'; time for i in $(seq ${count}); do ffmpeg -v error -y -i "$0" -c copy -movflags +frag_keyframe+empty_moov+default_base_moof -frag_duration 500000 -flush_packets 1 "$1"; done`
  const { stderr } = await run('bash', ['-c', script, input, out])
  const [user = 0, system = 0] = stderr.trim().split(/\s+/).map(Number)
  console.log(`  ffmpeg: user ${(user * 1000).toFixed(0)} ms, system ${(system * 1000).toFixed(0)} ms (${count} × ${seconds} s)`)
  return (user + system) * 1000 / count
}

try {
  for (let round = 0; round < Number(process.env['ROUNDS'] ?? 3); round++) {
    const mine = await ours()
    const startUp = await ffmpeg(1, RECORDINGS)
    const whole = await ffmpeg(SECONDS, RECORDINGS)
    const marginal = (whole - startUp) / (SECONDS - 1)
    console.log(JSON.stringify({ oursMsPerSecond: +mine.toFixed(3), ffmpegMsPerSecond: +(whole / SECONDS).toFixed(3), ffmpegWithoutStartUp: +marginal.toFixed(3), ratio: +(mine / (whole / SECONDS)).toFixed(2), ratioWithoutStartUp: +(mine / marginal).toFixed(2) }))
  }
} finally {
  await rm(folder, { recursive: true })
}
