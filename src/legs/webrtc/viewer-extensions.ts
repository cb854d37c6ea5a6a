import type { FastifyInstance, FastifyReply } from 'fastify'
import { aborted, ChildController } from '../../lib/abort.ts'
import type { Clock } from '../../lib/clock.ts'
import { AppError } from '../../lib/errors.ts'
import type { Bridge } from '../../room/bridge.ts'
import type { Session } from '../../room/session.ts'
import type { HttpSessions } from './http-sessions.ts'
import { ViewerEventStream } from './viewer-event-stream.ts'
import { type ViewerEvent, viewerEvents, type ViewerState } from './viewer-events.ts'
import { WhepLeg } from './whep-leg.ts'

/** Of one session's events, so many readers at once, and so many streams made for them. */
const MAX_READERS = 4
const MAX_STREAMS = 4
const MAX_JSON_BYTES = 4096
/** EventSource comes back by itself; connections of those that do not are not kept for ever. */
const LONGEST_STREAM_MS = 60 * 60_000

export type ExtensionOptions = { readonly bridge: Bridge, readonly sessions: HttpSessions, readonly path: string, readonly clock: Clock }

type SessionRequest = { Params: { secret: string } }
type StreamRequest = { Params: { secret: string, stream: string } }

/** What a session offers besides its media: `Link` headers of the answer that makes it. */
export const extensionLinks = (session: string): string[] => [
  `<${session}/sse>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="${viewerEvents.join(',')}"`,
  `<${session}/layer>; rel="urn:ietf:params:whep:ext:core:layer"`
]

/**
 * Server-sent events and layer selection, the core extensions of WHEP. `POST …/sse` with a list of events makes a stream, which is
 * read at the URL it returns; a plain `GET …/sse` tells all events, as most players have it. `POST …/layer` chooses a layer.
 */
export async function viewerExtensions (app: FastifyInstance, options: ExtensionOptions): Promise<void> {
  const { sessions, path } = options
  const known = new WeakMap<Session, Readers>()
  const readersOf = (secret: string): Readers => {
    const { session, leg } = viewerOf(sessions, secret)
    const readers = known.get(session) ?? new Readers(session, leg, options)
    known.set(session, readers)
    return readers
  }
  app.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit: MAX_JSON_BYTES }, (_request, body, done) => done(null, body))
  app.post<SessionRequest>(`${path}/sessions/:secret/sse`, (request, reply) => {
    const { secret } = request.params
    const stream = readersOf(secret).add(eventsIn(jsonOf(request.body)))
    return reply.code(201).header('location', `${path}/sessions/${secret}/sse/${stream}`).send()
  })
  app.get<SessionRequest>(`${path}/sessions/:secret/sse`, { exposeHeadRoute: false }, ({ params }, reply) => readersOf(params.secret).read(reply))
  app.get<StreamRequest>(`${path}/sessions/:secret/sse/:stream`, { exposeHeadRoute: false }, ({ params }, reply) => readersOf(params.secret).read(reply, params.stream))
  app.delete<StreamRequest>(`${path}/sessions/:secret/sse/:stream`, ({ params }, reply) => {
    readersOf(params.secret).delete(params.stream)
    return reply.code(200).send()
  })
  app.post<SessionRequest>(`${path}/sessions/:secret/layer`, (request, reply) => {
    choose(viewerOf(sessions, request.params.secret).leg, jsonOf(request.body))
    return reply.code(200).send()
  })
}

/** @throws AppError `not_found` */
function viewerOf (sessions: HttpSessions, secret: string): { session: Session, leg: WhepLeg } {
  const session = sessions.get(secret)?.session
  if (!session || !(session.leg instanceof WhepLeg)) throw new AppError('not_found', 'The session has ended.')
  return { session, leg: session.leg }
}

/** Those who follow one session's events. */
class Readers {
  readonly #session: Session
  readonly #leg: WhepLeg
  readonly #options: ExtensionOptions
  readonly #streams = new Map<string, { readonly events: ReadonlySet<ViewerEvent>, readonly over: AbortController }>()
  #made = 0
  #reading = 0

