import type { Session } from '../../room/session.ts'

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
