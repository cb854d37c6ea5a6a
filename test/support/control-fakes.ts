import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { AppError } from '../../src/lib/errors.ts'
import { newId } from '../../src/lib/ids.ts'
import type {
  EventInfo, Events, Ingress, IngressChange, Ingresses, IngressRequest, Page, RecordingFile, RecordingInfo, Recordings, Stream, StreamRequest, Streams, Target,
  Webhook, WebhookChange, WebhookDelivery, WebhookRequest, Webhooks
} from '../../src/control/parts.ts'

// The other parts of the service as the HTTP side sees them, in memory: they behave, and remember nothing.

const newestFirst = <T>(items: Iterable<T>, { limit, after }: Page, idOf: (item: T) => string): T[] =>
  [...items].sort((a, b) => idOf(a) < idOf(b) ? 1 : -1).filter(item => after === undefined || idOf(item) < after).slice(0, limit)

export class FakeIngresses implements Ingresses {
  readonly #items = new Map<string, Ingress>()

  async create ({ protocol, room, identity, name, source }: IngressRequest): Promise<Ingress> {
    const id = newId('ingress')
    const made = { id, protocol, room, identity: identity ?? id, name: name ?? room, enabled: true, streamKey: source ? '' : `canary-${id}`, source, createdAt: new Date() }
    this.#items.set(id, made)
    return made
  }

