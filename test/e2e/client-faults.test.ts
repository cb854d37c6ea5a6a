// What our WHIP and WHEP clients do when the server is away, refuses, lies, redirects, or vanishes.
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { WhepPullLeg } from '../../src/legs/webrtc/client/whep-pull-leg.ts'
import { WhipPushLeg } from '../../src/legs/webrtc/client/whip-push-leg.ts'
import { codec, opus } from '../../src/media/codec.ts'
import { RtpPacket } from '../../src/media/rtp-packet.ts'
import type { Room } from '../../src/room/room.ts'
import type { Session } from '../../src/room/session.ts'
import { legContract } from '../leg-contract.ts'
import { noTranscode } from '../support/no-transcode.ts'
import { freePort } from '../support/service.ts'
import { until } from '../support/until.ts'
import { allowing, clientOf, guardedDialer } from '../support/webrtc-clients.ts'
import { type Edge, openEdge } from '../support/webrtc-edge.ts'

const PACKET_MS = 20

/** Somebody who speaks: Opus packets of nothing, fifty a second. */
function speaker (room: Room, identity = 'ann'): Disposable {
  const me = room.join({ identity, source: 'whip' })
  const track = me.publish(opus)
  let sequenceNumber = 0
  const timer = setInterval(() => {
    sequenceNumber++
    track.write(RtpPacket.build({ payloadType: 111, marker: false, sequenceNumber: sequenceNumber & 0xffff, timestamp: sequenceNumber * 960, ssrc: 7 }, Buffer.from('f8fffe', 'hex')))
  }, PACKET_MS)
  return { [Symbol.dispose] () { clearInterval(timer); me[Symbol.dispose]() } }
}

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void

/** A server that does what it is told, and counts. */
async function openServer (handler: Handler): Promise<{ url: string, requests: string[] } & AsyncDisposable> {
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    let body = ''
    for await (const chunk of request) body += chunk
    handler(request, response, body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests,
    async [Symbol.asyncDispose] () { server.closeAllConnections(); await new Promise(resolve => server.close(resolve)) }
  }
}

/** A room with somebody who speaks, pushed to `url`. */
async function push (edge: Edge, url: string, more: { participant?: string, dialer?: ReturnType<typeof guardedDialer> } = {}): Promise<{ session: Session, leg: WhipPushLeg } & AsyncDisposable> {
  const { dialer = guardedDialer(allowing(url)), participant } = more
  const someone = speaker(await edge.room('near'))
  const leg = new WhipPushLeg({ ...clientOf(edge, dialer, { url, token: 'canary-token' }), participant, transcode: noTranscode })
  const session = await edge.bridge.admit(leg, { room: 'near' })
  return { session, leg, async [Symbol.asyncDispose] () { await session.close('the test is over'); someone[Symbol.dispose](); await dialer[Symbol.asyncDispose]() } }
}

const stateOf = ({ leg }: { leg: WhipPushLeg | WhepPullLeg }) => leg.stats().detail as ReturnType<import('../../src/lib/persevere.ts').ConnectionStatus['describe']>
const arrived = (edge: Edge, who = 'near'): number => [...edge.bridge.room('hall')?.find(who)?.tracks.values() ?? []].reduce((sum, { packets }) => sum + packets, 0)

test('a server that is away at the start is reached when it comes', async () => {
  await using near = await openEdge()
  const port = await freePort()
  await using pushing = await push(near, `http://127.0.0.1:${port}/whip/hall?identity=near`)
  await until('two attempts', () => stateOf(pushing).attempts >= 2)
  assert.deepEqual([pushing.session.state, stateOf(pushing).lastError?.code], ['starting', 'dependency_unavailable'])
  await using far = await openEdge({ port })
  await until('sound arrives', () => arrived(far) > 10)
  assert.deepEqual([pushing.session.state, stateOf(pushing).state, stateOf(pushing).lastError?.code], ['active', 'connected', 'dependency_unavailable'])
})

test('a server that vanishes is connected to again, seconds after it has returned', { timeout: 90_000 }, async t => {
  await using near = await openEdge()
  const port = await freePort()
  await using stack = new AsyncDisposableStack()
  const first = await openEdge({ port })
  await using pushing = await push(near, `${first.url}/whip/hall?identity=near`)
  await until('sound arrives', () => arrived(first) > 10)
  const before = pushing.leg.stats().packetsOut
  await first[Symbol.asyncDispose]()
  await until('the loss is noticed', () => stateOf(pushing).state !== 'connected')
  const second = stack.use(await openEdge({ port }))
  const returned = performance.now()
  await until('sound arrives again', () => arrived(second) > 10, 30_000)
  t.diagnostic(`again after ${Math.round(performance.now() - returned)} ms`)
  assert.ok(pushing.leg.stats().packetsOut > before, 'counters go on')
  assert.equal(pushing.session.state, 'active', 'the same session')
})