  constructor (session: Session, leg: WhepLeg, options: ExtensionOptions) {
    this.#session = session
    this.#leg = leg
    this.#options = options
  }

  /** @returns the new stream's name */
  add (events: ReadonlySet<ViewerEvent>): string {
    if (this.#streams.size >= MAX_STREAMS) throw new AppError('overloaded', `A session has at most ${MAX_STREAMS} event streams.`)
    const name = String(++this.#made)
    this.#streams.set(name, { events, over: new AbortController() })
    return name
  }

  delete (stream: string): void {
    this.#streams.get(stream)?.over.abort()
    this.#streams.delete(stream)
  }

  /** Answers until the reader leaves, or the session ends. @param stream without, all events */
  async read (reply: FastifyReply, stream?: string): Promise<void> {
    const found = stream === undefined ? { events: new Set(viewerEvents), over: new AbortController() } : this.#streams.get(stream)
    if (!found) throw new AppError('not_found', 'There is no such event stream.')
    if (this.#reading >= MAX_READERS) throw new AppError('overloaded', `A session's events have at most ${MAX_READERS} readers.`)
    const { clock } = this.#options
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) reply.raw.setHeader(name, value)
    reply.hijack()
    this.#reading++
    using life = new ChildController(found.over.signal)
    using _longest = clock.after(LONGEST_STREAM_MS, () => life.abort())
    reply.raw.once('close', () => life.abort())
    try {
      using events = new ViewerEventStream(reply.raw, { state: () => this.#state(), wanted: found.events, clock })
      using _speakers = this.#session.room.speakers.follow(events.look)
      using _tracks = this.#session.room.watch({ trackAdded: events.look, trackRemoved: events.look })
      await Promise.race([aborted(life.signal), this.#session.done])
    } finally {
      this.#reading--
    }
  }

  #state (): ViewerState | undefined {
    const { room } = this.#session
    const { scene, viewed } = this.#leg
    return scene && { viewed, scene, room, viewers: this.#options.bridge.sessionsIn(room.name).filter(({ leg }) => leg.kind === this.#leg.kind).length }
  }
}

function jsonOf (body: unknown): unknown {
  if (body === undefined || body === null || body === '') return undefined
  try {
    return JSON.parse(String(body))
  } catch {
    throw new AppError('bad_request', 'The body is not JSON.')
  }
}

/** The events asked for; names nobody here knows are of another server's extensions. */
function eventsIn (body: unknown): ReadonlySet<ViewerEvent> {
  if (body === undefined) return new Set(viewerEvents)
  if (Array.isArray(body)) return new Set(viewerEvents.filter(event => body.includes(event)))
  const expected = `a list of events: ${viewerEvents.join(', ')}`
  throw new AppError('bad_request', `The body must be ${expected}.`, { problems: [{ field: '', expected }] })
}

/** @throws AppError `bad_request`, naming what there is to choose from */
function choose (leg: WhepLeg, body: unknown): void {
  const { mediaId, rid, encodingId } = typeof body === 'object' && body !== null ? body as Readonly<Record<string, unknown>> : {}
  const pictures = leg.viewed.filter(({ kind }) => kind === 'video')
  const section = mediaId === undefined ? pictures[0] : pictures.find(({ index }) => String(index) === String(mediaId))
  const wrong = (field: string, expected: string): AppError => new AppError('bad_request', `${field}: expected ${expected}`, { problems: [{ field, expected }] })
  if (!section) throw wrong('mediaId', `the index of a video section: ${pictures.map(({ index }) => `“${index}”`).join(', ') || 'there is none'}`)
  const wanted = rid ?? encodingId
  const rids = leg.ridsOf(section)
  if (wanted !== undefined && !rids.includes(String(wanted))) throw wrong(rid === undefined ? 'encodingId' : 'rid', rids.length > 0 ? `one of ${rids.join(', ')}` : 'nothing: this picture comes in one quality')
  leg.chooseLayer(section, wanted === undefined ? undefined : String(wanted))
}
