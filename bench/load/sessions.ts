// Opens and closes sessions of WHIP and WHEP: each is connected, has some media, and is closed by DELETE, or just vanishes. What to do
// comes as JSON in the first argument; says each batch that is over, and waits for SIGUSR1.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type HttpEndpoint, streamOver, viewerOver } from './endpoint.ts'

export type SessionsLoad = {
  readonly url: string
  readonly headers: HttpEndpoint['headers']
  readonly batches: number
  /** Of one batch: as many publishers and as many viewers, each pair in a room of its own. */
  readonly pairs: number
  readonly atOnce: number
}

const RATE = 60
const PACKET_BYTES = 1200
/** That a viewer gets before it leaves. */
const PACKETS = 20
const MEDIA_WITHIN_MS = 10_000
const LOOK_EVERY_MS = 20
/** Of so many pairs one says no goodbye. */
const VANISHING = 4

const { url, headers, batches, pairs, atOnce } = JSON.parse(process.argv[2] ?? '{}') as SessionsLoad
let opened = 0

async function pair (): Promise<void> {
  const room = `bench-${++opened}`
  await using stack = new AsyncDisposableStack()
  const vanishes = opened % VANISHING === 0
  const leave = async (session: string): Promise<void> => { if (!vanishes) await fetch(session, { method: 'DELETE', headers }) }
  const publisher = await connect(`${url}/whip/${room}`, headers, 'sendonly')
  stack.use(publisher.peer)
  stack.defer(() => leave(publisher.session))
  stack.use(streamOver(publisher.peer, RATE, PACKET_BYTES))
  const watching = await connect(`${url}/whep/${room}`, headers, 'recvonly')
  stack.use(watching.peer)
  stack.defer(() => leave(watching.session))
  const viewer = stack.use(viewerOver(watching.peer))
  for (const deadline = performance.now() + MEDIA_WITHIN_MS; viewer.packets < PACKETS; await sleep(LOOK_EVERY_MS)) {
    if (performance.now() > deadline) throw new Error(`a viewer got ${viewer.packets} packets`)
  }
}

/** While nothing is going on, nothing else keeps this process. */
const awake = setInterval(() => {}, 60_000)
for (let batch = 1; batch <= batches; batch++) {
  let left = pairs
  await Promise.all(Array.from({ length: atOnce }, async () => { while (left-- > 0) await pair() }))
  const go = once(process, 'SIGUSR1')
  console.log(JSON.stringify({ batch, sessions: opened * 2 }))
  await go
}
clearInterval(awake)
process.exit(0)