test('401 is for good; so is 403: the session fails and says so', async () => {
  for (const [status, code] of [[401, 'unauthorized'], [403, 'forbidden']] as const) {
    await using near = await openEdge()
    await using server = await openServer((_request, response) => response.writeHead(status, { 'content-type': 'text/plain' }).end('who are you?'))
    await using pushing = await push(near, `${server.url}/whip`)
    await pushing.session.done
    const { state, errorCode, reason } = pushing.session.describe()
    assert.deepEqual([state, errorCode, server.requests.length], ['failed', code, 1])
    assert.match(reason, /check the token.*who are you\?/)
    assert.equal(stateOf(pushing).state, 'failed')
  }
})

test('503 with Retry-After is obeyed', async () => {
  await using near = await openEdge()
  await using far = await openEdge()
  const at: number[] = []
  await using server = await openServer((request, response) => {
    if (request.method !== 'POST') { response.writeHead(200).end(); return }
    at.push(performance.now())
    if (at.length === 1) response.writeHead(503, { 'retry-after': '2' }).end()
    else response.writeHead(307, { location: `${far.url}/whip/hall?identity=near` }).end()
  })
  await using pushing = await push(near, `${server.url}/whip`, { dialer: guardedDialer(allowing(server.url, far.url)) })
  await until('sound arrives', () => arrived(far) > 10)
  assert.ok(at[1]! - at[0]! >= 1990, `${at[1]! - at[0]!} ms`)
  assert.equal(stateOf(pushing).attempts, 2)
})

test('an answer that is garbage, or no answer, is tried again, and what was opened is closed', async () => {
  await using near = await openEdge()
  const answers = ['v=0\r\nnonsense', '', '{"sdp":"v=0"}', 'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:audio\r\n']
  let posts = 0
  await using server = await openServer((request, response) => {
    if (request.method !== 'POST') { response.writeHead(200).end(); return }
    response.writeHead(201, { 'content-type': 'application/sdp', location: `/sessions/${posts}` }).end(answers[posts++ % answers.length])
  })
  await using pushing = await push(near, `${server.url}/whip`)
  await until('the second', () => stateOf(pushing).attempts >= 3)
  assert.match(stateOf(pushing).lastError!.code, /unprocessable_sdp|no_common_codec/)
  assert.equal(pushing.session.state, 'starting')
  await until('good-byes', () => server.requests.filter(one => one.startsWith('DELETE')).length >= 2)
  await until('no transport is left', () => near.transports.transports <= 1)
})

test('private addresses: refused as a URL, behind a redirect, and as a place for media', async () => {
  await using near = await openEdge()
  await using far = await openEdge()
  await using server = await openServer((_request, response) => response.writeHead(307, { location: 'http://10.1.2.3/whip' }).end())
  const only = (url: string) => guardedDialer({ allowPrivate: [`127.0.0.1:${new URL(url).port}`] })
  const rows: [string, string, ReturnType<typeof guardedDialer>][] = [
    ['the URL', 'http://10.1.2.3/whip', guardedDialer({})],
    ['metadata', 'http://169.254.169.254/whip', guardedDialer({})],
    ['a redirect', `${server.url}/whip`, only(server.url)],
    ['media', `${far.url}/whip/hall?identity=near`, only(far.url)]
  ]
  for (const [what, url, dialer] of rows) {
    await using pushing = await push(near, url, { dialer })
    await pushing.session.done
    assert.deepEqual([pushing.session.describe().errorCode, what], ['destination_not_allowed', what])
    await pushing[Symbol.asyncDispose]()
    await until('gone', () => near.bridge.room('near')?.find('ann') === undefined)
  }
  assert.equal(arrived(far), 0)
  await until('the server’s session is closed too', () => ![...far.bridge.sessions.values()].some(({ leg }) => leg.kind === 'whip'))
})

