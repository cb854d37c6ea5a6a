// As many HTTP requests as a server answers, one at a time on each connection. What to ask comes as JSON in the first argument;
// prints a line of JSON. Raw sockets: a client that costs more than the server would measure itself.
import { connect, type Socket } from 'node:net'
import { percentile } from '../harness/report.ts'

export type RequestLoad = { readonly url: string, readonly headers: Readonly<Record<string, string>>, readonly connections: number, readonly seconds: number }
export type RequestFigures = { readonly perSecond: number, readonly p99Ms: number, readonly failures: number }

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const LENGTH = /\r\ncontent-length: (\d+)/i
const CLOSE = /\r\nconnection: close/i
/** Before anything counts: connections are made, code is compiled. */
const WARM_UP_MS = 1_000

const { url, headers, connections, seconds } = JSON.parse(process.argv[2] ?? '{}') as RequestLoad
const { hostname, port, pathname, search } = new URL(url)
const request = Buffer.from([`GET ${pathname}${search} HTTP/1.1`, `host: ${hostname}:${port}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n'))
const countFrom = performance.now() + WARM_UP_MS
const until = countFrom + seconds * 1000
const latencies: number[] = []
let failures = 0

/** Resolves when time is up. A server may end a connection after some requests: the next goes on. */
async function ask (): Promise<void> {
  while (performance.now() < until) await overOneConnection(connect({ host: hostname, port: Number(port), noDelay: true }))
}

function overOneConnection (socket: Socket): Promise<void> {
  const chunks: Buffer[] = []
  let missing = -1
  let sentAt = 0
  const send = (): void => { sentAt = performance.now(); socket.write(request) }
  const answered = (status: string): void => {
    const now = performance.now()
    if (status !== '200') failures++
    else if (now >= countFrom && now < until) latencies.push(now - sentAt)
    if (now < until && !isLast) send()
    else socket.destroy()
  }
  let status = ''
  let isLast = false
  socket.on('data', chunk => {
    if (missing < 0) {
      chunks.push(chunk)
      const all = chunks.length === 1 ? chunk : Buffer.concat(chunks)
      const end = all.indexOf(END_OF_HEAD)
      if (end < 0) return
      const head = all.toString('latin1', 0, end)
      status = head.slice(9, 12)
      isLast = CLOSE.test(head)
      missing = Number(LENGTH.exec(head)?.[1] ?? 0) - (all.length - end - END_OF_HEAD.length)
      chunks.length = 0
    } else missing -= chunk.length
    if (missing > 0) return
    missing = -1
    answered(status)
  })
  socket.on('connect', send)
  socket.on('error', () => { failures++ })
  return new Promise(resolve => { socket.on('close', () => resolve()) })
}

await Promise.all(Array.from({ length: connections }, ask))
console.log(JSON.stringify({ perSecond: latencies.length / seconds, p99Ms: latencies.length > 0 ? percentile(latencies, 99) : 0, failures } satisfies RequestFigures))
