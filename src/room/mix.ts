import { randomInt } from 'node:crypto'
import type { Clock } from '../lib/clock.ts'
import { AppError } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { opus } from '../media/codec.ts'
import { FrameReader } from '../media/frame-reader.ts'
import { RtpPacket, timestampDistance } from '../media/rtp-packet.ts'
import type { JobHandlers, RunningMix } from '../media/worker/job.ts'
import { MIX_DELAY_MS, MIX_FRAME_MS, MIX_TO_ALL, type MixTask } from '../media/worker/protocol.ts'
import type { Participant, Room, RoomWatcher } from './room.ts'
import { Track } from './track.ts'

/** What is needed of the media workers. */
export interface Mixers {
  readonly available: boolean
  mix (task: MixTask, handlers: JobHandlers): RunningMix
}

/**
 * The sound of everybody in a room, as one track; without that of a listener who is known. Undefined where nothing can mix. It is
 * mixed while somebody listens: subscribing starts it, and throws `transcoding_unavailable` where it cannot.
 */
export type Mix = (room: Room, listener?: string) => Track | undefined

/** Sounds mixed at most: of more, the latest to come are not heard. Who is silent costs nothing, but is one of them. */
const MAX_INPUTS = 100
/** Packets softer than this (-dBov) are not decoded: 10 dB below what a quiet room sounds like. */
const INAUDIBLE_LEVEL = 70
/** Words end more softly than they begin: for so long (ms) after the last audible packet, all are decoded. */
const TAIL_MS = 300
/** A packet that comes this much later than its successors is not waited for. */
const MAX_REORDERING_MS = 60
const PAYLOAD_TYPE = 111
/** The mix says anew where it stands on the wall's clock after so many packets: a minute. */
const PACKETS_PER_REFERENCE = 60_000 / MIX_FRAME_MS

type Surroundings = { readonly workers: Mixers, readonly clock: Clock, readonly log: Logger }

export function mixWith (surroundings: Surroundings): Mix {
  const mixes = new WeakMap<Room, RoomMix>()
  return (room, listener) => {
    if (!surroundings.workers.available) return undefined
    const mix = mixes.get(room) ?? new RoomMix(room, surroundings)
    mixes.set(room, mix)
    return mix.heardBy(listener)
  }
}

/** Somebody's sound on its way to the mixer. */
type Input = { readonly id: number, readonly owner: Participant, readonly track: Track } & Disposable

/** The mix for those who hear all of it, or for one listener, whose own inputs are left out. */
type Output = { readonly id: number, readonly listener: string | undefined, readonly track: Track, own: readonly number[], madeAt: number }

class RoomMix implements RoomWatcher {
  readonly #room: Room
  readonly #workers: Mixers
  readonly #clock: Clock
  readonly #log: Logger
  readonly #all: Track
  readonly #inputs = new Map<Track, Input>()
  /** Those that somebody listens to. */
  readonly #outputs = new Map<Track, Output>()
  readonly #ssrc = randomInt(1, 2 ** 32)
  #sequenceNumber = randomInt(0, 2 ** 16)
  #madeAt: number | undefined
  #ids = MIX_TO_ALL
  #job: RunningMix | undefined
  #watching: Disposable | undefined

  constructor (room: Room, { workers, clock, log }: Surroundings) {
    this.#room = room
    this.#workers = workers
    this.#clock = clock
    this.#log = log
    this.#all = this.#track(undefined)
  }

  heardBy (listener: string | undefined): Track { return listener === undefined ? this.#all : this.#track(listener) }

  trackAdded (track: Track, owner: Participant): void {
    if (track.codec.kind !== 'audio' || this.#inputs.size >= MAX_INPUTS) return
    try {
      this.#inputs.set(track, this.#input(track, owner))
      this.#changed()
    } catch (error) {
      if (!(error instanceof AppError)) throw error // The others are heard all the same.
      this.#log.warn({ room: this.#room.name, participant: owner.info.identity, codec: track.codec.name, error: error.message }, 'a sound is left out of the mix')
    }
  }

  trackRemoved (track: Track): void {
    const input = this.#inputs.get(track)
    if (!input) return
    input[Symbol.dispose]()
    this.#inputs.delete(track)
    this.#changed()
  }

  #track (listener: string | undefined): Track {
    const track = new Track(opus)
    track.onDemand = wanted => wanted ? this.#add(track, listener) : this.#remove(track)
    return track
  }

  #add (track: Track, listener: string | undefined): void {
    this.#outputs.set(track, { id: ++this.#ids, listener, track, own: [], madeAt: NaN })
    try {
      if (this.#job) this.#changed()
      else this.#start()
    } catch (error) {
      this.#remove(track)
      throw error
    }
  }

  #remove (track: Track): void {
    this.#outputs.delete(track)
    if (this.#outputs.size > 0) this.#changed()
    else this.#stop()
  }

  #start (): void {
    this.#job = this.#workers.mix({ inputs: [], outputs: [] }, { packet: (time, data, output) => this.#made(time, data, output), failed: () => {} })
    this.#watching = this.#room.watch(this)
  }

