import type { Clock } from '../../lib/clock.ts'
import { drawRandom } from '../../lib/random.ts'
import { peerReflexivePriority } from './candidate.ts'
import { newCredentials } from './ice-credentials.ts'
import { type Path, sendOn } from './path.ts'
import type { IceCredentials } from './sdp-types.ts'
import { isSigned, printBinding, type StunBinding, TRANSACTION_BYTES } from './stun.ts'

/** RFC 7675 section 5.1: how often the peer is asked whether it still wants packets (ms), and how long its last word holds. */
const CONSENT_EVERY_MS = 5_000
const CONSENT_MS = 30_000
/** Chromium, once its checks were not answered for 15 s, sends nothing and takes nothing until it is asked itself: so a silent peer is asked more often. */
const SILENT_MS = 12_000
const SILENT_EVERY_MS = 1_000
/** A peer that seems to have said goodbye is asked at once, and has gone when it has not answered in this time (ms). */
const DOUBT_MS = 2_000
/** A peer that is heard from elsewhere, and no longer from where it was for this long, has moved. */
const MOVED_MS = 5_000
/** Addresses a peer may send from at once: its networks, in two IP versions. */
const MAX_SPOTS = 16
const MAX_OPEN_CHECKS = 64
/** Candidates are checked again after 1, 2, 4, 8, … of these (ms), up to the last; then no more. */
const CHECK_TICK_MS = 50
const LAST_CHECK_TICK = 512

/** Where a peer was heard, by a check that it signed. */
export type Spot = {
  readonly path: Path
  priority: number
  /** The generation of credentials that was used there last. */
  generation: number
  /** Whether the peer wants packets there. */
  nominated: boolean
  /** Milliseconds of the clock: when it was heard there last. */
  heardAt: number
  /** Set when authentic packets come: `tick` makes it a time. */
  active: boolean
}

type Credentials = {
  readonly generation: number
  readonly local: IceCredentials
  readonly remote: IceCredentials | undefined
  /** How the peer's checks name both sides. */
  readonly username: string | undefined
}
type OpenCheck = { readonly path: Path, readonly generation: number, readonly nominates: boolean }

export type IceAgentOptions = {
  /** Who made the offer controls (RFC 8445 section 6.1.1), and stays so. */
  readonly role: 'controlled' | 'controlling'
  /** What the peer's description says; without it, `begin` says it later. */
  readonly remote: IceCredentials | undefined
  readonly clock: Clock
  /** Packets go there from now on. */
  readonly selected: (spot: Spot) => void
  /** Checks that name us so are ours, or are no longer. */
  readonly named: (ufrag: string, ours: boolean) => void
  /** Nothing that comes from there is this peer's any more. */
  readonly forgotten: (spot: Spot) => void
  /** Once: the peer has withdrawn its consent (`left`), or has not renewed it (`failed`). */
  readonly lost: (how: 'left' | 'failed') => void
}

/**
 * ICE with one peer (RFC 8445). Controlled, it can be reached by everybody, so it answers checks and makes none but for consent: that
 * sends nothing to an address just because somebody wrote it into an offer. Where the peer appears elsewhere, with a check that it
 * signed, packets follow it there, whether it restarts ICE or a router on the way has forgotten it; but not before it has answered a
 * check of ours there, since anybody who has seen a signed check can send it again from elsewhere.
 */
export class IceAgent implements Disposable {
  readonly #options: IceAgentOptions
  readonly #tieBreaker = drawRandom(8).readBigUInt64BE()
  readonly #spots = new Map<string, Spot>()
  /** By transaction, the latest. */
  readonly #checks = new Map<string, OpenCheck>()
  #now: Credentials
  /** Those before a restart, until a path was selected with the new. */
  #before: Credentials | undefined
  #selected: Spot | undefined
  #consentAt = 0
  #askAt = 0
  #doubtedAt: number | undefined
  #opening: Disposable | undefined
  #over = false

