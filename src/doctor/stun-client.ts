import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import { parseBinding, printBinding, type StunBinding, TRANSACTION_BYTES } from '../protocols/webrtc/stun.ts'
import { FrameReader, printFrame } from '../protocols/webrtc/tcp-frames.ts'

/** What is lost is sent again after this (ms), so often: over TCP too, behind which there is UDP. */
const RETRY_MS = 500
const TRIES = 4
const PRIORITY = 1
const EMPTY_REQUEST = Buffer.from('000100002112a442', 'hex')

export type Target = { readonly protocol: 'udp' | 'tcp', readonly address: string, readonly port: number }
export type Credentials = { readonly username: string, readonly password: string }

/** A connectivity check as a client makes it (RFC 8445 section 7.2). @returns false when nobody answered in time */
export async function check (target: Target, { username, password }: Credentials): Promise<boolean> {
  const transaction = randomBytes(TRANSACTION_BYTES)
  const request = printBinding({ kind: 'request', transaction, username, priority: PRIORITY, controlling: 1n }, password)
  const answer = target.protocol === 'udp' ? await overUdp(target, request, transaction) : await overTcp(target, request, transaction)
  return answer?.kind === 'success'
}

/** Asks a STUN server where we come from (RFC 8489). @returns undefined when it did not answer in time */
export async function askMapped (server: { address: string, port: number }): Promise<string | undefined> {
  const transaction = randomBytes(TRANSACTION_BYTES)
  return (await overUdp(server, Buffer.concat([EMPTY_REQUEST, transaction]), transaction))?.mapped?.address
}

async function overUdp ({ address, port }: { address: string, port: number }, request: Buffer, transaction: Buffer): Promise<StunBinding | undefined> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  const answer = Promise.withResolvers<StunBinding | undefined>()
  socket.on('error', () => {}) // Nobody listens there: it will not answer, either.
  socket.on('message', bytes => { const found = answerIn(bytes, transaction); if (found) answer.resolve(found) })
  let tries = 0
  const send = (): void => { if (tries++ < TRIES) socket.send(request, port, address, () => {}); else answer.resolve(undefined) }
  const timer = setInterval(send, RETRY_MS)
  send()
  try {
    return await answer.promise
  } finally {
    clearInterval(timer)
    socket.close()
  }
}

async function overTcp ({ address, port }: Target, request: Buffer, transaction: Buffer): Promise<StunBinding | undefined> {
  const socket = connect(port, address)
  const answer = Promise.withResolvers<StunBinding | undefined>()
  const reader = new FrameReader(frame => { const found = answerIn(frame, transaction); if (found) answer.resolve(found) })
  socket.on('data', chunk => {
    try {
      reader.push(chunk as Buffer)
    } catch {
      answer.resolve(undefined) // Another program’s port.
    }
  })
  socket.on('error', () => answer.resolve(undefined)).on('close', () => answer.resolve(undefined))
  let tries = 0
  const timer = setInterval(() => { if (tries++ < TRIES) socket.write(printFrame(request)); else answer.resolve(undefined) }, RETRY_MS)
  socket.write(printFrame(request)) // Once it is connected.
  try {
    return await answer.promise
  } finally {
    clearInterval(timer)
    socket.destroy()
  }
}

function answerIn (bytes: Buffer, transaction: Buffer): StunBinding | undefined {
  try {
    const binding = parseBinding(bytes)
    return binding.kind !== 'request' && binding.transaction.equals(transaction) ? binding : undefined
  } catch {
    return undefined
  }
}
