import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import type { Clock } from '../../lib/clock.ts'
import { peerReflexivePriority } from './candidate.ts'
import { newCredentials } from './ice-credentials.ts'
import type { IceCredentials } from './sdp-types.ts'
import { isSigned, isStun, parseBinding, printBinding, type StunBinding, TRANSACTION_BYTES, type TransportAddress } from './stun.ts'

const TICK_MS = 100
/** After a restart the peer’s candidates are checked after 1, 2, 4, 8, … of these ticks. */
const LAST_OPENING_TICK = 32
const MAX_CANDIDATES = 8
/** RFC 7675 section 5.1: how often the peer is asked whether it still wants packets, and how long its last word holds. */
const CONSENT_TICKS = 50
/** Chromium sleeps once its checks were not answered for 15 s, until it is asked: see `WakeUp`. */
const SLEEPING_TICKS = 10
const ASLEEP_AFTER_MS = 12_000
const CONSENT_MS = 30_000
const MAX_OPEN_CHECKS = 32
/** A peer that is heard from elsewhere, and no longer from where it was for this long, has moved. */
const SILENT_MS = 1500
/** Addresses a peer may send from at once: its networks, in two IP versions. */
const MAX_ADDRESSES = 16
/** Above all that the library could have found itself: once there is a route, the library takes it. */
const ROUTE_PRIORITY = 0x7fffffff

type Spot = TransportAddress & { readonly key: string, priority: number, heardAt: number, generation: number }

export type IceRouteOptions = {
  /** Where the library listens, and the credentials it agreed on with the peer at first. */
  readonly library: TransportAddress & { readonly local: IceCredentials, readonly remote: IceCredentials }
  /** To the peer, from the front’s socket. */
  readonly send: (bytes: Buffer, to: TransportAddress) => void
  /** The peer is no longer heard from there. */
  readonly forget: (key: string) => void
  /** Called once, when the peer’s consent has expired. */
  readonly lost: () => void
  readonly clock: Clock
}

/**
 * The way of one peer’s packets between the front and the library’s socket. Two conversations of ICE meet here: the peer’s, with
 * credentials that can be renewed and an address that may change; and one with the library, in which we are the peer, with the
 * first credentials, at an address that never changes. DTLS and SRTP pass untouched, so that they notice none of it.
 */
export class IceRoute implements Disposable {
  readonly #options: IceRouteOptions
  readonly #inner: Socket
  readonly #tieBreaker = randomBytes(8).readBigUInt64BE()
  readonly #timer: Disposable
  readonly #spots = new Map<string, Spot>()
  /** Transactions of our checks, the latest. */
  readonly #checks = new Set<string>()
  #local = newCredentials()
  #remote: IceCredentials
  #candidates: readonly TransportAddress[] = []
  #generation = 0
  #selected: Spot | undefined
  #taken = false
  #ticks = 0
  #consentAt = 0

  constructor (options: IceRouteOptions) {
    this.#options = options
    this.#remote = options.library.remote
    this.#inner = createSocket({ type: options.library.address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20, lookup: asItIs })
    this.#inner.on('message', (bytes, from) => { if (from.port === options.library.port) this.#fromLibrary(bytes) })
    this.#inner.on('error', () => {}) // A packet that cannot be sent is lost, as on any network.
    this.#timer = options.clock.every(TICK_MS, () => this.#tick())
  }

