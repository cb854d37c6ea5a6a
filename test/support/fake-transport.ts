import type { Transport } from '../../src/protocols/webrtc/transport.ts'
import { printTarget } from './print-target.ts'

/** A connection that is there at once, without a network: what a leg sends is kept, what comes is said by `onPacket`. */
export class FakeTransport {
  readonly sent: Buffer[] = []
  readonly state = 'connected'
  readonly connected = Promise.resolve()
  readonly ended = new Promise<never>(() => {})
  readonly pair = undefined
  onPacket: (bytes: Buffer) => void = () => {}
  onPause: () => void = () => {}
  readonly #target = printTarget(bytes => this.send(bytes))
  readonly memory = this.#target.memory
  readonly reserve = this.#target.reserve
  readonly commit = this.#target.commit

  /** A packet comes, alone. */
  take (bytes: Buffer): void {
    this.onPacket(bytes)
    this.onPause()
  }

  send (bytes: Buffer): boolean {
    this.sent.push(Buffer.from(bytes))
    return true
  }

  async [Symbol.asyncDispose] (): Promise<void> {}

  /** As legs know it. */
  get asTransport (): Transport { return this as unknown as Transport }
}
