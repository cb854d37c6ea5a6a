import path from 'node:path'
import type { Clock } from '../../lib/clock.ts'
import { AppError, messageOf } from '../../lib/errors.ts'
import { type Logger, Tally } from '../../lib/log.ts'
import type { MediaKind } from '../../media/codec.ts'
import { opus } from '../../media/codec.ts'
import type { RtpPacket } from '../../media/rtp-packet.ts'
import type { Advice } from '../../room/leg.ts'
import type { Track, Transcode } from '../../room/track.ts'
import { isRecordable } from './formats.ts'
import { type Gap, type PartInfo, partName } from './info.ts'
import { Input } from './input.ts'
import { LayeredInput } from './layered-input.ts'
import type { Flusher } from './movie-file.ts'
import { Part, type Sample } from './part.ts'
import type { RecorderSettings } from './settings.ts'
import { Timeline } from './timeline.ts'

/** A loss shorter than this is heard or seen by nobody who looks for gaps. */
const SHORTEST_GAP_MS = 100
/** Files of one recording: a stream that changes its form more often is not meant to be recorded. */
const MAX_PARTS = 1000

export type TakeOptions = {
  readonly id: string
  readonly folder: string
  readonly settings: RecorderSettings
  readonly flusher: Flusher
  readonly clock: Clock
  readonly log: Logger
  readonly transcode: Transcode | undefined
  /** The first sample: the recording has begun, now or in the past that a backlog holds. */
  readonly onBegin: (startedAt: Date) => void
  readonly onGap: (gap: Gap) => void
  /** A file was begun or finished. */
  readonly onPart: () => void
  /** Nothing more can be written. */
  readonly onFailure: (error: AppError) => void
}

/**
 * What is taken down of one participant: its tracks, on one timeline, into one file after another. It does not decide when
 * the recording begins or ends, nor whose it is.
 */
export class Take {
  readonly advice: Advice[] = []
  readonly #options: TakeOptions
  readonly #timeline: Timeline
  readonly #tally: Tally
  readonly #inputs = new Map<MediaKind, Input | LayeredInput>()
  /** Files, those being finished included, in order; undefined where nothing came of one. */
  readonly #done: (PartInfo | undefined)[] = []
  readonly #finishing: Promise<void>[] = []
  readonly #gone = noCounters()
  #part: Part | undefined
  #partSinceMs = 0
  #begun = false
  #attaching = false
  #awaySinceMs: number | undefined
  #ended = false
  #failure: AppError | undefined
  /** Nothing more is written. */
  #broken = false

  constructor (options: TakeOptions) {
    this.#options = options
    this.#timeline = new Timeline(options.clock)
    this.#tally = new Tally(options.log, options.clock)
  }

