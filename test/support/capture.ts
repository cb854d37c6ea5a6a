import { writeFile } from 'node:fs/promises'
import { ByteWriter } from '../../src/lib/bytes.ts'
import { printAudioTag, printVideoTag } from '../../src/media/flv.ts'
import type { Depacketizer, Frame } from '../../src/media/frame.ts'
import { joinAvcc, NalType, nalTypeOf, printAvcConfig } from '../../src/media/h264.ts'
import { depacketizerFor } from '../../src/media/payload/index.ts'
import type { RtpPacket } from '../../src/media/rtp-packet.ts'
import { wallTimeOf } from '../../src/media/time-reference.ts'
import type { Participant, Room } from '../../src/room/room.ts'
import type { Track } from '../../src/room/track.ts'

const AUDIO = 8
const VIDEO = 9

type Tag = { readonly type: number, readonly wallMs: number, readonly body: Buffer }

/**
 * Takes part in a room as a subscriber of every H.264 and AAC track, and writes what came as an FLV file, timed as the tracks'
 * references say: what a viewer would see and hear, for `analyse` to judge.
 */
export class Capture implements Disposable {
  /** Every track, in the order of appearance. */
  readonly tracks: Track[] = []
  readonly participants: Participant[] = []
  /** Frames so far, by kind. */
  readonly frames = { video: 0, audio: 0 }
  readonly #tags: Tag[] = []
  readonly #stack = new DisposableStack()

  constructor (room: Room) {
    this.#stack.use(room.watch({
      participantJoined: participant => { this.participants.push(participant) },
      trackAdded: track => {
        this.tracks.push(track)
        const depacketizer = depacketizerFor(track.codec)
        this.#stack.use(track.subscribe({ write: packet => this.#take(track, depacketizer, packet), fail: error => { throw error } }))
      }
    }))
  }

  /** @param file gets the extension's format: FLV */
  async save (file: string): Promise<void> {
    const tags = this.#tags.toSorted((a, b) => a.wallMs - b.wallMs)
    const start = tags[0]?.wallMs ?? 0
    const writer = new ByteWriter(1 << 20)
    writer.ascii('FLV').u8(1).u8(5).u32(9).u32(0)
    for (const { type, wallMs, body } of tags) {
      const time = Math.round(wallMs - start)
      writer.u8(type).u24(body.length).u24(time & 0xffffff).u8(time >>> 24).u24(0).bytes(body).u32(11 + body.length)
    }
    await writeFile(file, writer.done())
  }

  [Symbol.dispose] (): void { this.#stack[Symbol.dispose]() }

  #take (track: Track, depacketizer: Depacketizer, packet: RtpPacket): void {
    for (const frame of depacketizer.push(packet)) {
      const { timeReference, codec } = track
      if (!timeReference) throw new Error('a frame before its time reference')
      const wallMs = wallTimeOf(frame.timestamp, timeReference, codec.clockRate)
      if (codec.kind === 'video') this.#video(frame, wallMs, codec.clockRate)
      else this.#audio(frame, wallMs, codec.config!)
    }
  }

  #video (frame: Frame, presentMs: number, clockRate: number): void {
    const compositionTime = Math.round(frame.compositionOffset / clockRate * 1000)
    const wallMs = presentMs - compositionTime
    const sets = (type: number): Buffer[] => frame.units.filter(unit => nalTypeOf(unit) === type)
    if (frame.keyframe) {
      const data = printAvcConfig({ lengthSize: 4, sps: sets(NalType.sps), pps: sets(NalType.pps) })
      this.#tags.push({ type: VIDEO, wallMs, body: printVideoTag({ kind: 'config', keyframe: true, compositionTime: 0, data }) })
    }
    const data = joinAvcc(frame.units)
    this.#tags.push({ type: VIDEO, wallMs, body: printVideoTag({ kind: 'frame', keyframe: frame.keyframe, compositionTime, data }) })
    this.frames.video++
  }

  #audio (frame: Frame, wallMs: number, config: Buffer): void {
    if (this.frames.audio++ === 0) this.#tags.push({ type: AUDIO, wallMs, body: printAudioTag({ kind: 'config', data: config }) })
    this.#tags.push({ type: AUDIO, wallMs, body: printAudioTag({ kind: 'frame', data: frame.units[0]! }) })
  }
}
