import { createHmac, timingSafeEqual } from 'node:crypto'

/** Standard Webhooks 1.0: how a message is signed, and how a receiver checks it. https://www.standardwebhooks.com */

const SECRET_PREFIX = 'whsec_'
/** A message older or newer than this is not believed: it may be a replay. */
export const TOLERANCE_S = 5 * 60
/** The specification asks for less than 20 kB. */
export const MAX_PAYLOAD_BYTES = 20_000

export type WebhookMessage = { readonly type: string, readonly timestamp: string, readonly data: unknown }
export type WebhookHeaders = { readonly 'webhook-id': string, readonly 'webhook-timestamp': string, readonly 'webhook-signature': string }

/** @param timestamp of this try, in seconds since 1970. With several secrets the receiver may check any of the signatures. */
export function sign (id: string, timestamp: number, body: string, secrets: readonly string[]): WebhookHeaders {
  const signatures = secrets.map(secret => `v1,${signature(id, timestamp, body, secret)}`)
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signatures.join(' ') }
}

/** What a receiver does. @returns whether one of the signatures is by `secret`, and recent. */
export function verify (headers: WebhookHeaders, body: string, secret: string, nowS: number): boolean {
  const timestamp = Number(headers['webhook-timestamp'])
  if (!Number.isInteger(timestamp) || Math.abs(nowS - timestamp) > TOLERANCE_S) return false
  const expected = Buffer.from(`v1,${signature(headers['webhook-id'], timestamp, body, secret)}`)
  return headers['webhook-signature'].split(' ').some(given => given.length === expected.length && timingSafeEqual(Buffer.from(given), expected))
}

function signature (id: string, timestamp: number, body: string, secret: string): string {
  const key = Buffer.from(secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret, 'base64')
  return createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
}

/** The message as it is sent. What is too large loses its nested parts, says so, and can be had whole from the API. */
export function payload (event: { readonly type: string, readonly at: Date, readonly data: unknown }): string {
  const message = (data: unknown): string => JSON.stringify({ type: event.type, timestamp: event.at.toISOString(), data } satisfies WebhookMessage)
  const whole = message(event.data)
  return Buffer.byteLength(whole) < MAX_PAYLOAD_BYTES ? whole : message(summary(event.data))
}

const MAX_SUMMARY_FIELDS = 50
const MAX_SUMMARY_TEXT = 200

function summary (data: unknown): Record<string, unknown> {
  const cut = (value: unknown): unknown => typeof value === 'string' ? value.slice(0, MAX_SUMMARY_TEXT) : value
  const fields = Object.entries(typeof data === 'object' && data !== null ? data : {}).filter(([, value]) => typeof value !== 'object')
  const short = fields.slice(0, MAX_SUMMARY_FIELDS).map(([name, value]) => [cut(name), cut(value)])
  return { ...Object.fromEntries(short) as Record<string, unknown>, truncated: true }
}
