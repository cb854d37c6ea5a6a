import koffi from 'koffi'
import { AppError } from '../../../lib/errors.ts'

/** Numbers from OpenSSL's headers: ssl.h, dtls1.h, bio.h, evp.h. */
export const Ssl = {
  ctrlSetMtu: 17, ctrlMode: 33, ctrlSessionCacheMode: 44, ctrlGetTimeout: 73, ctrlHandleTimeout: 74, ctrlSetGroupsList: 92, ctrlMinProtocol: 123,
  verifyPeer: 1, failIfNoPeerCert: 2,
  optionNoQueryMtu: 0x1000, optionNoTicket: 0x4000, optionNoRenegotiation: 0x40000000,
  modeReleaseBuffers: 0x10,
  dtls12: 0xfefd,
  errorWantRead: 2, errorZeroReturn: 6,
  /** A reason from here on is an alert of the peer's. */
  reasonMask: 0x7fffff, reasonAlert: 1000,
  bioEofReturn: 130,
  keyEc: 408
} as const

export type Pointer = bigint

function load () {
  const node = koffi.load(null)
  koffi.proto('int VerifyCertificate(void *store, void *argument)')
  koffi.proto('unsigned int NextTimeout(void *ssl, unsigned int previous)')
  const bind = <T extends (...args: never[]) => unknown>(prototype: string): T => node.func(prototype) as unknown as T
  return {
    DTLS_method: bind<() => Pointer>('void *DTLS_method()'),
    SSL_CTX_new: bind<(method: Pointer) => Pointer>('void *SSL_CTX_new(void *method)'),
    SSL_CTX_free: bind<(context: Pointer) => void>('void SSL_CTX_free(void *context)'),
    SSL_CTX_ctrl: bind<(context: Pointer, command: number, number: number, pointer: string | null) => number>('long SSL_CTX_ctrl(void *context, int command, long number, const char *pointer)'),
    SSL_CTX_set_options: bind<(context: Pointer, options: number) => number>('uint64_t SSL_CTX_set_options(void *context, uint64_t options)'),
    SSL_CTX_set_cipher_list: bind<(context: Pointer, list: string) => number>('int SSL_CTX_set_cipher_list(void *context, const char *list)'),
    SSL_CTX_set_tlsext_use_srtp: bind<(context: Pointer, profiles: string) => number>('int SSL_CTX_set_tlsext_use_srtp(void *context, const char *profiles)'),
    SSL_CTX_set_verify: bind<(context: Pointer, mode: number, callback: null) => void>('void SSL_CTX_set_verify(void *context, int mode, void *callback)'),
    SSL_CTX_set_cert_verify_callback: bind<(context: Pointer, callback: bigint, argument: null) => void>('void SSL_CTX_set_cert_verify_callback(void *context, VerifyCertificate *callback, void *argument)'),
    SSL_CTX_use_certificate_ASN1: bind<(context: Pointer, length: number, der: Buffer) => number>('int SSL_CTX_use_certificate_ASN1(void *context, int length, const uint8_t *der)'),
    SSL_CTX_use_PrivateKey_ASN1: bind<(type: number, context: Pointer, der: Buffer, length: number) => number>('int SSL_CTX_use_PrivateKey_ASN1(int type, void *context, const uint8_t *der, long length)'),
    SSL_new: bind<(context: Pointer) => Pointer>('void *SSL_new(void *context)'),
    SSL_free: bind<(ssl: Pointer) => void>('void SSL_free(void *ssl)'),
    SSL_set_bio: bind<(ssl: Pointer, read: Pointer, write: Pointer) => void>('void SSL_set_bio(void *ssl, void *read, void *write)'),
    SSL_set_connect_state: bind<(ssl: Pointer) => void>('void SSL_set_connect_state(void *ssl)'),
    SSL_set_accept_state: bind<(ssl: Pointer) => void>('void SSL_set_accept_state(void *ssl)'),
    SSL_ctrl: bind<(ssl: Pointer, command: number, number: number, pointer: Buffer | null) => number>('long SSL_ctrl(void *ssl, int command, long number, void *pointer)'),
    DTLS_set_timer_cb: bind<(ssl: Pointer, callback: bigint) => void>('void DTLS_set_timer_cb(void *ssl, NextTimeout *callback)'),
    SSL_do_handshake: bind<(ssl: Pointer) => number>('int SSL_do_handshake(void *ssl)'),
    SSL_read: bind<(ssl: Pointer, bytes: Buffer, length: number) => number>('int SSL_read(void *ssl, void *bytes, int length)'),
    SSL_shutdown: bind<(ssl: Pointer) => number>('int SSL_shutdown(void *ssl)'),
    SSL_get_error: bind<(ssl: Pointer, result: number) => number>('int SSL_get_error(void *ssl, int result)'),
    SSL_get_selected_srtp_profile: bind<(ssl: Pointer) => Pointer | null>('void *SSL_get_selected_srtp_profile(void *ssl)'),
    SSL_export_keying_material: bind<(ssl: Pointer, out: Buffer, length: number, label: string, labelLength: number, context: null, contextLength: number, useContext: number) => number>(
      'int SSL_export_keying_material(void *ssl, uint8_t *out, size_t length, const char *label, size_t labelLength, const uint8_t *context, size_t contextLength, int useContext)'),
    SSL_get1_peer_certificate: bind<(ssl: Pointer) => Pointer | null>('void *SSL_get1_peer_certificate(void *ssl)'),
    X509_digest: bind<(certificate: Pointer, digest: Pointer, out: Buffer, length: Buffer) => number>('int X509_digest(void *certificate, void *digest, uint8_t *out, void *length)'),
    EVP_get_digestbyname: bind<(name: string) => Pointer | null>('void *EVP_get_digestbyname(const char *name)'),
    X509_free: bind<(certificate: Pointer) => void>('void X509_free(void *certificate)'),
    BIO_s_mem: bind<() => Pointer>('void *BIO_s_mem()'),
    BIO_new: bind<(method: Pointer) => Pointer>('void *BIO_new(void *method)'),
    BIO_read: bind<(bio: Pointer, bytes: Buffer, length: number) => number>('int BIO_read(void *bio, void *bytes, int length)'),
    BIO_write: bind<(bio: Pointer, bytes: Buffer, length: number) => number>('int BIO_write(void *bio, const void *bytes, int length)'),
    BIO_ctrl: bind<(bio: Pointer, command: number, number: number, pointer: null) => number>('long BIO_ctrl(void *bio, int command, long number, void *pointer)'),
    ERR_clear_error: bind<() => void>('void ERR_clear_error()'),
    ERR_peek_last_error: bind<() => number>('unsigned long ERR_peek_last_error()')
  }
}

let loaded: ReturnType<typeof load> | undefined

/**
 * The OpenSSL that is part of Node, called directly: Node itself offers no DTLS. It is the library of the binary that runs, and
 * gets its security fixes with it.
 * @throws AppError `dependency_unavailable` where Node hides it: on Windows, and in builds that link OpenSSL from elsewhere
 */
export function openssl (): ReturnType<typeof load> {
  try {
    return loaded ??= load()
  } catch (error) {
    throw new AppError('dependency_unavailable', 'WebRTC needs a Node whose OpenSSL can be called (the official builds for Linux and macOS can).', { cause: error })
  }
}

/** Calls `called` once for each connection of the process. */
export const callback = (called: (...args: never[]) => number, prototype: 'VerifyCertificate' | 'NextTimeout'): bigint => koffi.register(called, koffi.pointer(prototype as never))

/** `SRTP_PROTECTION_PROFILE` has its number behind a pointer. */
export const profileIdAt = (profile: Pointer): number => koffi.decode(profile, 8, 'unsigned long') as number
