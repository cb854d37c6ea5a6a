import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ffmpeg } from './ffmpeg.ts'
import { matroska, type TimedFrame } from './matroska.ts'

const SAMPLE_RATE = 48_000
const WINDOW_MS = 50
/** The part of a window's samples that must swing at a frequency for it to be heard. */
const AUDIBLE_AMPLITUDE = 0.02

/** Which of some frequencies (Hz) sound, window by window of 50 ms. @param at in ms from the first frame */
export type Heard = { readonly at: number, readonly tones: readonly number[] }

/** Decodes Opus frames with ffmpeg and says which tones are in them. */
export async function tonesIn (frames: readonly TimedFrame[], frequencies: readonly number[]): Promise<Heard[]> {
  if (frames.length === 0) return []
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-tones-'))
  await using _cleanup = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
  const [input, output] = [path.join(folder, 'in.mka'), path.join(folder, 'out.f32')]
  const first = frames[0]?.time ?? 0
  await writeFile(input, matroska(frames.map(({ time, data }) => ({ time: time - first, data }))))
  await ffmpeg('-i', input, '-af', 'aresample=async=1', '-ac', '1', '-ar', String(SAMPLE_RATE), '-f', 'f32le', output).succeeded()
  const bytes = await readFile(output)
  const samples = new Float32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4))
  const length = SAMPLE_RATE * WINDOW_MS / 1000
  return Array.from({ length: Math.floor(samples.length / length) }, (_, n) => {
    const window = samples.subarray(n * length, (n + 1) * length)
    return { at: n * WINDOW_MS, tones: frequencies.filter(hz => amplitudeOf(window, hz) > AUDIBLE_AMPLITUDE) }
  })
}

/** Goertzel's algorithm: how strongly the samples swing at a frequency, 1 for a full sine. */
function amplitudeOf (samples: Float32Array, hz: number): number {
  const step = 2 * Math.cos(2 * Math.PI * hz / SAMPLE_RATE)
  let [before, now] = [0, 0]
  for (const sample of samples) [before, now] = [now, sample + step * now - before]
  return 2 * Math.sqrt(Math.max(0, before * before + now * now - step * before * now)) / samples.length
}
