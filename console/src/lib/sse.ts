export type ServerSentEvent = { readonly id: string, readonly type: string, readonly data: string }

/**
 * Cuts a stream of text into server-sent events (WHATWG HTML, section 9.2.6). Our own instead of EventSource, which tells
 * neither the status of a refusal nor, in one place, events of every type.
 */
export class EventReader {
  #rest = ''
  #id = ''
  #type = ''
  #data: string[] = []

  /** @returns the events completed by this piece of text, wherever it was cut. */
  push (text: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = []
    const whole = this.#rest + text
    const lines = whole.split(/\r\n|\n|\r(?!$)/) // A CR at the very end may be half of a CRLF.
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') this.#dispatch(events)
      else this.#field(line)
    }
    return events
  }

  #dispatch (events: ServerSentEvent[]): void {
    if (this.#data.length > 0) events.push({ id: this.#id, type: this.#type || 'message', data: this.#data.join('\n') })
    this.#data = []
    this.#type = ''
  }

  #field (line: string): void {
    const colon = line.indexOf(':')
    if (colon === 0) return // A comment: the heartbeat.
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'data') this.#data.push(value)
    else if (name === 'event') this.#type = value
    else if (name === 'id') this.#id = value
  }
}