  #stop (): void {
    this.#watching?.[Symbol.dispose]()
    for (const input of this.#inputs.values()) input[Symbol.dispose]()
    this.#inputs.clear()
    this.#job?.[Symbol.dispose]()
    this.#job = this.#watching = undefined
  }

  /** Tells the mixer of everybody. Who listens and does not speak needs no output of their own. */
  #changed (): void {
    const inputs = [...this.#inputs.values()]
    const isOf = (owner: Participant, listener: string | undefined): boolean => owner.info.identity === listener
    for (const output of this.#outputs.values()) output.own = inputs.filter(({ owner }) => isOf(owner, output.listener)).map(({ id }) => id)
    this.#job?.change({
      inputs: inputs.map(({ id, track: { codec } }) => ({ id, codec })),
      outputs: [...this.#outputs.values()].filter(({ own }) => own.length > 0).map(({ id, own }) => ({ id, without: own }))
    })
  }

  #input (track: Track, owner: Participant): Input {
    const id = ++this.#ids
    const time = new SourceTime(track.codec.clockRate)
    const read = (): FrameReader =>
      new FrameReader(track.codec, { frame: ({ timestamp, units }) => this.#job?.push(time.of(timestamp), units[0]!, id) }, { maxDelayMs: MAX_REORDERING_MS })
    let reader: FrameReader | undefined = read()
    let audibleAt = -Infinity
    const subscription = track.subscribe({
      write: packet => {
        const now = this.#clock.now()
        const audible = track.audioLevel === undefined || track.audioLevel < INAUDIBLE_LEVEL
        if (audible) audibleAt = now
        if (now - audibleAt > TAIL_MS) { reader = undefined; return } // What is left out is not missing.
        reader ??= read()
        reader.push(packet)
      },
      fail: error => { throw error } // Only a mistake in the lines above comes here.
    })
    return { id, owner, track, [Symbol.dispose]: () => subscription[Symbol.dispose]() }
  }

  /** @param time ms since 1970 */
  #made (time: number, data: Buffer, id: number): void {
    if (time !== this.#madeAt) this.#sequenceNumber = (this.#sequenceNumber + 1) & 0xffff // Packets of one moment share a number: each output has one of them.
    this.#madeAt = time
    const timestamp = Math.round(time * opus.clockRate / 1000) % 2 ** 32
    const packet = RtpPacket.build({ payloadType: PAYLOAD_TYPE, marker: false, sequenceNumber: this.#sequenceNumber, timestamp, ssrc: this.#ssrc }, data)
    const reference = this.#sequenceNumber % PACKETS_PER_REFERENCE === 0 ? { rtpTimestamp: timestamp, wallMs: time - MIX_DELAY_MS } : undefined
    for (const output of this.#outputs.values()) {
      const mine = output.id === id || (id === MIX_TO_ALL && output.madeAt !== time)
      if (!mine) continue
      output.madeAt = time
      if (reference || !output.track.timeReference) output.track.timeReference = reference ?? { rtpTimestamp: timestamp, wallMs: time - MIX_DELAY_MS }
      output.track.write(packet)
    }
  }
}

/** Times of one source in milliseconds that do not wrap. */
class SourceTime {
  readonly #clockRate: number
  #timestamp: number | undefined
  #ticks = 0

  constructor (clockRate: number) { this.#clockRate = clockRate }

  of (timestamp: number): number {
    this.#ticks += this.#timestamp === undefined ? timestamp : timestampDistance(timestamp, this.#timestamp)
    this.#timestamp = timestamp
    return this.#ticks * 1000 / this.#clockRate
  }
}
