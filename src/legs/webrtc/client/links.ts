import type { ConnectionStatus } from '../../../lib/persevere.ts'
import type { Leg } from '../../../room/leg.ts'
import type { Transcode } from '../../../room/track.ts'
import type { ClientOptions } from './connection.ts'
import type { EndpointAddress } from './endpoint.ts'
import { WhepPullLeg } from './whep-pull-leg.ts'
import { WhipPushLeg } from './whip-push-leg.ts'

/** Lets a leg into a room; the bridge does. */
export interface Admission {
  admit (leg: Leg, request: { readonly room: string, readonly externalId: string }): Promise<AdmittedSession>
}
export interface AdmittedSession {
  readonly done: Promise<void>
  close (reason: string): Promise<void>
}

export type LinkStatus = Omit<ReturnType<ConnectionStatus['describe']>, 'state'> & { readonly state: ConnectionStatus['state'] | 'ended' }

export type LinksOptions = Omit<ClientOptions, 'server'> & { readonly bridge: Admission, readonly transcode: Transcode }

type Link = { readonly leg: WhipPushLeg | WhepPullLeg, readonly session: AdmittedSession, over: boolean }

/** The connections to WHIP and WHEP servers elsewhere that somebody wants kept, by the id of what asked for them. */
export class Links {
  readonly #options: LinksOptions
  readonly #links = new Map<string, Link>()

  constructor (options: LinksOptions) { this.#options = options }

  /** Publishes a participant of a room, or whoever is there, to a WHIP server. @throws what the bridge says */
  push (id: string, { room, participant, server }: { room: string, participant?: string | undefined, server: EndpointAddress }): Promise<void> {
    return this.#start(id, room, new WhipPushLeg({ ...this.#options, server, participant }))
  }

  /** Is a participant of a room with what a WHEP server shows. @throws what the bridge says */
  pull (id: string, { room, identity, name, server }: { room: string, identity: string, name: string, server: EndpointAddress }): Promise<void> {
    return this.#start(id, room, new WhepPullLeg({ ...this.#options, server, identity, name }))
  }

  async stop (id: string, reason: string): Promise<void> {
    const link = this.#links.get(id)
    this.#links.delete(id)
    await link?.session.close(reason)
  }

  /** How it goes, or how it went; undefined for what was never asked for here. */
  status (id: string): LinkStatus | undefined {
    const link = this.#links.get(id)
    if (!link) return undefined
    const status = link.leg.connection.describe()
    return link.over && status.state !== 'failed' ? { ...status, state: 'ended', retryAt: null } : status
  }

  async #start (id: string, room: string, leg: Link['leg']): Promise<void> {
    await this.stop(id, 'changed')
    const session = await this.#options.bridge.admit(leg, { room, externalId: id })
    const link: Link = { leg, session, over: false }
    this.#links.set(id, link)
    void session.done.then(() => { link.over = true })
  }
}
