import type { Track } from '../room/track.ts'

const SHORTEST_MS = 1_000

type Sample = { readonly at: number, readonly bytes: number, readonly bitrate: number | null }

const samples = new WeakMap<Track, Sample>()

/**
 * Bits per second between the last two times somebody asked, at least a second apart. Nobody asks, nothing is measured.
 * @param now milliseconds, of a clock that never goes back.
 * @returns null until there are two times to compare.
 */
export function bitrateOf (track: Track, now: number): number | null {
  const last = samples.get(track)
  if (last && now - last.at < SHORTEST_MS) return last.bitrate
  const bitrate = last ? Math.round((track.bytes - last.bytes) * 8000 / (now - last.at)) : null
  samples.set(track, { at: now, bytes: track.bytes, bitrate })
  return bitrate
}
