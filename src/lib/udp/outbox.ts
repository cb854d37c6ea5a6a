import { kernel } from './kernel.ts'
import { allocate, type NativeMemory } from './native-memory.ts'
import type { Remote } from './remote.ts'
import { SLOT_BYTES } from './socket.ts'

/** Two packets to each of a hundred peers find one another here, and become bursts. With more slots the first packet waits longer for the last: twice as many cost a millisecond. */
const SLOTS = 256
/** Layouts of `struct mmsghdr`, `struct iovec` and a `struct cmsghdr` that holds 16 bits, on 64 bits (bytes). */
const MESSAGE_BYTES = 64
const MESSAGE_WORDS = MESSAGE_BYTES / 8
const Word = { name: 0, vectors: 2, control: 4 } as const
const IOV_BYTES = 16
const NAME_BYTES = 28
const CONTROL_BYTES = 24
const CONTROL_LENGTH = 18
const SOL_UDP = 17
const UDP_SEGMENT = 103
/** What the kernel takes in one piece: so many datagrams, so many bytes. */
const MAX_SEGMENTS = 64
const MAX_BURST_BYTES = 65_000
/** Larger ones may need IP fragments, which bursts must not. */
const MAX_SEGMENT_BYTES = 1452

/**
 * Sends what was printed in its slots in few system calls (`sendmmsg`), and what goes to one peer in one burst, which the kernel
 * cuts into datagrams (UDP_SEGMENT): that is where most of the cost of a datagram is saved.
 */
export class Outbox {
  /** Datagrams the system did not take. */
  dropped = 0
  readonly #fd: number
  readonly #slots = allocate(SLOTS * SLOT_BYTES)
  readonly #messages = allocate(SLOTS * MESSAGE_BYTES)
  readonly #names = allocate(SLOTS * NAME_BYTES)
  readonly #vectors = allocate(SLOTS * IOV_BYTES)
  readonly #controls = allocate(SLOTS * CONTROL_BYTES)
  readonly #messagesAt = Number(this.#messages.address)
  readonly #messageWords = wordsOf(this.#messages)
  readonly #vectorWords = wordsOf(this.#vectors)
  readonly #slotAddresses = addresses(this.#slots, SLOT_BYTES)
  readonly #vectorAddresses = addresses(this.#vectors, IOV_BYTES)
  /** By slot; those of the turn before stay until they are overwritten. */
  readonly #remotes: (Remote | undefined)[] = Array.from({ length: SLOTS })
  readonly #lengths = new Uint32Array(SLOTS)
  /** Slots in the order of their bursts: the next one of the same, or -1. */
  readonly #next = new Int16Array(SLOTS)
  /** By burst: its first and last slot, how many, how large each, and how large all. */
  readonly #first = new Int16Array(SLOTS)
  readonly #last = new Int16Array(SLOTS)
  readonly #counts = new Uint16Array(SLOTS)
  readonly #firstVectors = new Int16Array(SLOTS)
  readonly #sizes = new Uint32Array(SLOTS)
  readonly #totals = new Uint32Array(SLOTS)
  /** Peers behind a path that takes no bursts of this size. */
  readonly #unburst = new WeakSet<Remote>()
  /** Counts flushes: what a peer remembers of a burst holds for one of them. */
  #turn = 0
  #bursts = 0
  #used = 0
  #canBurst = true