  /** What the peer is told. */
  get local (): IceCredentials { return this.#local }
  /** Where the peer is. */
  get selected (): TransportAddress | undefined { return this.#selected && plain(this.#selected) }

  /** New credentials on both sides: `IceFront.renew`. */
  restart (remote: IceCredentials): void {
    this.#local = newCredentials()
    this.#remote = remote
    this.#candidates = []
    this.#generation++
    this.#ticks = 0
    this.#checks.clear()
  }

  /** Checks these of the peer’s candidates, which opens the way to us through a firewall that lets in only what was asked for. */
  open (candidates: readonly TransportAddress[]): void {
    this.#candidates = [...this.#candidates, ...candidates].slice(0, MAX_CANDIDATES)
  }

  /** A check of the peer’s. @returns whether it is the peer’s */
  takeCheck (check: StunBinding, bytes: Buffer, from: TransportAddress, key: string): boolean {
    const { transaction, username, controlled, useCandidate = false, priority = 0 } = check
    if (username !== `${this.#local.ufrag}:${this.#remote.ufrag}` || !isSigned(bytes, this.#local.pwd)) return false
    // Who answered an offer is controlled (RFC 8445 section 6.1.1), and stays so.
    const answer = controlled === undefined ? { kind: 'success', transaction, mapped: plain(from) } as const : { kind: 'error', transaction, errorCode: 487 } as const
    this.#options.send(printBinding(answer, this.#local.pwd), from)
    if (controlled === undefined) this.#hear(this.#spotAt(from, key, priority), useCandidate)
    return true
  }

  /** To a check of ours, from an address that the peer’s checks came from. */
  takeAnswer ({ kind, transaction }: StunBinding, bytes: Buffer): void {
    const asked = kind === 'success' && this.#checks.has(transaction.toString('hex'))
    if (asked && isSigned(bytes, this.#remote.pwd)) this.#consentAt = this.#options.clock.now()
  }

  /** DTLS or SRTP, from an address that the peer’s checks came from. */
  take (bytes: Buffer): void { this.#toLibrary(bytes) }

  [Symbol.dispose] (): void {
    this.#timer[Symbol.dispose]()
    for (const key of this.#spots.keys()) this.#options.forget(key)
    this.#spots.clear()
    this.#inner.close()
  }

  #spotAt (from: TransportAddress, key: string, priority: number): Spot {
    const known = this.#spots.get(key)
    const spot = known ?? { ...from, key, priority, heardAt: 0, generation: 0 }
    Object.assign(spot, { priority, heardAt: this.#options.clock.now(), generation: this.#generation })
    if (known) return spot
    this.#spots.set(key, spot)
    if (this.#spots.size > MAX_ADDRESSES) this.#forgetOldest()
    return spot
  }

  #forgetOldest (): void {
    const oldest = [...this.#spots.values()].filter(spot => spot !== this.#selected).reduce((a, b) => a.heardAt <= b.heardAt ? a : b)
    this.#spots.delete(oldest.key)
    this.#options.forget(oldest.key)
  }

  /** Of addresses that are nominated the one with the highest priority is used (RFC 8445 section 8.1.1), and of equals the latest. */
  #hear (spot: Spot, nominated: boolean): void {
    const current = this.#selected
    if (spot === current) return
    const outdated = !current || current.generation < this.#generation
    const better = nominated && (outdated || spot.priority >= current.priority)
    const moved = current !== undefined && this.#options.clock.now() - current.heardAt >= SILENT_MS
    if (better || moved) this.#select(spot)
  }

  #select (spot: Spot): void {
    this.#selected = spot
    this.#consentAt = this.#options.clock.now()
    if (!this.#taken) this.#offer()
  }

  #tick (): void {
    this.#ticks++
    const selected = this.#selected
    if (selected && !this.#taken) this.#offer()
    const opening = this.#ticks <= LAST_OPENING_TICK && Number.isInteger(Math.log2(this.#ticks))
    if (opening && selected?.generation !== this.#generation) for (const candidate of this.#candidates) this.#check(candidate)
    if (!selected) return
    const now = this.#options.clock.now()
    if (this.#ticks % (now - selected.heardAt < ASLEEP_AFTER_MS ? CONSENT_TICKS : SLEEPING_TICKS) === 0) this.#check(selected)
    if (now - this.#consentAt >= CONSENT_MS) this.#options.lost()
  }

  #check (to: TransportAddress): void {
    const transaction = randomBytes(TRANSACTION_BYTES)
    this.#checks.add(transaction.toString('hex'))
    if (this.#checks.size > MAX_OPEN_CHECKS) this.#checks.delete(this.#checks.values().next().value!)
    const username = `${this.#remote.ufrag}:${this.#local.ufrag}`
    this.#options.send(printBinding({ kind: 'request', transaction, username, priority: peerReflexivePriority, controlled: this.#tieBreaker }, this.#remote.pwd), to)
  }

  /** Nominates the route in the library’s eyes. */
  #offer (): void {
    const { local, remote } = this.#options.library
    const check = { kind: 'request', transaction: randomBytes(TRANSACTION_BYTES), username: `${local.ufrag}:${remote.ufrag}`, priority: ROUTE_PRIORITY, controlling: this.#tieBreaker, useCandidate: true } as const
    this.#toLibrary(printBinding(check, local.pwd))
  }

  #fromLibrary (bytes: Buffer): void {
    if (isStun(bytes)) this.#answerLibrary(parseBinding(bytes))
    else if (this.#selected) this.#options.send(bytes, this.#selected)
  }

  #answerLibrary ({ kind, transaction }: StunBinding): void {
    if (kind !== 'request') return
    this.#taken = true
    const { port, address, remote } = this.#options.library
    this.#toLibrary(printBinding({ kind: 'success', transaction, mapped: { address, port } }, remote.pwd))
  }

  #toLibrary (bytes: Buffer): void { this.#inner.send(bytes, this.#options.library.port, this.#options.library.address) }
}

/** Without the IPv6 prefix under which a socket for both versions shows IPv4. */
const plain = ({ address, port }: TransportAddress): TransportAddress => ({ address: address.replace(/^::ffff:(?=\d+\.)/, ''), port })

/** Addresses are never names: asking a resolver would cost each packet a turn of the event loop. */
export const asItIs = (address: string, _options: unknown, found: (error: null, address: string, family: number) => void): void =>
  found(null, address, address.includes(':') ? 6 : 4)