  constructor (options: IceAgentOptions) {
    this.#options = options
    this.#now = credentialsOf(0, newCredentials(), options.remote)
    options.named(this.#now.local.ufrag, true)
  }

  /** What the peer was told last, and what it told us. */
  get local (): IceCredentials { return this.#now.local }
  get remote (): IceCredentials | undefined { return this.#now.remote }
  /** Where packets go. */
  get selected (): Spot | undefined { return this.#selected }

  /** Controlling: checks these paths until one of them works. */
  begin (remote: IceCredentials, paths: readonly Path[]): void {
    this.#now = credentialsOf(0, this.#now.local, remote)
    let ticks = 0
    const check = (): void => {
      ticks++
      if (Number.isInteger(Math.log2(ticks))) for (const path of paths) this.#check(path, this.#now)
      if (ticks === LAST_CHECK_TICK) this.#opening?.[Symbol.dispose]()
    }
    this.#opening = this.#options.clock.every(CHECK_TICK_MS, check)
    check()
  }

  /** New credentials on both sides (RFC 8445 section 2.4). Packets go on as they went until the peer has nominated a path with them. */
  restart (remote: IceCredentials): void {
    const { generation, local } = this.#now
    if (this.#before && this.#selected?.generation === this.#before.generation) this.#options.named(local.ufrag, false)
    else {
      if (this.#before) this.#options.named(this.#before.local.ufrag, false)
      this.#before = this.#now
    }
    this.#now = credentialsOf(generation + 1, newCredentials(), remote)
    this.#options.named(this.#now.local.ufrag, true)
  }

  /** A check that names us. @returns where the peer is heard; undefined if it is not the peer's */
  takeCheck (check: StunBinding, bytes: Buffer, path: Path): Spot | undefined {
    const credentials = this.#inUse(({ username }) => username !== undefined && username === check.username)
    if (!credentials || this.#over || !isSigned(bytes, credentials.local.pwd)) return undefined
    const { transaction, priority = 0, useCandidate = false } = check
    const inOurRole = (this.#options.role === 'controlled' ? check.controlled : check.controlling) !== undefined
    const answer = inOurRole ? { kind: 'error', transaction, errorCode: 487 } as const : { kind: 'success', transaction, mapped: { address: path.address, port: path.port } } as const
    sendOn(path, printBinding(answer, credentials.local.pwd))
    const spot = this.#spotAt(path, { priority, generation: credentials.generation, nominated: useCandidate })
    if (!inOurRole && this.#options.role === 'controlled') this.#consider(spot, credentials)
    return spot
  }

  /** An answer to a check of ours, from the path it was made on. @returns where packets go from now on, if that has changed */
  takeAnswer ({ kind, transaction }: StunBinding, bytes: Buffer, path: Path): Spot | undefined {
    const id = transaction.toString('latin1')
    const check = this.#checks.get(id)
    const credentials = this.#inUse(({ generation }) => generation === check?.generation)
    if (!check || kind !== 'success' || check.path.key !== path.key || !credentials?.remote || !isSigned(bytes, credentials.remote.pwd)) return undefined
    this.#checks.delete(id)
    const spot = this.#spots.get(path.key)
    if (spot) spot.heardAt = this.#options.clock.now()
    if (spot && spot === this.#selected) {
      this.#consentAt = spot.heardAt
      this.#doubtedAt = undefined
    } else if (this.#options.role === 'controlling') return this.#selected ? undefined : this.#takeNews(check, credentials)
    else if (spot && this.#prefers(spot)) return this.#select(spot)
    return undefined
  }

  /** The first path that works is nominated; it is used when the peer has heard of that. */
  #takeNews ({ path, nominates }: OpenCheck, credentials: Credentials): Spot | undefined {
    if (nominates) return this.#select(this.#spotAt(path, { priority: 0, generation: credentials.generation, nominated: true }))
    this.#check(path, credentials, true)
    return undefined
  }

  /** To be called twice a second or so. */
  tick (): void {
    const spot = this.#selected
    if (!spot || this.#over) return
    const now = this.#options.clock.now()
    if (spot.active) spot.heardAt = now
    spot.active = false
    const isGone = this.#doubtedAt !== undefined && now - this.#doubtedAt >= DOUBT_MS
    if (isGone || now - this.#consentAt >= CONSENT_MS) {
      this.#over = true
      this.#options.lost(isGone ? 'left' : 'failed')
    } else if (now >= this.#askAt || this.#doubtedAt !== undefined) {
      this.#ask(spot, now)
    }
  }

  /** Somebody has said, in the peer's place or not, that it is leaving. Who is still there answers. */
  doubt (): void {
    const now = this.#options.clock.now()
    if (this.#doubtedAt !== undefined || !this.#selected || this.#over) return
    this.#doubtedAt = now
    this.#ask(this.#selected, now)
  }

  /** Somebody else is heard there. */
  lose (spot: Spot): void {
    if (this.#spots.get(spot.path.key) === spot) this.#spots.delete(spot.path.key)
  }

  [Symbol.dispose] (): void {
    this.#over = true
    this.#opening?.[Symbol.dispose]()
    for (const known of [this.#now, this.#before]) if (known) this.#options.named(known.local.ufrag, false)
    for (const spot of this.#spots.values()) this.#options.forgotten(spot)
    this.#spots.clear()
  }

  #inUse (areMeant: (known: Credentials) => boolean): Credentials | undefined {
    if (areMeant(this.#now)) return this.#now
    return this.#before && areMeant(this.#before) ? this.#before : undefined
  }

  /** Consent is asked for at times that nobody can know (RFC 7675 section 5.1). */
  #ask (spot: Spot, now: number): void {
    const credentials = spot.generation === this.#now.generation ? this.#now : this.#before ?? this.#now
    this.#check(spot.path, credentials)
    const every = now - spot.heardAt < SILENT_MS ? CONSENT_EVERY_MS * (0.8 + 0.4 * Math.random()) : SILENT_EVERY_MS
    this.#askAt = now + Math.min(every, Math.max(SILENT_EVERY_MS, spot.heardAt + SILENT_MS - now))
  }

  #check (path: Path, { generation, local, remote }: Credentials, nominates = false): void {
    if (!remote || this.#over) return
    const transaction = drawRandom(TRANSACTION_BYTES)
    this.#checks.set(transaction.toString('latin1'), { path, generation, nominates })
    if (this.#checks.size > MAX_OPEN_CHECKS) this.#checks.delete(this.#checks.keys().next().value!)
    const role = this.#options.role === 'controlled' ? { controlled: this.#tieBreaker } : { controlling: this.#tieBreaker, ...nominates ? { useCandidate: true } : {} }
    sendOn(path, printBinding({ kind: 'request', transaction, username: `${remote.ufrag}:${local.ufrag}`, priority: peerReflexivePriority, ...role }, remote.pwd))
  }

  #spotAt (path: Path, said: Pick<Spot, 'priority' | 'generation' | 'nominated'>): Spot {
    const heardAt = this.#options.clock.now()
    const known = this.#spots.get(path.key)
    const nominated = said.nominated || (known !== undefined && known.nominated && known.generation === said.generation)
    if (known) return Object.assign(known, { ...said, nominated, heardAt })
    const spot: Spot = { path, ...said, heardAt, active: false }
    this.#spots.set(path.key, spot)
    if (this.#spots.size > MAX_SPOTS) this.#forgetOldest()
    return spot
  }

  #forgetOldest (): void {
    const oldest = [...this.#spots.values()].filter(spot => spot !== this.#selected).reduce((a, b) => a.heardAt <= b.heardAt ? a : b)
    this.#spots.delete(oldest.path.key)
    this.#options.forgotten(oldest)
  }

  #consider (spot: Spot, credentials: Credentials): void {
    if (spot === this.#selected) this.#settle(spot)
    else if (!this.#selected && spot.nominated) this.#select(spot)
    else if (this.#selected && this.#prefers(spot)) this.#check(spot.path, credentials)
  }

  /** Of paths that are nominated the one with the highest priority is used (RFC 8445 section 8.1.1), and of equals the latest. */
  #prefers (spot: Spot): boolean {
    const current = this.#selected
    if (!current) return spot.nominated
    const better = spot.nominated && (current.generation < spot.generation || (current.generation === spot.generation && spot.priority >= current.priority))
    return better || (!current.active && spot.heardAt - current.heardAt >= MOVED_MS)
  }

  #select (spot: Spot): Spot {
    this.#opening?.[Symbol.dispose]()
    this.#selected = spot
    this.#consentAt = this.#options.clock.now()
    this.#askAt = this.#consentAt + CONSENT_EVERY_MS
    this.#settle(spot)
    this.#options.selected(spot)
    return spot
  }

  /** Once the new credentials are in use, the old ones are nobody's. */
  #settle ({ generation }: Spot): void {
    if (!this.#before || generation !== this.#now.generation) return
    this.#options.named(this.#before.local.ufrag, false)
    this.#before = undefined
  }
}

const credentialsOf = (generation: number, local: IceCredentials, remote: IceCredentials | undefined): Credentials =>
  ({ generation, local, remote, username: remote && `${local.ufrag}:${remote.ufrag}` })
