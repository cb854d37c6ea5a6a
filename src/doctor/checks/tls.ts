import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { messageOf } from '../../lib/errors.ts'
import { type Check, failed, type Finding, ok, skipped, warning } from '../check.ts'

const DAY_MS = 86_400_000
/** Renewals usually happen a month before the end. */
const SOON_DAYS = 14

export const tls: Check = {
  name: 'TLS',
  async look ({ config: { tls: { certFile, keyFile }, http: { publicUrl } }, clock }) {
    if (certFile === undefined || keyFile === undefined) return skipped('No certificate is configured: RTMPS is off, and HTTPS is a proxy’s business.')
    const files: Buffer[] = []
    for (const [file, variable] of [[certFile, 'TLS_CERT_FILE'], [keyFile, 'TLS_KEY_FILE']] as const) {
      try {
        files.push(await readFile(file))
      } catch (error) {
        return failed(`${file} cannot be read: ${messageOf(error)}.`, `Set ${variable} to a PEM file that the service’s user may read.`)
      }
    }
    return judgeCertificate(files[0]!, files[1]!, clock.wall(), publicUrl === undefined ? undefined : new URL(publicUrl).hostname)
  }
}

function judgeCertificate (cert: Buffer, key: Buffer, now: number, host: string | undefined): Finding {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(cert)
    if (!certificate.checkPrivateKey(createPrivateKey(key))) return failed('The private key does not belong to the certificate.', 'TLS_KEY_FILE and TLS_CERT_FILE must be of one pair; in a chain, the server’s own certificate stands first.')
  } catch (error) {
    return failed(`Certificate and key cannot be used: ${messageOf(error)}.`, 'Both must be PEM; the key must have no passphrase.')
  }
  const { validFromDate, validToDate, subjectAltName } = certificate
  if (now < validFromDate.getTime()) return failed(`The certificate is valid only from ${validFromDate.toISOString()}.`, 'Is the clock right?')
  const daysLeft = Math.floor((validToDate.getTime() - now) / DAY_MS)
  if (daysLeft < 0) return failed(`The certificate ended on ${validToDate.toISOString()}.`, 'Renew it and restart the service.')
  if (daysLeft < SOON_DAYS) return warning(`The certificate ends in ${daysLeft} days.`, 'Renew it and restart the service.')
  if (host !== undefined && certificate.checkHost(host) === undefined) {
    return warning(`The certificate is for ${subjectAltName ?? 'nobody'}, not for ${host} (PUBLIC_URL).`, 'Encoders refuse another name: get one for the name they are told.')
  }
  return ok(`The certificate is good for ${daysLeft} days, for ${subjectAltName ?? 'no name'}.`)
}
