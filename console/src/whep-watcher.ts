import type { WhepOptions } from './whep.ts'

/** From the answer to the first frame. A group of pictures is rarely longer than this. */
export const FIRST_FRAME_MS = 12_000
/** Nothing new for this long is said; for the second, the connection is made anew. */
const STALLED_MS = 3_000
const LOST_MS = 9_000
const WATCH_EVERY_MS = 1_000

type Watched = Pick<WhepOptions, 'kinds' | 'tell'>
type Time = { now: () => number, sleep: (ms: number, signal?: AbortSignal) => Promise<void> }

/** Looks once a second whether anything new was decoded. */
export class Watcher {
  readonly #connection: RTCPeerConnection
  readonly #options: Watched
  readonly #world: Time
  #firstFrameMs: number | undefined
  #decoded = 0
  #grewAt: number
  #stalled = false

  constructor (connection: RTCPeerConnection, options: Watched, world: Time) {
    this.#connection = connection
    this.#options = options
    this.#world = world
    this.#grewAt = world.now()
  }

  firstFrame (afterMs: number): void {
    this.#firstFrameMs = afterMs
    this.#grewAt = this.#world.now()
    this.#options.tell({ phase: 'playing', firstFrameMs: afterMs })
  }

  /** Resolves with the reason when there is nothing left to wait for. */
  async run (signal: AbortSignal): Promise<string> {
    for (;;) {
      await this.#world.sleep(WATCH_EVERY_MS, signal)
      if (signal.aborted) return 'stopped'
      const { connectionState } = this.#connection
      if (connectionState === 'failed' || connectionState === 'closed') return 'The connection was lost'
      const reason = this.#judge(await this.#decodedSoFar())
      if (reason) return reason
    }
  }

  #judge (decoded: number): string | undefined {
    const now = this.#world.now()
    if (decoded > this.#decoded) {
      this.#decoded = decoded
      this.#grewAt = now
      if (this.#stalled && this.#firstFrameMs !== undefined) this.#options.tell({ phase: 'playing', firstFrameMs: this.#firstFrameMs })
      this.#stalled = false
      return undefined
    }
    const forMs = now - this.#grewAt
    if (this.#firstFrameMs === undefined) return forMs > FIRST_FRAME_MS ? this.#whyNoFrame() : undefined
    if (forMs > LOST_MS) return 'Nothing arrives any more'
    if (forMs > STALLED_MS) {
      this.#stalled = true
      this.#options.tell({ phase: 'stalled', forMs })
    }
    return undefined
  }

  #whyNoFrame (): string {
    return this.#connection.connectionState === 'connected'
      ? 'Connected, but no media arrives'
      : 'No way to the media port: is its port (UDP, or TCP) open between here and the service?'
  }

  /** Frames of video, or packets where there is only audio: what has to grow while anything plays. */
  async #decodedSoFar (): Promise<number> {
    const kind = this.#options.kinds.includes('video') ? 'video' : 'audio'
    const stats = await this.#connection.getStats() as unknown as ReadonlyMap<string, InboundStats>
    let sum = 0
    for (const entry of stats.values()) {
      if (entry.type === 'inbound-rtp' && entry.kind === kind) sum += (kind === 'video' ? entry.framesDecoded : entry.packetsReceived) ?? 0
    }
    return sum
  }
}

type InboundStats = { readonly type: string, readonly kind?: string, readonly framesDecoded?: number, readonly packetsReceived?: number }