  constructor (fd: number) {
    this.#fd = fd
    const [names, controlled] = [addresses(this.#names, NAME_BYTES), addresses(this.#controls, CONTROL_BYTES)]
    for (let i = 0; i < SLOTS; i++) {
      this.#messageWords[i * MESSAGE_WORDS + Word.name] = names[i]!
      this.#messageWords[i * MESSAGE_WORDS + Word.control] = controlled[i]!
      const control = this.#controls.bytes.subarray(i * CONTROL_BYTES, (i + 1) * CONTROL_BYTES)
      control.writeUInt32LE(CONTROL_LENGTH)
      control.writeInt32LE(SOL_UDP, 8)
      control.writeInt32LE(UDP_SEGMENT, 12)
    }
  }

  get memory (): Buffer { return this.#slots.bytes }
  get isEmpty (): boolean { return this.#used === 0 }

  reserve (): number {
    if (this.#used === SLOTS) this.flush()
    return this.#used * SLOT_BYTES
  }

  commit (to: Remote, length: number): void {
    if (this.#used === SLOTS || length <= 0 || length > SLOT_BYTES) throw new RangeError(`a datagram of ${length} bytes, where ${SLOT_BYTES} were reserved`)
    const slot = this.#used++
    this.#remotes[slot] = to
    this.#lengths[slot] = length
    this.#next[slot] = -1
    if (to.turn !== this.#turn || to.burst < 0 || !this.#join(to.burst, slot, length)) this.#begin(slot, to, length)
  }

  #begin (slot: number, to: Remote, length: number): void {
    const burst = this.#bursts++
    this.#first[burst] = this.#last[burst] = slot
    this.#counts[burst] = 1
    this.#sizes[burst] = this.#totals[burst] = length
    to.turn = this.#turn
    to.burst = this.#canBurst && length <= MAX_SEGMENT_BYTES ? burst : -1
  }

  /** All datagrams of a burst but the last have one size. */
  #join (burst: number, slot: number, length: number): boolean {
    if (length > this.#sizes[burst]! || this.#counts[burst] === MAX_SEGMENTS || this.#totals[burst]! + length > MAX_BURST_BYTES || this.#unburst.has(this.#remotes[slot]!)) return false
    this.#next[this.#last[burst]!] = slot
    this.#last[burst] = slot
    this.#counts[burst]!++
    this.#totals[burst]! += length
    if (length < this.#sizes[burst]!) this.#remotes[slot]!.burst = -1
    return true
  }

  flush (): void {
    if (this.#used === 0) return
    this.#print()
    for (let sent = 0; sent < this.#bursts;) {
      const count = this.#send(sent, this.#bursts - sent)
      const errno = count > 0 ? 0 : kernel.errno()
      if (count > 0) sent += count
      else if (errno !== kernel.EINTR) this.#refused(sent++, errno)
    }
    this.#used = this.#bursts = 0
    this.#turn++
  }

  /** Fills in what the system reads. */
  #print (): void {
    let vector = 0
    for (let burst = 0; burst < this.#bursts; burst++) {
      this.#firstVectors[burst] = vector
      for (let slot = this.#first[burst]!; slot >= 0; slot = this.#next[slot]!) {
        this.#vectorWords[vector * 2] = this.#slotAddresses[slot]!
        this.#vectors.bytes.writeUInt32LE(this.#lengths[slot]!, vector * IOV_BYTES + 8)
        vector++
      }
      const { sockaddr } = this.#remotes[this.#first[burst]!]!
      this.#names.bytes.set(sockaddr, burst * NAME_BYTES)
      this.#messages.bytes.writeUInt32LE(sockaddr.length, burst * MESSAGE_BYTES + 8)
      this.#printMessage(burst, this.#firstVectors[burst]!, this.#counts[burst]!)
    }
  }

  #printMessage (burst: number, firstVector: number, vectors: number): void {
    const at = burst * MESSAGE_BYTES
    this.#messageWords[burst * MESSAGE_WORDS + Word.vectors] = this.#vectorAddresses[firstVector]!
    this.#messages.bytes.writeUInt32LE(vectors, at + 24)
    this.#messages.bytes.writeUInt32LE(vectors > 1 ? CONTROL_BYTES : 0, at + 40)
    if (vectors > 1) this.#controls.bytes.writeUInt16LE(this.#sizes[burst]!, burst * CONTROL_BYTES + 16)
  }

  #send (burst: number, count: number): number {
    return kernel.calls.sendmmsg(this.#fd, this.#messagesAt + burst * MESSAGE_BYTES, count, kernel.MSG_DONTWAIT)
  }

  /** One peer's trouble is nobody else's: the rest goes on behind it. */
  #refused (burst: number, errno: number): void {
    const count = this.#counts[burst]!
    if (count > 1 && errno === kernel.EIO) this.#canBurst = false // No checksums by the network card, in none of its bursts.
    if (count > 1 && (errno === kernel.EIO || errno === kernel.EINVAL || errno === kernel.EMSGSIZE)) this.#sendSingly(burst)
    else this.dropped += count
  }

  /** What cannot leave in a burst of this size leaves as single datagrams, which may become fragments. */
  #sendSingly (burst: number): void {
    this.#unburst.add(this.#remotes[this.#first[burst]!]!)
    for (let i = 0; i < this.#counts[burst]!; i++) {
      this.#printMessage(burst, this.#firstVectors[burst]! + i, 1)
      if (this.#send(burst, 1) !== 1) this.dropped++
    }
  }
}

const wordsOf = ({ bytes }: NativeMemory): BigUint64Array => new BigUint64Array(bytes.buffer)

/** Of its parts, made once: sums of BigInts are made on the heap. */
const addresses = ({ address, bytes }: NativeMemory, size: number): BigUint64Array => BigUint64Array.from({ length: bytes.length / size }, (_, i) => address + BigInt(i * size))
