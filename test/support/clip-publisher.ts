import type { Codec } from '../../src/media/codec.ts'
import type { Frame } from '../../src/media/frame.ts'
import type { RtpPacket } from '../../src/media/rtp-packet.ts'
import type { Participant, Room } from '../../src/room/room.ts'
import type { Track } from '../../src/room/track.ts'
import { packetsOf } from './encoded.ts'
import { PacketBacklog } from './packet-backlog.ts'

type Stream = { readonly codec: Codec, readonly frames: readonly Frame[] }
type Timed = { readonly decodeMs: number, readonly kind: 'audio' | 'video', readonly packets: readonly RtpPacket[] }

export type ClipPublisherOptions = {
  identity?: string
  video?: Stream | undefined
  audio?: Stream | undefined
  /** The wall clock (ms since 1970) at the clip's start. */
  wallMs: number
  /** As RTMP publishers do; default true. Without, the tracks say nothing about time and keep nothing. */
  timed?: boolean
}

/** A participant that plays encoded frames into a room, as fast as it is asked to. */
export class ClipPublisher implements Disposable {
  readonly participant: Participant
  readonly video: Track | undefined
  readonly audio: Track | undefined
  keyframesWanted = 0
  readonly #backlogs: { audio?: PacketBacklog, video?: PacketBacklog } = {}
  readonly #timeline: readonly Timed[]
  #next = 0
  #playedMs = NaN

  constructor (room: Room, { identity = 'camera', video, audio, wallMs, timed = true }: ClipPublisherOptions) {
    this.participant = room.join({ identity, source: 'rtmp' })
    this.video = video && this.#publish(video, wallMs, timed)
    this.audio = audio && this.#publish(audio, wallMs, timed)
    this.#timeline = [...video ? timeline(video) : [], ...audio ? timeline(audio) : []].sort((a, b) => a.decodeMs - b.decodeMs)
  }

  /** Writes what an encoder would have sent between these times (ms) of the clip. @param drop leaves a packet out */
  play (fromMs: number, toMs: number, drop: (packet: RtpPacket, kind: 'audio' | 'video') => boolean = () => false): void {
    if (fromMs !== this.#playedMs) this.#next = this.#timeline.findIndex(({ decodeMs }) => decodeMs >= fromMs)
    this.#playedMs = toMs
    for (let timed = this.#timeline[this.#next]; timed && timed.decodeMs < toMs; timed = this.#timeline[++this.#next]) {
      for (const packet of timed.packets) if (!drop(packet, timed.kind)) this.#write(timed.kind, packet)
    }
  }

  #write (kind: 'audio' | 'video', packet: RtpPacket): void {
    this.#backlogs[kind]?.keep(packet)
    this[kind]!.write(packet)
  }

  [Symbol.dispose] (): void { this.participant[Symbol.dispose]() }

  #publish ({ codec }: Stream, wallMs: number, timed: boolean): Track {
    const track = this.participant.publish(codec)
    track.onKeyframeWanted = () => { this.keyframesWanted++ }
    if (timed) {
      track.timeReference = { rtpTimestamp: shiftOf(codec), wallMs }
      track.backlog = this.#backlogs[codec.kind] = new PacketBacklog(codec)
    }
    return track
  }
}

/** Timestamps begin near the wrap at 32 bits, and elsewhere for each kind. */
const shiftOf = ({ kind }: Codec): number => kind === 'video' ? 0xffff0000 : 0xfffff000

/** Packets are made once for each list of frames, however many publish it. */
const made = new WeakMap<readonly Frame[], Timed[]>()

function timeline ({ codec, frames }: Stream): Timed[] {
  const known = made.get(frames)
  if (known) return known
  const packets = packetsOf(codec, frames, { shiftTicks: shiftOf(codec), ssrc: codec.kind === 'video' ? 11 : 12 })
  const timed = frames.map((frame, index) => ({ decodeMs: (frame.timestamp - frame.compositionOffset) / codec.clockRate * 1000, kind: codec.kind, packets: packets[index]! }))
  made.set(frames, timed)
  return timed
}
