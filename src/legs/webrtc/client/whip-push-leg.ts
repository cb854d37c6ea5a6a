import { pause } from '../../../lib/pause.ts'
import { ConnectionStatus, persevere } from '../../../lib/persevere.ts'
import { shownUrl } from '../../../lib/redact.ts'
import type { MediaKind } from '../../../media/codec.ts'
import type { SectionToOffer } from '../../../protocols/webrtc/sdp-offer.ts'
import { type Advice, type Leg, type LegContext, type LegStats, noStats } from '../../../room/leg.ts'
import type { Room } from '../../../room/room.ts'
import type { Transcode } from '../../../room/track.ts'
import { type Audience, cast, isEmpty, type Scene } from '../stage.ts'
import { WhepLeg } from '../whep-leg.ts'
import { type ClientOptions, exchange, live, Totals } from './connection.ts'
import { agreeToSend, offerOf } from './negotiate.ts'

const LOOK_EVERY_MS = 100
/** Whoever has sent sound may be about to send a picture, and the other way round; it is waited for so long. */
const SETTLE_MS = 1000

export type WhipPushOptions = ClientOptions & {
  /** Identity or id of the one to push; without, whoever is there. */
  readonly participant?: string | undefined
  readonly transcode: Transcode
}

/**
 * Publishes a participant's picture and sound to somebody else's WHIP server: another bridge, a media server, a platform. It
 * begins when there is something to send, connects again and again until it is stopped, or refused for good.
 */
export class WhipPushLeg implements Leg {
  readonly kind = 'whip-push'
  readonly standing = true
  readonly #options: WhipPushOptions
  readonly #audience: Audience
  readonly #status = new ConnectionStatus()
  readonly #totals = new Totals()
  #connection: WhepLeg | undefined
  #advice: readonly Advice[] = []

  constructor (options: WhipPushOptions) {
    this.#options = options
    this.#audience = { wanted: options.participant, places: { video: 1, audio: 1 } }
  }

  get connection (): ConnectionStatus { return this.#status }

  async run (room: Room, context: LegContext): Promise<void> {
    const { signal, log } = context
    await persevere(() => this.#connect(room, context), this.#status, { signal, clock: this.#options.clock, log })
  }

  stats (): LegStats {
    const now = this.#connection?.stats() ?? noStats
    const detail = { server: shownUrl(this.#options.server.url), ...this.#status.describe(), ...now.detail }
    return { ...this.#totals.with(now), advice: [...this.#advice, ...now.advice], detail }
  }

  async #connect (room: Room, context: LegContext): Promise<void> {
    const { participant: wanted, transcode, settings, clock } = this.#options
    const status = this.#status
    status.idle()
    let scene = await this.#something(room, context.signal)
    status.connecting()
    const cname = [...scene.video, ...scene.audio].find(part => part !== undefined)!.owner.info.id
    const offered = offerOf(scene, cname)
    await using opened = await exchange(offered, this.#options, context.signal)
    const { transport, answer } = opened
    const { viewing, advice } = agreeToSend(offered, answer, scene)
    this.#advice = advice
    const leg = this.#connection = new WhepLeg({ transport, viewing, wanted, cname, transcode, settings, clock })
    const outdated = (): boolean => {
      scene = cast(room, this.#audience, scene)
      return !fits(offered, scene)
    }
    try {
      await live(room, context, { leg, transport, status, clock, mustHear: false, outdated })
    } finally {
      this.#totals.add(leg.stats())
      this.#connection = undefined
    }
  }

  /** Waits until there is something to send. */
  async #something (room: Room, signal: AbortSignal): Promise<Scene> {
    const { clock } = this.#options
    for (let since: number | undefined; ;) {
      const scene = cast(room, this.#audience)
      since = isEmpty(scene) ? undefined : since ?? clock.now()
      const isWhole = scene.video[0] !== undefined && scene.audio[0] !== undefined
      if (since !== undefined && (isWhole || clock.now() - since >= SETTLE_MS)) return scene
      await pause(clock, LOOK_EVERY_MS, signal)
      signal.throwIfAborted()
    }
  }
}

/** Whether what was offered still is what there is: a new kind or another picture codec needs a new offer. */
function fits (offered: readonly SectionToOffer[], scene: Scene): boolean {
  const kinds: readonly MediaKind[] = ['audio', 'video']
  return kinds.every(kind => {
    const track = scene[kind][0]?.track
    const section = offered.find(one => one.kind === kind)
    return !track || (section !== undefined && (kind === 'audio' || section.codecs.some(({ name }) => name === track.codec.name.toLowerCase())))
  })
}
