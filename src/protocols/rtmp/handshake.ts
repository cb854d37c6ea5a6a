import { createHmac, randomFillSync, timingSafeEqual } from 'node:crypto'
import { ProtocolError } from '../../lib/errors.ts'

/**
 * The RTMP handshake (specification section 5.2): C0 C1 -> S0 S1 S2 -> C2. Its second form, which Flash Player 9 brought and the
 * specification leaves out, hides an HMAC in C1 and S1 at a place that the bytes themselves tell; ffmpeg always begins with it.
 *
 *  C0, S0: | version 3 |
 *  C1, S1: | time (4) | zero, or a software version (4) | random (1528), in it the digest (32) |
 *  C2, S2: simple: the other side's C1 or S1 again; digest: random (1504) and an HMAC keyed with the other side's digest (32)
 */
const VERSION = 3
const PART_BYTES = 1536
const DIGEST_BYTES = 32
/** Where the offset of the digest stands: four bytes, whose sum modulo 728 counts from behind them. */
const OFFSET_PLACES = [8, 772] as const
const OFFSET_RANGE = 728
/** Any version but zero says that a digest follows; these are what widely used software sends. */
const CLIENT_VERSION = 0x80000702
const SERVER_VERSION = 0x04050001

/** Both keys are the same in every implementation: they prove kinship, not identity. */
const SHARED_TAIL = Buffer.from('f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae', 'hex')
const playerName = Buffer.from('Genuine Adobe Flash Player 001')
const serverName = Buffer.from('Genuine Adobe Flash Media Server 001')
const playerKey = Buffer.concat([playerName, SHARED_TAIL])
const serverKey = Buffer.concat([serverName, SHARED_TAIL])

export type HandshakeKind = 'simple' | 'digest'
export type HandshakeStep = {
  /** To be sent now. */
  readonly send?: Buffer
  /** Set when the handshake is over: what came after it. */
  readonly rest?: Buffer
}

/** The server's side. Give it what arrives, send what it says, until it gives back the rest. */
export class ServerHandshake {
  readonly #hello = new Collector(1 + PART_BYTES)
  readonly #goodbye = new Collector(PART_BYTES)
  kind: HandshakeKind = 'simple'
  #answered = false

  /** @throws ProtocolError for any version but 3 (also for encrypted RTMP), at its first byte */
  push (input: Buffer): HandshakeStep {
    if (input.length > 0 && this.#hello.length === 0) checkVersion(input[0]!)
    let rest = this.#hello.push(input)
    if (!this.#hello.full) return {}
    const send = this.#answered ? undefined : this.#answer(this.#hello.bytes.subarray(1))
    rest = this.#goodbye.push(rest) // C2 is not checked: nothing here depends on it, and some encoders send anything.
    return { ...(send ? { send } : {}), ...(this.#goodbye.full ? { rest } : {}) }
  }

  #answer (c1: Buffer): Buffer {
    this.#answered = true
    const answer = Buffer.alloc(1 + 2 * PART_BYTES)
    answer[0] = VERSION
    const s1 = answer.subarray(1, 1 + PART_BYTES)
    const s2 = answer.subarray(1 + PART_BYTES)
    const found = c1.readUInt32BE(4) === 0 ? undefined : findDigest(c1, playerName)
    if (!found) {
      randomFillSync(s1, 8)
      c1.copy(s2)
      return answer
    }
    this.kind = 'digest'
    fillWithDigest(s1, SERVER_VERSION, found.place, serverName)
    fillAnswer(s2, serverKey, found.digest)
    return answer
  }
}

/** The client's side: send `hello`, then as above. */
export class ClientHandshake {
  readonly hello: Buffer
  readonly #kind: HandshakeKind
  readonly #answer = new Collector(1 + 2 * PART_BYTES)

  constructor (kind: HandshakeKind = 'simple') {
    this.#kind = kind
    this.hello = Buffer.alloc(1 + PART_BYTES)
    this.hello[0] = VERSION
    const c1 = this.hello.subarray(1)
    if (kind === 'digest') fillWithDigest(c1, CLIENT_VERSION, OFFSET_PLACES[0], playerName)
    else randomFillSync(c1, 8)
  }

  /** @throws ProtocolError for any version but 3 */
  push (input: Buffer): HandshakeStep {
    if (input.length > 0 && this.#answer.length === 0) checkVersion(input[0]!)
    const rest = this.#answer.push(input)
    return this.#answer.full ? { send: this.#goodbye(this.#answer.bytes.subarray(1, 1 + PART_BYTES)), rest } : {}
  }

  #goodbye (s1: Buffer): Buffer {
    const found = this.#kind === 'digest' ? findDigest(s1, serverName) : undefined
    if (!found) return Buffer.from(s1)
    const c2 = Buffer.alloc(PART_BYTES)
    fillAnswer(c2, playerKey, found.digest)
    return c2
  }
}

/** Takes a known number of bytes as they come. */
class Collector {
  readonly bytes: Buffer
  length = 0

  constructor (size: number) { this.bytes = Buffer.allocUnsafe(size) }

  get full (): boolean { return this.length === this.bytes.length }

  /** @returns what is left over. */
  push (input: Buffer): Buffer {
    const taken = input.copy(this.bytes, this.length, 0, Math.min(input.length, this.bytes.length - this.length))
    this.length += taken
    return input.subarray(taken)
  }
}

function checkVersion (version: number): void {
  if (version !== VERSION) throw new ProtocolError(`RTMP version ${version}`, 0)
}

function digestOffset (part: Buffer, place: number): number {
  const sum = part[place]! + part[place + 1]! + part[place + 2]! + part[place + 3]!
  return place + 4 + sum % OFFSET_RANGE
}

/** The HMAC of everything but the place of the digest itself. */
function digestOf (part: Buffer, at: number, key: Buffer): Buffer {
  return createHmac('sha256', key).update(part.subarray(0, at)).update(part.subarray(at + DIGEST_BYTES)).digest()
}

function findDigest (part: Buffer, key: Buffer): { digest: Buffer, place: number } | undefined {
  for (const place of OFFSET_PLACES) {
    const at = digestOffset(part, place)
    const digest = part.subarray(at, at + DIGEST_BYTES)
    if (timingSafeEqual(digest, digestOf(part, at, key))) return { digest, place }
  }
  return undefined
}

function fillWithDigest (part: Buffer, version: number, place: number, key: Buffer): void {
  part.writeUInt32BE(version, 4)
  randomFillSync(part, 8)
  const at = digestOffset(part, place)
  digestOf(part, at, key).copy(part, at)
}

function fillAnswer (part: Buffer, key: Buffer, otherDigest: Buffer): void {
  randomFillSync(part)
  const at = PART_BYTES - DIGEST_BYTES
  const secret = createHmac('sha256', key).update(otherDigest).digest()
  createHmac('sha256', secret).update(part.subarray(0, at)).digest().copy(part, at)
}
