import type { Clock } from '../../lib/clock.ts'
import { AppError } from '../../lib/errors.ts'
import { type Logger, Tally } from '../../lib/log.ts'
import type { AmfObject, AmfValue } from '../../protocols/rtmp/amf0.ts'
import type { PublishHandler, PublishRequest, ServerConnection } from '../../protocols/rtmp/server-connection.ts'
import type { Leg, LegContext, LegStats } from '../../room/leg.ts'
import type { Participant, Room } from '../../room/room.ts'
import { advise } from './advice.ts'
import { AudioIntake } from './audio.ts'
import { Stream } from './stream.ts'
import { VideoIntake } from './video.ts'

const MAX_NAME_CHARACTERS = 64

export type RtmpLegOptions = {
  /** A publisher who has asked to publish and waits for the answer. */
  readonly connection: ServerConnection
  readonly request: PublishRequest
  readonly identity: string
  readonly name: string
  /** Milliseconds without audio and video after which the publisher counts as gone. */
  readonly silenceMs: number
  readonly clock: Clock
  /** Called before joining: resolves when whoever had this identity has left. */
  readonly makeWay?: () => Promise<void>
}

type Metadata = { width?: number, height?: number, frameRate?: number, encoder?: string }

/** An encoder (OBS, ffmpeg, …) that publishes into a room. */
export class RtmpLeg implements Leg {
  readonly kind = 'rtmp'
  readonly #options: RtmpLegOptions
  #stream: Stream | undefined
  #video: VideoIntake | undefined
  #audio: AudioIntake | undefined
  #messages = 0
  #metadata: Metadata = {}
  readonly #advised = new Set<string>()

  constructor (options: RtmpLegOptions) { this.#options = options }

  async run (room: Room, context: LegContext): Promise<void> {
    const { connection, silenceMs, clock } = this.#options
    try {
      using me = await this.#enter(room, context)
      using _advice = clock.every(silenceMs, () => this.#logAdvice(context.log))
      await connection.publishing(this.#handler(me, context), { silenceMs, signal: context.signal })
    } catch (error) {
      // Does nothing where the stream had begun: then the peer has been told.
      const description = error instanceof AppError ? error.message : 'The stream cannot be taken now'
      connection.refuse({ code: 'NetStream.Publish.Rejected', description })
      throw error
    } finally {
      this.#logAdvice(context.log)
    }
  }

  stats (): LegStats {
    const { connection, request } = this.#options
    const { encoder = request.flashVer, ...metadata } = this.#metadata
    return {
      packetsIn: this.#messages,
      packetsOut: 0,
      bytesIn: connection.bytesIn,
      bytesOut: connection.bytesOut,
      advice: advise(this.#video, this.#audio),
      detail: {
        encoder,
        video: this.#video?.describe(),
        audio: this.#audio?.describe(),
        metadata,
        rtmp: {
          app: request.app,
          handshake: request.handshake,
          chunkBytes: connection.chunkBytesIn,
          clockJumps: this.#stream?.timeline.jumps ?? 0,
          malformedMessages: this.#stream?.malformed ?? 0
        }
      }
    }
  }

  async #enter (room: Room, { signal, sessionId }: LegContext): Promise<Participant> {
    signal.throwIfAborted()
    await this.#options.makeWay?.()
    signal.throwIfAborted()
    const { identity, name } = this.#options
    return room.join({ identity, name, source: this.kind, sessionId })
  }

  #handler (participant: Participant, { log, live }: LegContext): PublishHandler {
    const { clock } = this.#options
    const stream = new Stream({ participant, clock, tally: new Tally(log, clock), live })
    const video = new VideoIntake(stream)
    const audio = new AudioIntake(stream)
    this.#stream = stream
    this.#video = video
    this.#audio = audio
    return {
      video: (body, timestamp) => { this.#messages++; video.take(body, timestamp) },
      audio: (body, timestamp) => { this.#messages++; audio.take(body, timestamp) },
      metadata: values => { this.#metadata = readMetadata(values) }
    }
  }

  /** Each kind once: who runs the service reads it in the log, who runs the encoder in the session's status. */
  #logAdvice (log: Logger): void {
    for (const { code, message, remedy } of advise(this.#video, this.#audio)) {
      if (this.#advised.has(code)) continue
      this.#advised.add(code)
      log.warn({ advice: code, remedy }, message)
    }
  }
}

/** What encoders say in `onMetaData`, as far as it is of the kind it should be. */
function readMetadata (values: AmfObject): Metadata {
  const { width, height, framerate, encoder } = values
  return { ...number('width', width), ...number('height', height), ...number('frameRate', framerate), ...text('encoder', encoder) }
}

const number = (name: string, value: AmfValue): Record<string, number> =>
  typeof value === 'number' && Number.isFinite(value) ? { [name]: value } : {}
const text = (name: string, value: AmfValue): Record<string, string> =>
  typeof value === 'string' && value !== '' ? { [name]: value.replace(/[^ -~]/g, '').slice(0, MAX_NAME_CHARACTERS) } : {}
