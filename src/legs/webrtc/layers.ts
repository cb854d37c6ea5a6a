import type { Codec } from '../../media/codec.ts'
import { FreezeMeter } from '../../media/quality/freeze-meter.ts'
import type { Participant } from '../../room/room.ts'
import { Track } from '../../room/track.ts'

/** What clients call their layers, lowest first. SDP orders them by preference at best (RFC 8853 section 5.1). */
const customaryNames = [['q', 'h', 'f'], ['l', 'm', 'h'], ['low', 'mid', 'high'], ['low', 'medium', 'high'], ['quarter', 'half', 'full']]

/** Lowest quality first. Names nobody knows are taken to be listed best first. */
export function orderLayers (rids: readonly string[]): string[] {
  const names = customaryNames.find(known => rids.every(rid => known.includes(rid)))
  return names ? names.filter(name => rids.includes(name)) : rids.toReversed()
}

/**
 * The tracks of one published section. The participant has one: the best layer, which everybody sees who knows nothing of layers.
 * The others hang on it.
 */
export class PublishedLayers {
  /** Fed by whichever layer comes: who watches gets one of them. */
  readonly freezes = new FreezeMeter()
  readonly #participant: Participant
  readonly #codec: Codec
  readonly #rids: readonly string[]
  readonly #tracks = new Map<string, Track>()
  #best: Track | undefined

  /** @param rids lowest first; empty for a single stream */
  constructor (participant: Participant, codec: Codec, rids: readonly string[]) {
    this.#participant = participant
    this.#codec = codec
    this.#rids = rids
  }

  publish (rid: string): Track {
    this.#best ??= this.#participant.publish(this.#codec)
    const track = rid === '' || rid === this.#rids.at(-1) ? this.#best : new Track(this.#codec, `${this.#best.id}~${rid}`)
    if (rid !== '') track.rid = rid
    this.#tracks.set(rid, track)
    this.#announce()
    return track
  }

  unpublish (rid: string): void {
    if (!this.#tracks.delete(rid) || !this.#best) return
    this.#announce()
    if (this.#tracks.size > 0) return
    this.#participant.unpublish(this.#best)
    this.#best = undefined
  }

  /**
   * The one stream there is can be shown in parts (SVC), each of which becomes a layer.
   * @param names lowest first; the last is the whole stream
   * @returns their tracks
   */
  split (names: readonly string[]): readonly Track[] {
    const best = this.#best!
    const { layers } = best
    const trackOf = (name: string): Track => {
      const track = layers.find(layer => layer !== best && layer.rid === name) ?? new Track(this.#codec, `${best.id}~${name}`)
      track.rid = name
      return track
    }
    best.rid = names.at(-1)
    best.scalable = true
    best.layers = [...names.slice(0, -1).map(trackOf), best]
    return best.layers
  }

  #announce (): void { this.#best!.layers = this.#rids.map(rid => this.#tracks.get(rid)).filter(track => track !== undefined) }
}