test('closed while it connects, it ends at once and leaves nothing', async () => {
  await using near = await openEdge()
  await using server = await openServer(() => {}) // Never answers.
  await using pushing = await push(near, `${server.url}/whip`)
  await until('the offer is out', () => server.requests.length === 1)
  const closing = performance.now()
  await pushing.session.close('enough')
  assert.ok(performance.now() - closing < 1000)
  await until('nothing is left', () => near.transports.transports === 0)
})

test('nobody is there to push: it waits, and asks no server', async () => {
  await using near = await openEdge()
  await using far = await openEdge()
  await using pushing = await push(near, `${far.url}/whip/hall?identity=near`, { participant: 'bob' })
  await sleep(300)
  assert.deepEqual([stateOf(pushing).state, stateOf(pushing).attempts], ['idle', 0])
  using _bob = speaker(near.bridge.room('near')!, 'bob')
  await until('sound arrives', () => arrived(far) > 10)
})

test('a picture that comes later, or in another codec, is offered anew', async () => {
  await using near = await openEdge()
  await using far = await openEdge()
  await using pushing = await push(near, `${far.url}/whip/hall?identity=near`)
  await until('sound arrives', () => arrived(far) > 10)
  const codecs = (): string => [...far.bridge.room('hall')?.find('near')?.tracks.values() ?? []].map(track => track.codec.name).sort().join()
  const ann = near.bridge.room('near')!.find('ann')!
  for (const name of ['H264', 'VP8'] as const) {
    const track = ann.publish(codec(name))
    let sequenceNumber = 0
    const keyframe = Buffer.from(name === 'H264' ? '6588' : '9080e000009d012a4001f000', 'hex')
    const timer = setInterval(() => {
      sequenceNumber++
      track.write(RtpPacket.build({ payloadType: 96, marker: true, sequenceNumber, timestamp: sequenceNumber * 3000, ssrc: 9 }, keyframe))
    }, 33)
    await until(`${name} arrives`, () => codecs() === `${name},opus`)
    clearInterval(timer)
    ann.unpublish(track)
  }
  assert.ok(stateOf(pushing).attempts >= 3)
})

test('a pull waits for the other side to be live, and for its own identity to be free', { timeout: 60_000 }, async () => {
  await using far = await openEdge({ settings: { mediaWaitMs: 50 } })
  await using here = await openEdge()
  await using dialer = guardedDialer(allowing(far.url))
  const room = await here.room('near')
  const taken = room.join({ identity: 'stage', source: 'test' })
  const leg = new WhepPullLeg({ ...clientOf(here, dialer, { url: `${far.url}/whep/hall` }), identity: 'stage', name: 'The stage' })
  const session = await here.bridge.admit(leg, { room: 'near' })
  await until('a refusal', () => stateOf({ leg }).lastError?.code === 'not_live')
  assert.equal(stateOf({ leg }).state, 'retrying')
  using _someone = speaker(await far.room('hall'))
  await until('the other refusal', () => stateOf({ leg }).lastError?.code === 'identity_taken')
  taken[Symbol.dispose]()
  await until('sound arrives', () => [...room.find('stage')?.tracks.values() ?? []].some(({ packets }) => packets > 10), 30_000)
  assert.deepEqual([room.find('stage')!.info.name, room.find('stage')!.info.source, room.find('stage')!.info.sessionId], ['The stage', 'whep-pull', session.id])
  await session.close('enough')
  assert.equal(room.find('stage'), undefined)
  await until('the server’s session ended', () => ![...far.bridge.sessions.values()].some(one => one.leg.kind === 'whep'))
})

/** The far side, with somebody in it, for a leg to connect to. */
async function contractParts () {
  await using stack = new AsyncDisposableStack()
  const far = stack.use(await openEdge())
  const near = stack.use(await openEdge())
  const dialer = stack.use(guardedDialer(allowing(far.url)))
  stack.use(speaker(await far.room('hall')))
  return { far, client: (path: string) => clientOf(near, dialer, { url: far.url + path }), stack: stack.move() }
}

legContract('whip-push', async () => {
  const { client, stack } = await contractParts()
  const leg = new WhipPushLeg({ ...client('/whip/hall?identity=near'), transcode: noTranscode })
  const prepare = (room: Room): void => { stack.use(speaker(room)) }
  return { leg, prepare, [Symbol.asyncDispose]: () => stack.disposeAsync() }
})

legContract('whep-pull', async () => {
  const { client, stack } = await contractParts()
  return { leg: new WhepPullLeg({ ...client('/whep/hall'), identity: 'far' }), [Symbol.asyncDispose]: () => stack.disposeAsync() }
})
