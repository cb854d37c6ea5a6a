// CPU of turning AAC into Opus: our media worker against the ffmpeg program with the same encoder, bit rate and complexity.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { silentLogger } from '../src/lib/log.ts'
import { opus } from '../src/media/codec.ts'
import { encoderFormats } from '../src/media/worker/audio-formats.ts'
import { MediaWorkers } from '../src/media/worker/pool.ts'
import { type AacStream, adtsStream } from '../test/support/aac-frames.ts'
import { until } from '../test/support/until.ts'
import { usageOf } from './harness/process-tree.ts'
import { atMost, type Bench, type Report, round } from './harness/report.ts'
import { inTurn, ROUNDS } from './harness/rounds.ts'

const SECONDS = 120
const WARM_SECONDS = 20

/** Children's CPU time, counted by the kernel when they end; in ms. */
function cpuOf (...command: [string, ...string[]]): number {
  const script = 'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>&1'
  const output = execFileSync('bash', ['-c', `{ ${script}; } 2>&1`, 'bash', ...command], { encoding: 'utf8' })
  const [user = 0, system = 0] = output.trim().split(/\s+/).map(Number)
  return (user + system) * 1000
}

/** CPU of one worker for each second of media, once it runs. */
async function ours (source: AacStream): Promise<{ cpuMs: number }> {
  await using workers = new MediaWorkers({ log: silentLogger, size: 1 })
  let reached = -Infinity
  using job = workers.transcode({ from: source.codec, to: opus }, { packet: time => { reached = time }, failed: error => { throw error } })
  const feed = async (from: number, to: number): Promise<void> => {
    for (const { time, data } of source.frames.filter(frame => frame.time >= from && frame.time < to)) {
      job.push(time, data)
      if (time - reached > 4_000) await until('the worker keeps up', () => time - reached < 2_000 || time < 2_000)
    }
    await until('the end', () => reached >= to - 100)
  }
  await feed(-Infinity, WARM_SECONDS * 1000)
  const { pid } = workers.stats().workers[0]!
  const before = usageOf(pid!).cpuMs
  await feed(WARM_SECONDS * 1000, SECONDS * 1000)
  return { cpuMs: (usageOf(pid!).cpuMs - before) / (SECONDS - WARM_SECONDS) }
}

function ffmpeg (file: string): { cpuMs: number } {
  const { bitRate, options } = encoderFormats.opus!
  const convert = (seconds: number): number => cpuOf('ffmpeg', '-v', 'error', '-nostdin', '-threads', '1', '-t', String(seconds), '-i', file, '-c:a', 'libopus', '-b:a', String(bitRate),
    '-compression_level', options!.compression_level!, '-ar', '48000', '-ac', '2', '-threads', '1', '-f', 'null', '-')
  return { cpuMs: (convert(SECONDS) - convert(WARM_SECONDS)) / (SECONDS - WARM_SECONDS) }
}

async function run (): Promise<Report> {
  const folder = mkdtempSync(path.join(tmpdir(), 'auralink-bench-'))
  try {
    const file = path.join(folder, 'source.aac')
    execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', `anoisesrc=c=pink:a=0.3:d=${SECONDS}:r=44100,tremolo=f=3:d=0.8,aformat=channel_layouts=stereo`, '-c:a', 'aac', '-b:a', '128k', file])
    const source = adtsStream(readFileSync(file), 44100, 2)
    const medians = await inTurn([{ name: 'ours', measure: () => ours(source) }, { name: 'ffmpeg', measure: async () => ffmpeg(file) }], Math.max(ROUNDS, 8))
    const [mine, theirs] = [medians.get('ours')!.cpuMs, medians.get('ffmpeg')!.cpuMs]
    return {
      title: 'AAC 44.1 kHz stereo to Opus 96 kbit/s: CPU for one second of sound',
      method: 'One worker fed as fast as it takes it, warm, against `ffmpeg -c:a libopus` less its start-up; tremolo noise; the same complexity; medians.',
      rows: [{ what: 'ours', 'CPU ms/s': round(mine) }, { what: 'ffmpeg', 'CPU ms/s': round(theirs) }],
      targets: [atMost('ours compared with ffmpeg', mine / theirs, 1, 'x')]
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export const bench: Bench = { name: 'transcode', run }
