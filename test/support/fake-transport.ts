import type { Transport } from '../../src/protocols/webrtc/transport.ts'

/** A connection that is there at once, without a network: what a leg sends is kept, what comes is said by `onPacket`. */
export class FakeTransport {
  readonly sent: Buffer[] = []
  readonly state = 'connected'
  readonly connected = Promise.resolve()
  readonly ended = new Promise<never>(() => {})
  readonly pair = undefined
  onPacket: (bytes: Buffer) => void = () => {}

  send (bytes: Buffer): boolean {
    this.sent.push(Buffer.from(bytes))
    return true
  }

  async [Symbol.asyncDispose] (): Promise<void> {}

  /** As legs know it. */
  get asTransport (): Transport { return this as unknown as Transport }
}