  async list ({ room, ...page }: Page & { room?: string | undefined }): Promise<Ingress[]> {
    return newestFirst([...this.#items.values()].filter(item => room === undefined || item.room === room), page, item => item.id)
  }

  async get (id: string): Promise<Ingress | undefined> { return this.#items.get(id) }

  async update (id: string, change: IngressChange): Promise<Ingress | undefined> {
    const found = this.#items.get(id)
    if (!found) return undefined
    const changed = { ...found, ...Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) }
    this.#items.set(id, changed)
    return changed
  }

  async rotateKey (id: string): Promise<Ingress | undefined> {
    const found = this.#items.get(id)
    if (!found) return undefined
    if (found.source) throw new AppError('conflict', 'It has no key.')
    const changed = { ...found, streamKey: `canary-${newId('ingress')}` }
    this.#items.set(id, changed)
    return changed
  }

  async delete (id: string): Promise<boolean> { return this.#items.delete(id) }
}

export class FakeStreams implements Streams {
  readonly #items = new Map<string, Stream>()

  async create ({ room, participant, name, destinations }: StreamRequest): Promise<Stream> {
    const made = { id: newId('stream'), room, participant, name, destinations: destinations.map(target => ({ id: newId('destination'), target })), createdAt: new Date() }
    this.#items.set(made.id, made)
    return made
  }

  async list ({ room, ...page }: Page & { room?: string | undefined }): Promise<Stream[]> {
    return newestFirst([...this.#items.values()].filter(item => (room ?? item.room) === item.room), page, item => item.id)
  }

  async get (id: string): Promise<Stream | undefined> { return this.#items.get(id) }
  async delete (id: string): Promise<boolean> { return this.#items.delete(id) }

  async addDestination (id: string, target: Target): Promise<Stream | undefined> {
    const found = this.#items.get(id)
    const changed = found && { ...found, destinations: [...found.destinations, { id: newId('destination'), target }] }
    if (changed) this.#items.set(id, changed)
    return changed
  }

  async removeDestination (id: string, destination: string): Promise<boolean> {
    const found = this.#items.get(id)
    if (!found?.destinations.some(one => one.id === destination)) return false
    this.#items.set(id, { ...found, destinations: found.destinations.filter(one => one.id !== destination) })
    return true
  }
}

export class FakeRecordings implements Recordings {
  readonly items = new Map<string, RecordingInfo>()
  /** What file() gives, if anything. */
  path: string | undefined

  async start ({ room, participant }: { room: string, participant?: string | undefined }): Promise<RecordingInfo> {
    const started: RecordingInfo = {
      id: newId('recording'), room, participant, name: undefined, createdAt: new Date(), state: 'active', partial: false, gaps: [], startedAt: new Date(), endedAt: undefined,
      durationMs: 0, sizeBytes: 0, parts: [{ index: 1, startMs: 0, durationMs: 0, sizeBytes: 0, tracks: [] }], reason: '', errorCode: undefined
    }
    this.items.set(started.id, started)
    return started
  }

  async stop (id: string): Promise<RecordingInfo | undefined> {
    const found = this.items.get(id)
    if (!found) return undefined
    if (found.state === 'completed') throw new AppError('conflict', 'This recording is over already.')
    const stopped = { ...found, state: 'completed' as const, endedAt: new Date(), reason: 'stopped', gaps: [{ fromMs: 10, toMs: 15, reason: 'a test' }] }
    this.items.set(id, stopped)
    return stopped
  }

  get (id: string): RecordingInfo | undefined { return this.items.get(id) }

  list ({ room, state, ...page }: Page & { room?: string | undefined, state?: string | undefined }): RecordingInfo[] {
    return newestFirst([...this.items.values()].filter(item => (room ?? item.room) === item.room && (state ?? item.state) === item.state), page, item => item.id)
  }

  async file (id: string, part = 1): Promise<RecordingFile | undefined> {
    if (!this.items.has(id) || part !== 1 || this.path === undefined) return undefined
    const bytes = await readFile(this.path)
    return { path: this.path, size: bytes.length, etag: createHash('sha256').update(bytes).digest('hex').slice(0, 16) }
  }

  async delete (id: string): Promise<boolean> {
    if (this.items.get(id)?.state === 'active') throw new AppError('conflict', 'This recording is still running.')
    return this.items.delete(id)
  }
}

export class FakeEvents implements Events {
  readonly items: EventInfo[] = []
  readonly #wakes = new Set<() => void>()

  append (type: string, data: unknown = {}, room?: string): EventInfo {
    const event = { sequence: this.items.length + 1, id: newId('event'), type, at: new Date(), room, data }
    this.items.push(event)
    for (const wake of this.#wakes) wake()
    return event
  }

  get listeners (): number { return this.#wakes.size }

  async after (sequence: number, { limit, room }: { limit: number, room?: string | undefined }): Promise<EventInfo[]> {
    return this.items.filter(event => event.sequence > sequence && (room ?? event.room) === event.room).slice(0, limit)
  }

  async newest ({ limit, room }: { limit: number, room?: string | undefined }): Promise<EventInfo[]> {
    return this.items.filter(event => (room ?? event.room) === event.room).slice(-limit)
  }

  async last (): Promise<number> { return this.items.length }

  onAppended (wake: () => void): Disposable {
    this.#wakes.add(wake)
    return { [Symbol.dispose]: () => { this.#wakes.delete(wake) } }
  }
}

export class FakeWebhooks implements Webhooks {
  readonly #items = new Map<string, Webhook>()

  async create ({ url, events = [], description = '' }: WebhookRequest): Promise<{ webhook: Webhook, secret: string }> {
    if (new URL(url).hostname === '127.0.0.1') throw new AppError('destination_not_allowed')
    const webhook = { id: newId('webhook'), url, events, description, enabled: true, disabledReason: undefined, createdAt: new Date() }
    this.#items.set(webhook.id, webhook)
    return { webhook, secret: 'whsec_canary' }
  }

  async list (): Promise<Webhook[]> { return [...this.#items.values()] }
  async get (id: string): Promise<Webhook | undefined> { return this.#items.get(id) }

  async update (id: string, { url, events, description, enabled }: WebhookChange): Promise<Webhook | undefined> {
    const found = this.#items.get(id)
    if (!found) return undefined
    const changed = { ...found, url: url ?? found.url, events: events ?? found.events, description: description ?? found.description, enabled: enabled ?? found.enabled }
    this.#items.set(id, changed)
    return changed
  }

  async delete (id: string): Promise<boolean> { return this.#items.delete(id) }
  async rotateSecret (id: string): Promise<string | undefined> { return this.#items.has(id) ? 'whsec_canary2' : undefined }

  async deliveries (id: string, page: Page): Promise<WebhookDelivery[]> {
    const sent = [{ eventId: 'evt_1', state: 'delivered' as const, attempts: 1, lastStatus: 200, nextAttemptAt: undefined }]
    return this.#items.has(id) ? newestFirst(sent, page, item => item.eventId) : []
  }

  async redeliver (id: string, eventId: string): Promise<boolean> { return this.#items.has(id) && eventId === 'evt_1' }
}
