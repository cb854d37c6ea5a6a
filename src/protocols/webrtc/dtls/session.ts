import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../../lib/clock.ts'
import { AppError } from '../../../lib/errors.ts'
import type { Fingerprint } from '../sdp-types.ts'
import type { DtlsContext } from './context.ts'
import { callback, openssl, type Pointer, profileIdAt, Ssl } from './openssl.ts'

/** Bytes of a datagram: what every path carries. */
const MTU = 1200
const HEADER_BYTES = 13
const MAX_DATAGRAM_BYTES = 2 ** 14
/**
 * How long a lost flight is waited for. RFC 6347 section 4.2.4.1 begins with a second, for lack of knowledge, and lets applications that are
 * sensitive to time begin with less (as does RFC 9147 section 5.8.2); browsers wait 50 ms. A peer that is further away gets a flight twice,
 * which it ignores, and is given twice the time then.
 */
const FIRST_TIMEOUT_US = 50_000
const MAX_TIMEOUT_US = 3_000_000
const TIMEVAL_BYTES = 16
/** RFC 6347 section 4.1: the first byte of a record that holds an alert. */
const ALERT = 21
/** RFC 5764 section 4.2. */
const LABEL = 'EXTRACTOR-dtls_srtp'
const MAX_DIGEST_BYTES = 64

/** Hash functions of fingerprints (RFC 8122 section 5), as OpenSSL names them, and what they give (bytes). */
const hashes: Record<string, { readonly name: string, readonly bytes: number }> = {
  'sha-256': { name: 'SHA256', bytes: 32 }, 'sha-384': { name: 'SHA384', bytes: 48 }, 'sha-512': { name: 'SHA512', bytes: 64 }
}

/** Made once, as the certificates' callback: see `DtlsContext`. */
let nextTimeout: bigint | undefined

export type DtlsKeys = { readonly profileId: number, exported (bytes: number): Buffer }

export type DtlsOptions = {
  readonly context: DtlsContext
  /** Who opens: the client (RFC 5763 section 5). */
  readonly role: 'client' | 'server'
  /** Of the peer's certificate. */
  readonly fingerprint: Fingerprint
  readonly clock: Clock
  readonly send: (datagram: Buffer) => void
  /** The handshake is over, and the peer is who it says. The keys can be had until this returns. */
  readonly connected: (keys: DtlsKeys) => void
  /** Something that looks like a goodbye has come. Who it is from has to be found out otherwise. */
  readonly alerted: () => void
  /** Once: `left` when the peer said goodbye, `failed` when the handshake did, or it was somebody else. */
  readonly ended: (how: 'left' | 'failed') => void
}

/**
 * One DTLS connection, of which the handshake is wanted and nothing else (RFC 5764). Datagrams in, datagrams out. A client's is over for good
 * when it is over, and OpenSSL's 80 KiB go with it: our goodbye is written in advance, and the peer's is recognized by its kind. A server keeps
 * them, since its last flight may be asked for again.
 */
export class DtlsSession implements Disposable {
  readonly #options: DtlsOptions
  readonly #expected: { readonly hash: string, readonly digest: Buffer }
  #ssl: Pointer | undefined
  readonly #in: Pointer
  readonly #out: Pointer
  #state: 'new' | 'handshake' | 'connected' | 'ended' = 'new'
  #timer: Disposable | undefined
  /** What a client has to say at the end. */
  #goodbye: Buffer | undefined

