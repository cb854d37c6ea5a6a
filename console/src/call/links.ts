import { signal } from '@preact/signals'
import { sleep } from '../lib/wait.ts'
import type { Kind } from './devices.ts'
import { levelOf, LinkMeter, type StatsEntry } from './link-meter.ts'

/** Often enough for a voice to light up in time. */
const LISTEN_MS = 300
/** Every so many of them, everything is measured. */
const LISTENS_PER_READING = 4
/** Of full scale; below it is the noise of a room. */
const SPEAKING_LEVEL = 0.01
/** A pause for breath is no end. */
const SPEAKING_HOLD_MS = 900

export type Link = { readonly connection: RTCPeerConnection, readonly meter: LinkMeter }

/** All connections of a call by the identity they carry: how they do, and who speaks. */
export class Links {
  /** Those who speak now. */
  readonly speaking = signal<ReadonlySet<string>>(new Set())
  /** Counts up with each reading: what shows meters looks at it. */
  readonly readings = signal(0)
  readonly #links = new Map<string, Link>()
  readonly #spokeAt = new Map<string, number>()

  get all (): ReadonlyMap<string, Link> { return this.#links }

  /** A connection made anew takes the place of the one before. */
  add (identity: string, connection: RTCPeerConnection): void { this.#links.set(identity, { connection, meter: new LinkMeter() }) }

  remove (identity: string): void {
    this.#links.delete(identity)
    this.#spokeAt.delete(identity)
  }

  /** Sends another track of the same kind from now on. */
  async replace (identity: string, kind: Kind, track: MediaStreamTrack): Promise<void> {
    const sender = this.#links.get(identity)?.connection.getSenders().find(candidate => candidate.track?.kind === kind)
    await sender?.replaceTrack(track).catch(() => {}) // Closed meanwhile: the next connection takes what is sent then.
  }

  /** Listens and measures until the signal is aborted. */
  async measure (signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn++) {
      const measures = turn % LISTENS_PER_READING === 0
      await Promise.all([...this.#links].map(([identity, link]) => this.#read(identity, link, measures)))
      const now = performance.now()
      const speaking = new Set([...this.#spokeAt].filter(([, at]) => now - at < SPEAKING_HOLD_MS).map(([identity]) => identity))
      if (speaking.symmetricDifference(this.speaking.peek()).size > 0) this.speaking.value = speaking
      if (measures) this.readings.value++
      await sleep(LISTEN_MS, signal)
    }
  }

  async #read (identity: string, { connection, meter }: Link, measures: boolean): Promise<void> {
    if (connection.connectionState !== 'connected') return
    const stats = await connection.getStats() as unknown as ReadonlyMap<string, StatsEntry>
    const entries = [...stats.values()]
    if (levelOf(entries) > SPEAKING_LEVEL) this.#spokeAt.set(identity, performance.now())
    if (measures) meter.push(performance.now(), entries)
  }
}
