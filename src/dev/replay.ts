import type { Clock } from '../lib/clock.ts'
import { pause } from '../lib/pause.ts'
import type { FlvTag } from './flv-file.ts'

/** Tags that fall due within this time go together: a wake-up costs more than what it sends. */
const TOGETHER_MS = 5
/** A process that slept for longer goes on from where it is; catching up would flood the server. */
const MAX_BEHIND_MS = 2_000

/** Something to be played in a circle. */
export type Clip = {
  /** What a decoder must have first. */
  readonly configs: readonly FlvTag[]
  /** Pictures and sounds, the earliest first, from 0 on. */
  readonly frames: readonly FlvTag[]
  readonly durationMs: number
}

/** Where it goes: an RTMP publisher. */
export interface ReplayTarget {
  video (body: Buffer, timestamp: number): void
  audio (body: Buffer, timestamp: number): void
}

/** Sends the clip in real time, again and again with timestamps that go on, until the signal is aborted. Resolves then. */
export async function replay (clip: Clip, target: ReplayTarget, { clock, signal }: { clock: Clock, signal: AbortSignal }): Promise<void> {
  const send = ({ type, body }: FlvTag, timestamp: number): void => { if (type !== 'script') target[type](body, timestamp % 2 ** 32) }
  for (const tag of clip.configs) send(tag, 0)
  let start = clock.now()
  let next = 0
  const due = (): number => Math.floor(next / clip.frames.length) * clip.durationMs + clip.frames[next % clip.frames.length]!.timestamp
  while (!signal.aborted) {
    const behind = clock.now() - start - due()
    if (behind > MAX_BEHIND_MS) start += behind
    const position = clock.now() - start
    for (; due() <= position; next++) send(clip.frames[next % clip.frames.length]!, due())
    await pause(clock, Math.max(TOGETHER_MS, due() - position), signal)
  }
}
