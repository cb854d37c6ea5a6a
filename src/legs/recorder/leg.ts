import { addAbortListener } from 'node:events'
import { within } from '../../lib/abort.ts'
import type { Clock } from '../../lib/clock.ts'
import { AppError, messageOf } from '../../lib/errors.ts'
import type { Leg, LegContext, LegStats } from '../../room/leg.ts'
import type { Room } from '../../room/room.ts'
import type { Transcode } from '../../room/track.ts'
import type { DiskSpace } from './disk-space.ts'
import type { Flusher } from './movie-file.ts'
import type { Outcome, Recording } from './recording.ts'
import type { RecorderSettings } from './settings.ts'
import { Subject } from './subject.ts'
import { Take } from './take.ts'

/** How often time alone moves something: a fragment that nothing completes, a keyframe that does not come. */
const TICK_MS = 100
/** A disk that takes longer may never answer. What is on it is finished at the next start. */
const FINISH_WITHIN_MS = 60_000

export type RecorderOptions = {
  readonly recording: Recording
  /** Identity or id of the one to record; left out: the first who publishes video, else who publishes at all. */
  readonly participant?: string | undefined
  readonly settings: RecorderSettings
  readonly flusher: Flusher
  readonly disk: DiskSpace
  readonly clock: Clock
  readonly transcode?: Transcode | undefined
}

/** Why a recording ends; `error` where the session has failed by it. */
type Ending = Outcome & { readonly error?: AppError }

/** Records one participant of a room into MP4 files, without touching what is encoded. */
export class RecorderLeg implements Leg {
  readonly kind = 'recording'
  readonly #options: RecorderOptions
  #take: Take | undefined

  constructor (options: RecorderOptions) { this.#options = options }

  /** Ends when told to, when the participant has left and does not return, or when the disk is full. */
  async run (room: Room, { signal, log, live }: LegContext): Promise<void> {
    const { recording, settings, flusher, disk, clock, transcode } = this.#options
    const ending = Promise.withResolvers<Ending>()
    const end = (why: Ending): void => ending.resolve(why)
    const take = this.#take = new Take({
      id: recording.id, folder: recording.folder, settings, flusher, clock, log, transcode,
      onBegin: startedAt => { recording.begin(startedAt); live() },
      onGap: gap => recording.gap(gap),
      onPart: () => recording.save(),
      onFailure: error => end(failed(error))
    })
    recording.parts = () => take.parts()
    using life = new DisposableStack()
    life.use(addAbortListener(signal, () => end({ state: 'completed', reason: messageOf(signal.reason) })))
    if (!signal.aborted) this.#follow(room, take, end, life)
    life.use(disk.watch(() => end(failed(new AppError('disk_full', 'the disk is nearly full')))))
    life.use(clock.every(TICK_MS, () => { take.tick(); recording.tick() }))

    const why = await ending.promise
    recording.stopping(why.reason)
    life.dispose()
    if (!await within(FINISH_WITHIN_MS, take.finish())) log.error({ recording: recording.id }, 'the disk does not answer: a recording is left as it is')
    await within(FINISH_WITHIN_MS, recording.end(this.#outcome(take, why)))
    if (why.error) throw why.error
  }

  stats (): LegStats {
    const info = this.#options.recording.info()
    const { packets = 0, bytes = 0, lostPackets = 0, undecodableFrames = 0, queuedBytes = 0 } = this.#take?.counters() ?? {}
    return {
      packetsIn: 0,
      packetsOut: packets,
      bytesIn: 0,
      bytesOut: bytes,
      advice: this.#take?.advice ?? [],
      detail: {
        recording: info.id, participant: info.participant ?? null, durationMs: info.durationMs, sizeBytes: info.sizeBytes, gaps: info.gaps.length,
        parts: info.parts.map(({ file, tracks }) => ({ file, tracks })), lostPackets, undecodableFrames, queuedBytes
      }
    }
  }

  /** Watches the one who is recorded: its tracks, its absence, and that anything comes at all. */
  #follow (room: Room, take: Take, end: (why: Ending) => void, life: DisposableStack): void {
    const { recording, participant, settings, clock } = this.#options
    let grace: Disposable | undefined
    life.use(clock.after(settings.mediaTimeoutMs, () => { if (!take.begun) end(noMedia()) }))
    life.defer(() => grace?.[Symbol.dispose]())
    life.use(new Subject(room, participant, {
      found: ({ info }) => recording.found(info.identity),
      here: tracks => {
        grace?.[Symbol.dispose]()
        take.attachAll(tracks)
      },
      trackAdded: track => take.attach(track),
      trackRemoved: (track, left) => {
        take.detach(track)
        for (const other of left) take.attach(other)
      },
      away: () => {
        take.away()
        grace = clock.after(settings.rejoinGraceMs, () => { if (take.begun) end({ state: 'completed', reason: 'the participant left' }) })
      }
    }))
  }

  #outcome (take: Take, { state, reason, errorCode, partial = false }: Ending): Outcome {
    if (!take.parts().some(part => part.sizeBytes > 0)) {
      return { state: 'failed', reason: take.begun ? reason : `${reason}; nothing had come yet`, errorCode: errorCode ?? 'media_timeout' }
    }
    return { state, reason, errorCode: errorCode ?? take.failure?.code, partial: partial || take.failure !== undefined }
  }
}

const failed = (error: AppError): Ending => ({ state: 'completed', reason: error.message, errorCode: error.code, partial: true, error })

function noMedia (): Ending {
  const error = new AppError('media_timeout', 'nothing came to be recorded')
  return { state: 'failed', reason: error.message, errorCode: error.code, error }
}
