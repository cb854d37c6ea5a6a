import { ReplayWindow } from './replay-window.ts'

/** Streams remembered of one peer, for RTP and for RTCP each. */
export const MAX_STREAMS = 1024

export type Stream = {
  readonly window: ReplayWindow
  /** When it last was, counted in packets. */
  heard: number
}

/**
 * A replay window per SSRC. Only authentic packets make one, so strangers cannot fill it; where the peer itself names more than
 * the limit, the one not heard for the longest is forgotten.
 */
export class StreamWindows {
  readonly #streams = new Map<number, Stream>()
  readonly #bits: number
  #accepted = 0

  /** @param bits of each window. */
  constructor (bits: number) { this.#bits = bits }

  get size (): number { return this.#streams.size }

  find (ssrc: number): Stream | undefined { return this.#streams.get(ssrc) }

  /** To be called for packets that are fresh and authentic. `stream`: what `find` said. */
  accept (ssrc: number, index: number, stream = this.#add(ssrc)): void {
    stream.heard = ++this.#accepted
    stream.window.accept(index)
  }

  #add (ssrc: number): Stream {
    if (this.#streams.size >= MAX_STREAMS) this.#forgetOne()
    const stream = { window: new ReplayWindow(this.#bits), heard: 0 }
    this.#streams.set(ssrc, stream)
    return stream
  }

  #forgetOne (): void {
    let oldest: [ssrc: number, heard: number] = [0, Infinity]
    for (const [ssrc, { heard }] of this.#streams) if (heard < oldest[1]) oldest = [ssrc, heard]
    this.#streams.delete(oldest[0])
  }
}
