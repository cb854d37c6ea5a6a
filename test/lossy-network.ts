import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'

/** What happens to packets in one direction. */
export type Conditions = {
  /** The share of packets lost, and of those that come twice: 0 to 1. */
  loss: number
  duplicates: number
  /** Each packet takes this long, and up to `jitterMs` more: those sent later may arrive earlier. */
  delayMs: number
  jitterMs: number
  /** Bit/s the narrowest link carries, and how long its queue may be (ms) before it drops. */
  bitrate: number
  queueMs: number
  /** Nothing passes. */
  blackout: boolean
}

export const perfect: Conditions = { loss: 0, duplicates: 0, delayMs: 0, jitterMs: 0, bitrate: Infinity, queueMs: 300, blackout: false }

/** Numbers from 0 to 1, the same for the same seed. */
function seeded (seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 >>> 0
    return state / 2 ** 32
  }
}

/** One direction of a path. */
class Direction {
  readonly conditions: Conditions = { ...perfect }
  passed = 0
  dropped = 0
  readonly #random: () => number
  readonly #timers = new Set<NodeJS.Timeout>()
  #linkFreeAt = 0

  constructor (seed: number) { this.#random = seeded(seed) }

  carry (bytes: Buffer, deliver: (bytes: Buffer) => void): void {
    const { loss, duplicates, blackout } = this.conditions
    const wait = this.#wait(bytes.length)
    if (blackout || wait === undefined || this.#random() < loss) { this.dropped++; return }
    this.passed++
    this.#after(wait, () => deliver(bytes))
    if (this.#random() < duplicates) this.#after(wait + 1, () => deliver(bytes))
  }

  close (): void { for (const timer of this.#timers) clearTimeout(timer) }

  /** @returns undefined when the queue is full */
  #wait (bytes: number): number | undefined {
    const { delayMs, jitterMs, bitrate, queueMs } = this.conditions
    const now = performance.now()
    const queued = Math.max(0, this.#linkFreeAt - now)
    if (queued > queueMs) return undefined
    const transmission = bytes * 8 / bitrate * 1000
    this.#linkFreeAt = now + queued + transmission
    return queued + transmission + delayMs + this.#random() * jitterMs
  }

  #after (ms: number, then: () => void): void {
    if (ms < 1) { then(); return }
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      then()
    }, ms)
    this.#timers.add(timer)
  }
}

/**
 * A network between the service and its peers: a UDP proxy whose faults are drawn from a seed. A peer is led over it by the
 * candidates in its answer. Conditions may be changed at any time.
 */
export class LossyNetwork implements AsyncDisposable {
  /** Sees what peers send. */
  onSent: (bytes: Buffer) => void = () => {}
  readonly #front: Socket
  readonly #servicePort: number
  readonly #backs = new Map<string, Promise<Socket>>()
  readonly #toService: Direction
  readonly #toPeer: Direction

  private constructor (front: Socket, servicePort: number, seed: number) {
    this.#front = front
    this.#servicePort = servicePort
    this.#toService = new Direction(seed)
    this.#toPeer = new Direction(seed + 1)
    front.on('message', (bytes, from) => {
      this.onSent(bytes)
      this.#toService.carry(bytes, b => void this.#forward(b, from))
    })
  }

  /** @param servicePort where the service listens for media on this machine */
  static async open (servicePort: number, conditions: { toService?: Partial<Conditions>, toPeer?: Partial<Conditions> } = {}, seed = 1): Promise<LossyNetwork> {
    const front = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
    front.bind(0)
    await once(front, 'listening')
    const network = new LossyNetwork(front, servicePort, seed)
    Object.assign(network.toService, conditions.toService)
    Object.assign(network.toPeer, conditions.toPeer)
    return network
  }

  get toService (): Conditions { return this.#toService.conditions }
  get toPeer (): Conditions { return this.#toPeer.conditions }
  get dropped (): { toService: number, toPeer: number } { return { toService: this.#toService.dropped, toPeer: this.#toPeer.dropped } }

  /** Both directions at once. */
  set blackout (on: boolean) { this.toService.blackout = this.toPeer.blackout = on }

  /** As a router that was restarted: from now on peers' packets come from other ports, and what is sent to the old ones reaches nobody. */
  async rebind (): Promise<void> {
    const old = [...this.#backs.values()]
    this.#backs.clear()
    for (const back of await Promise.all(old)) back.close()
  }

  /** The service's answer as a peer behind this network gets it. */
  answer (sdp: string): string {
    const port = this.#front.address().port
    return sdp.replace(/^(a=candidate:\S+ 1 udp \d+ [\d.]+) \d+ /gm, `$1 ${port} `).replace(/^a=candidate:\S+ 1 udp \d+ [\da-f]*:.*\r\n/gm, '')
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#toService.close()
    this.#toPeer.close()
    for (const back of await Promise.all(this.#backs.values())) back.close()
    this.#front.close()
    await once(this.#front, 'close')
  }

  async #forward (bytes: Buffer, peer: RemoteInfo): Promise<void> {
    const key = `${peer.address}:${peer.port}`
    let back = this.#backs.get(key)
    if (!back) this.#backs.set(key, back = this.#open(peer))
    const socket = await back
    if (this.#backs.get(key) === back) socket.send(bytes, this.#servicePort, '127.0.0.1')
  }

  async #open (peer: RemoteInfo): Promise<Socket> {
    const back = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
    back.on('message', bytes => this.#toPeer.carry(bytes, b => this.#front.send(b, peer.port, peer.address)))
    back.bind(0, '127.0.0.1')
    await once(back, 'listening')
    return back
  }
}