  /** @throws AppError `unprocessable_sdp` for a fingerprint that cannot be compared */
  constructor (options: DtlsOptions) {
    this.#options = options
    this.#expected = expectation(options.fingerprint)
    const ssl = openssl()
    const connection = this.#ssl = options.context.connection()
    this.#in = ssl.BIO_new(ssl.BIO_s_mem())
    this.#out = ssl.BIO_new(ssl.BIO_s_mem())
    for (const bio of [this.#in, this.#out]) ssl.BIO_ctrl(bio, Ssl.bioEofReturn, -1, null) // Empty is not the end.
    ssl.SSL_set_bio(connection, this.#in, this.#out)
    ssl.SSL_ctrl(connection, Ssl.ctrlSetMtu, MTU, null)
    nextTimeout ??= callback((_ssl: bigint, previous: number) => previous === 0 ? FIRST_TIMEOUT_US : Math.min(previous * 2, MAX_TIMEOUT_US), 'NextTimeout')
    ssl.DTLS_set_timer_cb(connection, nextTimeout)
    if (options.role === 'client') ssl.SSL_set_connect_state(connection)
    else ssl.SSL_set_accept_state(connection)
  }

  /** The path is there: a client sends its first flight. */
  start (): void {
    if (this.#state !== 'new') return
    this.#state = 'handshake'
    this.#advance()
  }

  /** A datagram of the peer's. What is no DTLS, or not the peer's, changes nothing. */
  take (datagram: Buffer): void {
    if (this.#goodbye && datagram[0] === ALERT) this.#options.alerted()
    if (this.#ssl === undefined || this.#state === 'ended' || datagram.length > MAX_DATAGRAM_BYTES) return
    openssl().BIO_write(this.#in, datagram, datagram.length)
    if (this.#state === 'new') this.start()
    else if (this.#state === 'handshake') this.#advance()
    else this.#read()
  }

  /** Says goodbye to a peer that is connected. */
  close (): void {
    if (this.#goodbye) this.#options.send(this.#goodbye)
    else if (this.#ssl !== undefined && this.#state === 'connected') {
      openssl().SSL_shutdown(this.#ssl)
      this.#flush()
    }
    this[Symbol.dispose]()
  }

  [Symbol.dispose] (): void {
    this.#state = 'ended'
    this.#goodbye = undefined
    this.#timer?.[Symbol.dispose]()
    this.#free()
  }

  #free (): void {
    if (this.#ssl === undefined) return
    const ssl = openssl()
    ssl.SSL_free(this.#ssl) // With both buffers.
    ssl.ERR_clear_error()
    this.#ssl = undefined
  }

  #advance (): void {
    const ssl = openssl()
    ssl.ERR_clear_error()
    const result = ssl.SSL_do_handshake(this.#ssl!)
    const error = result === 1 ? 0 : ssl.SSL_get_error(this.#ssl!, result)
    this.#flush()
    ssl.ERR_clear_error() // Node's own TLS has the same list of errors.
    if (result === 1) this.#verify()
    else if (error === Ssl.errorWantRead) this.#wait()
    else this.#end('failed')
  }

  #verify (): void {
    this.#timer?.[Symbol.dispose]()
    const profile = openssl().SSL_get_selected_srtp_profile(this.#ssl!)
    if (profile === null || !this.#isExpected()) { this.#end('failed'); return }
    this.#state = 'connected'
    this.#options.connected({ profileId: profileIdAt(profile), exported: bytes => this.#export(bytes) })
    if (this.#ssl !== undefined && this.#options.role === 'server') this.#read() // What came in the same datagram.
    else if (this.#ssl !== undefined) this.#finish()
  }

  /** The server has answered our last flight: it asks for nothing any more. */
  #finish (): void {
    const ssl = openssl()
    ssl.SSL_shutdown(this.#ssl!)
    const length = ssl.BIO_read(this.#out, scratch, scratch.length)
    this.#goodbye = Buffer.from(scratch.subarray(0, Math.max(0, length)))
    this.#free()
  }

  #isExpected (): boolean {
    const ssl = openssl()
    const certificate = ssl.SSL_get1_peer_certificate(this.#ssl!)
    if (certificate === null) return false
    const { hash, digest } = this.#expected
    const found = scratch.subarray(0, MAX_DIGEST_BYTES)
    const done = ssl.X509_digest(certificate, ssl.EVP_get_digestbyname(hash)!, found, digestLength)
    ssl.X509_free(certificate)
    return done === 1 && timingSafeEqual(found.subarray(0, digest.length), digest)
  }

  #export (bytes: number): Buffer {
    const out = Buffer.alloc(bytes)
    const done = openssl().SSL_export_keying_material(this.#ssl!, out, bytes, LABEL, LABEL.length, null, 0, 0)
    if (done !== 1) throw new AppError('internal', 'OpenSSL exported no keys')
    return out
  }

  /** After the handshake nothing is expected but the end. */
  #read (): void {
    const ssl = openssl()
    ssl.ERR_clear_error()
    let result: number
    do result = ssl.SSL_read(this.#ssl!, scratch, scratch.length)
    while (result > 0)
    const error = ssl.SSL_get_error(this.#ssl!, result)
    const alerted = (ssl.ERR_peek_last_error() & Ssl.reasonMask) >= Ssl.reasonAlert
    ssl.ERR_clear_error()
    this.#flush() // A peer that lacks our last flight gets it again.
    if (error === Ssl.errorZeroReturn) this.#end('left')
    else if (error !== Ssl.errorWantRead && alerted) this.#end('failed')
    else if (error !== Ssl.errorWantRead) this.#fallDeaf()
  }

  /**
   * OpenSSL has given the connection up over a datagram that nobody signed. Media needs it no more, and whoever can forge a datagram
   * is not to end it: we only do not hear the peer say goodbye.
   */
  #fallDeaf (): void {
    this[Symbol.dispose]()
  }

  #end (how: 'left' | 'failed'): void {
    if (this.#state === 'ended') return
    this[Symbol.dispose]()
    this.#options.ended(how)
  }

  /** The clock of OpenSSL says how long. */
  #wait (): void {
    this.#timer?.[Symbol.dispose]()
    if (openssl().SSL_ctrl(this.#ssl!, Ssl.ctrlGetTimeout, 0, timeLeft) !== 1) return
    const ms = timeLeft.readInt32LE(0) * 1000 + Math.ceil(timeLeft.readInt32LE(8) / 1000)
    this.#timer = this.#options.clock.after(ms, () => this.#repeat())
  }

  #repeat (): void {
    const ssl = openssl()
    ssl.ERR_clear_error()
    const result = ssl.SSL_ctrl(this.#ssl!, Ssl.ctrlHandleTimeout, 0, null)
    ssl.ERR_clear_error()
    this.#flush()
    if (result < 0) this.#end('failed') // It was repeated often enough.
    else this.#wait()
  }

  /** Records of one flight share datagrams, as far as they fit. */
  #flush (): void {
    const ssl = openssl()
    let length: number
    while ((length = ssl.BIO_read(this.#out, scratch, scratch.length)) > 0) {
      for (const datagram of datagramsOf(scratch.subarray(0, length))) this.#options.send(datagram)
    }
  }
}

/** A flight is some kilobytes; what is longer is read in pieces, of whole records mostly. */
const scratch = Buffer.alloc(2 ** 16)
/** What OpenSSL writes beside it: a `timeval`, whose seconds are few, and the length of a digest. */
const timeLeft = Buffer.alloc(TIMEVAL_BYTES)
const digestLength = Buffer.alloc(4)

function * datagramsOf (flight: Buffer): Generator<Buffer> {
  let from = 0
  let to = 0
  while (to + HEADER_BYTES <= flight.length) {
    const next = to + HEADER_BYTES + flight.readUInt16BE(to + 11)
    if (next - from > MTU && to > from) { yield flight.subarray(from, to); from = to }
    to = next
  }
  if (to > from) yield flight.subarray(from, to)
}

function expectation ({ algorithm, value }: Fingerprint): { hash: string, digest: Buffer } {
  const hash = hashes[algorithm.toLowerCase()]
  const digest = Buffer.from(value.replaceAll(':', ''), 'hex')
  if (hash && digest.length === hash.bytes) return { hash: hash.name, digest }
  const problems = [{ field: 'a=fingerprint', expected: 'sha-256, sha-384 or sha-512, and as many bytes as it has' }]
  throw new AppError('unprocessable_sdp', 'the certificate’s fingerprint cannot be compared', { problems })
}