  get begun (): boolean { return this.#begun }
  /** Why not everything is in the files, if so. */
  get failure (): AppError | undefined { return this.#failure }

  /**
   * Begins to read all tracks of a participant. If its picture has a backlog, the recording begins in the past: with the last
   * keyframe, and the sound since then.
   */
  attachAll (tracks: readonly Track[]): void {
    const begunBefore = this.#begun
    this.#attaching = true
    for (const track of tracks) if (track.codec.kind === 'video') this.attach(track, begunBefore ? [] : track.backlog?.packets())
    const beginsInThePast = this.#begun && !begunBefore
    for (const track of tracks) if (track.codec.kind === 'audio') this.attach(track, beginsInThePast && track.timeReference ? track.backlog?.packets() : [])
    this.#attaching = false
    if (beginsInThePast) this.#tellBegin()
  }

  /** Begins to read a track, unless one of its kind is being read: a file has one picture and one sound. */
  attach (published: Track, past: readonly RtpPacket[] = []): void {
    const { kind, name } = published.codec
    if (this.#ended) return
    if (this.#inputs.has(kind)) return this.#advise('extra_track', `a second ${kind} track is not recorded`, 'Publish one of each kind.')
    try {
      const track = this.#readable(published)
      if (!track) return this.#advise('codec_not_recorded', `${name} is not recorded`, kind === 'video' ? 'Publish H.264 or H.265.' : 'Publish Opus or AAC.')
      const Kind = kind === 'video' ? LayeredInput : Input
      this.#inputs.set(kind, new Kind(track, this.#timeline, this.#options.clock, past, {
        sample: (sample, afterLoss) => this.#write(sample, afterLoss),
        failed: error => this.#inputFailed(published, error)
      }))
    } catch (error) {
      this.#advise('track_not_recorded', `${name} is not recorded: ${messageOf(error)}`, 'Publish H.264 or H.265, and Opus or AAC.')
    }
  }

  detach (track: Track): void {
    for (const [kind, input] of this.#inputs) if (input.track === track || input.track.id === `${track.id}/${opus.name}`) this.#drop(kind, input)
  }

  /** The participant is gone; what may come next is a new stream, and the time until then a gap. */
  away (): void {
    for (const [kind, input] of this.#inputs) this.#drop(kind, input)
    this.#awaySinceMs ??= this.#timeline.newestMs
    this.#timeline.newSource()
  }

  /** By the clock, several times a second. */
  tick (): void {
    this.#part?.tick()
    for (const input of this.#inputs.values()) input.tick()
  }

  /** The files so far. */
  parts (): PartInfo[] {
    const done = this.#done.filter(part => part !== undefined)
    return this.#part ? [...done, this.#part.describe()] : done
  }

  counters (): Counters {
    const sum = { ...this.#gone, queuedBytes: this.#part?.queuedBytes ?? 0 }
    for (const input of this.#inputs.values()) addCounters(sum, input)
    return sum
  }

  /** Lets go of the tracks, and waits until all that came is in files that are finished. Fails never: see `failure`. */
  async finish (): Promise<void> {
    for (const [kind, input] of this.#inputs) this.#drop(kind, input)
    this.#ended = true
    this.#finishPart()
    await Promise.all(this.#finishing)
  }

  /** The track itself, or its Opus twin; undefined if neither can be written. */
  #readable (track: Track): Track | undefined {
    if (isRecordable(track.codec)) return track
    return track.codec.kind === 'audio' && this.#options.transcode ? track.as([opus], this.#options.transcode) : undefined
  }

  #write (sample: Sample, afterLoss: boolean): void {
    if (this.#broken) return
    const { kind, timescale } = sample.format
    const ms = sample.ticks / timescale * 1000
    if (this.#awaySinceMs !== undefined) this.#cameBack(this.#awaySinceMs, ms)
    else if (afterLoss) this.#gap(this.#part?.endMs(kind) ?? ms, ms, 'packets were lost')
    if (this.#part && (this.#part.conflicts(sample.format) || this.#partIsLong(sample, ms))) this.#finishPart()
    const isNew = this.#part === undefined
    if (isNew && this.#done.length >= MAX_PARTS) return this.#fail(new AppError('overloaded', `the stream changed its form ${MAX_PARTS} times`))
    const part = this.#part ??= this.#openPart(ms)
    part.add(sample)
    if (!this.#begun) {
      this.#begun = true
      if (!this.#attaching) this.#tellBegin()
    } else if (isNew) this.#options.onPart()
  }

  #tellBegin (): void { this.#options.onBegin(new Date(this.#options.clock.wall() - this.#timeline.nowMs)) }

  #cameBack (fromMs: number, ms: number): void {
    this.#awaySinceMs = undefined
    this.#gap(fromMs, ms, 'the participant was away')
  }

  #gap (from: number, to: number, reason: string): void {
    const [fromMs, toMs] = [Math.round(from), Math.round(to)]
    if (toMs - fromMs >= SHORTEST_GAP_MS) this.#options.onGap({ fromMs, toMs, reason })
    this.#tally.count(`recording: ${reason}`, { fromMs, toMs }, 'info')
  }

  /** Another part begins where a decoder can. */
  #partIsLong ({ format, keyframe }: Sample, ms: number): boolean {
    if (ms - this.#partSinceMs < this.#options.settings.maxPartMs || !keyframe) return false
    return format.kind === 'video' || !this.#inputs.has('video')
  }

  #openPart (ms: number): Part {
    const { folder, id, clock, flusher, settings } = this.#options
    const index = this.#done.length + 1
    const name = partName(id, index)
    this.#partSinceMs = ms
    return new Part({
      index, name, path: path.join(folder, name), clock, flusher,
      createdAt: new Date(clock.wall()),
      fragmentMs: settings.fragmentMs,
      onOverrun: (fromMs, toMs) => this.#overrun(fromMs, toMs),
      onFailure: error => this.#fail(error)
    })
  }

  #finishPart (): void {
    const part = this.#part
    if (!part) return
    this.#part = undefined
    const slot = this.#done.push(part.describe()) - 1
    this.#inputs.get('video')?.wantKeyframe()
    this.#finishing.push(part.finish().then(info => { this.#done[slot] = info }, error => this.#fail(error)).then(() => this.#options.onPart()))
  }

  #overrun (fromMs: number, toMs: number): void {
    this.#failure ??= new AppError('overloaded', 'the disk did not keep up')
    this.#gap(fromMs, toMs, 'the disk did not keep up')
    this.#inputs.get('video')?.wantKeyframe()
  }

  #fail (error: unknown): void {
    if (this.#broken) return
    this.#broken = true
    const failure = error instanceof AppError ? error : new AppError('internal', `a file of the recording cannot be finished: ${messageOf(error)}`, { cause: error })
    this.#failure = failure
    this.#options.log.error({ error: failure }, 'a recording cannot be written')
    this.#options.onFailure(failure)
  }

  #inputFailed (published: Track, error: unknown): void {
    this.#options.log.error({ error, track: published.id }, 'a track of a recording could not be read')
    this.#advise('track_not_recorded', `a ${published.codec.name} track is not recorded: ${messageOf(error)}`, 'Publish it again.')
    this.detach(published)
  }

  #drop (kind: MediaKind, input: Input | LayeredInput): void {
    this.#inputs.delete(kind)
    input[Symbol.dispose]()
    addCounters(this.#gone, input)
  }

  #advise (code: string, message: string, remedy: string): void {
    if (!this.advice.some(known => known.message === message)) this.advice.push({ code, message, remedy })
  }
}

type Counters = { packets: number, bytes: number, lostPackets: number, undecodableFrames: number, queuedBytes: number }
const noCounters = (): Counters => ({ packets: 0, bytes: 0, lostPackets: 0, undecodableFrames: 0, queuedBytes: 0 })

function addCounters (sum: Counters, { packets, bytes, lostPackets, undecodableFrames }: Input | LayeredInput): void {
  sum.packets += packets
  sum.bytes += bytes
  sum.lostPackets += lostPackets
  sum.undecodableFrames += undecodableFrames
}
