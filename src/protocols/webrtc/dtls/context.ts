import { AppError } from '../../../lib/errors.ts'
import { createCertificate } from './certificate.ts'
import { callback, openssl, type Pointer, Ssl } from './openssl.ts'

/** ECDHE alone, with AEAD alone; the certificate decides between the two (RFC 8827 section 6.5 requires the first). */
const CIPHERS = 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305'
const GROUPS = 'X25519:P-256:P-384'
/** The fastest first; the last is the one that everybody has (RFC 8827 section 6.5). */
const SRTP_PROFILES = 'SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80'

/**
 * A peer is known by its certificate's fingerprint, which is compared when the handshake is over; nobody signs for it.
 * Made once: a callback from C is never given back, since a connection may still know it.
 */
let acceptAnyCertificate: bigint | undefined

/** What all DTLS connections of one port have in common: our certificate, and what may be negotiated. */
export class DtlsContext implements Disposable {
  readonly fingerprint: { readonly algorithm: 'sha-256', readonly value: string }
  readonly #pointer: Pointer
  #disposed = false

  /** @throws AppError `dependency_unavailable` */
  constructor () {
    const ssl = openssl()
    const certificate = createCertificate('AuraLink', Date.now())
    this.fingerprint = certificate.fingerprint
    const context = this.#pointer = ssl.SSL_CTX_new(ssl.DTLS_method())
    acceptAnyCertificate ??= callback(() => 1, 'VerifyCertificate')
    ssl.SSL_CTX_set_options(context, Ssl.optionNoQueryMtu | Ssl.optionNoTicket | Ssl.optionNoRenegotiation)
    ssl.SSL_CTX_set_verify(context, Ssl.verifyPeer | Ssl.failIfNoPeerCert, null)
    ssl.SSL_CTX_set_cert_verify_callback(context, acceptAnyCertificate, null)
    ssl.SSL_CTX_ctrl(context, Ssl.ctrlMode, Ssl.modeReleaseBuffers, null)
    ssl.SSL_CTX_ctrl(context, Ssl.ctrlSessionCacheMode, 0, null)
    const set = ssl.SSL_CTX_ctrl(context, Ssl.ctrlMinProtocol, Ssl.dtls12, null) === 1 &&
      ssl.SSL_CTX_ctrl(context, Ssl.ctrlSetGroupsList, 0, GROUPS) === 1 &&
      ssl.SSL_CTX_set_cipher_list(context, CIPHERS) === 1 &&
      ssl.SSL_CTX_set_tlsext_use_srtp(context, SRTP_PROFILES) === 0 &&
      ssl.SSL_CTX_use_certificate_ASN1(context, certificate.der.length, certificate.der) === 1 &&
      ssl.SSL_CTX_use_PrivateKey_ASN1(Ssl.keyEc, context, certificate.key, certificate.key.length) === 1
    ssl.ERR_clear_error()
    if (set) return
    this[Symbol.dispose]()
    throw new AppError('dependency_unavailable', 'OpenSSL refused the parameters of DTLS: is it limited by a policy of this system?')
  }

  /** For one connection, which frees it. */
  connection (): Pointer {
    if (this.#disposed) throw new Error('the DTLS context is gone')
    return openssl().SSL_new(this.#pointer)
  }

  /** Connections that are there keep what they need of it. */
  [Symbol.dispose] (): void {
    if (this.#disposed) return
    this.#disposed = true
    openssl().SSL_CTX_free(this.#pointer)
  }
}
