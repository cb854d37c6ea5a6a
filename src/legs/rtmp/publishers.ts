import { AppError } from '../../lib/errors.ts'
import type { Session } from '../../room/session.ts'

/** Who stays when a second publisher comes with the same stream key. */
export type DuplicateRule = 'newest' | 'oldest'

/** Who publishes to which ingress, over whichever port they came: at most one each. */
export class Publishers {
  readonly #byIngress = new Map<string, Publisher>()

  /** @throws AppError `stream_key_in_use` where the oldest stays and there is one */
  enter (ingressId: string, rule: DuplicateRule): Publisher {
    const previous = this.#byIngress.get(ingressId)
    if (previous?.isOver === false && rule === 'oldest') throw new AppError('stream_key_in_use')
    const publisher = new Publisher(previous)
    this.#byIngress.set(ingressId, publisher)
    return publisher
  }

  /** Who did not get in leaves the place to the one before. */
  leave (ingressId: string, publisher: Publisher): void {
    if (this.#byIngress.get(ingressId) !== publisher) return
    if (publisher.previous) this.#byIngress.set(ingressId, publisher.previous)
    else this.#byIngress.delete(ingressId)
  }
}

/** Who publishes with one stream key, from the moment the key was found right until its session is over. */
export class Publisher {
  readonly #over = Promise.withResolvers<void>()
  /** Who published before, until it has made way. */
  #previous: Publisher | undefined
  #session: Session | undefined
  #closing: string | undefined
  #isOver = false

  constructor (previous: Publisher | undefined) { this.#previous = previous }

  get isOver (): boolean { return this.#isOver }
  /** Who still publishes, should this one not get in. */
  get previous (): Publisher | undefined { return this.#previous?.isOver === false ? this.#previous : undefined }

  /** Lives as long as the session; rejects with what `admit` threw. */
  async run (admit: () => Promise<Session>): Promise<void> {
    try {
      const session = await admit()
      this.#session = session
      if (this.#closing !== undefined) await session.close(this.#closing)
      await session.done
    } finally {
      this.#isOver = true
      this.#over.resolve()
    }
  }

  /** Closes the one before. Resolves when its identity is free. */
  async makeWay (): Promise<void> {
    await this.#previous?.close('replaced by a newer publisher with the same stream key')
    this.#previous = undefined // Or each would hold all that came before.
  }

  /** Also while it is still being admitted. Resolves when the session is over, and everybody's before. */
  async close (reason: string): Promise<void> {
    this.#closing ??= reason
    await this.#session?.close(this.#closing)
    await this.#over.promise
    await this.#previous?.close(reason)
  }
}
