/** One server-sent event, its data read as JSON. */
export type Told = { readonly event: string, readonly data: unknown }

/** Reads a stream of server-sent events (WHATWG HTML section 9.2) in the background; disposing leaves it. */
export class EventReader implements AsyncDisposable {
  readonly told: Told[] = []
  /** Whether the other side has ended it. */
  ended = false
  readonly #controller: AbortController
  readonly #reading: Promise<void>

  private constructor (response: Response, controller: AbortController) {
    this.#controller = controller
    this.#reading = this.#read(response).catch(() => {}).then(() => { this.ended = true })
  }

  static async open (url: string): Promise<EventReader> {
    const controller = new AbortController()
    const response = await fetch(url, { headers: { accept: 'text/event-stream' }, signal: controller.signal })
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
    return new EventReader(response, controller)
  }

  of (event: string): unknown[] { return this.told.filter(told => told.event === event).map(({ data }) => data) }
  last (event: string): unknown { return this.of(event).at(-1) }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#controller.abort()
    await this.#reading
  }

  async #read (response: Response): Promise<void> {
    let text = ''
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + chunk).split('\n\n')
      text = blocks.pop()!
      for (const block of blocks) {
        const [, event] = /^event: (.*)$/m.exec(block) ?? []
        const [, data] = /^data: (.*)$/m.exec(block) ?? []
        if (event !== undefined && data !== undefined) this.told.push({ event, data: JSON.parse(data) })
      }
    }
  }
}
