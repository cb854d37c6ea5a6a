// A network that is gone for a while: the same session goes on; one that is gone for good is noticed, and everything freed.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { systemClock } from '../../src/lib/clock.ts'
import { RtpPacket } from '../../src/media/rtp-packet.ts'
import type { Session } from '../../src/room/session.ts'
import { LossyNetwork } from '../lossy-network.ts'
import { launchBrowser } from '../support/browser.ts'
import { encodedClip, encodedOpus } from '../support/encoded.ts'
import { LiveClip } from '../support/live-clip.ts'
import { missing } from '../support/peers.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { until } from '../support/until.ts'
import { type Seen, viewerPage } from '../support/viewer-page.ts'
import { type Edge, openEdge } from '../support/webrtc-edge.ts'

/** It takes a tenth of a second. */
const RESUMES_WITHIN_MS = 1000
/** A browser sleeps after 15 s, and is woken once a second: it takes up to 0.6 s, on a machine that has time. */
const WAKES_WITHIN_MS = 3000
/** Peers show where they are when they ask for consent: Chromium every 2.5 s, libjuice every 5. */
const FOLLOWED_WITHIN_MS = 12_000
/** RFC 7675 section 5.1: consent expires 30 s after the last answer to a check. Everything is freed within 5 s of that. */
const CONSENT_MS = 30_000
const FREED_WITHIN_MS = CONSENT_MS + 5000

/** One peer on a network of its own, and how much of its media has passed. */
type Behind = { readonly role: 'viewer' | 'publisher', readonly seconds: number, readonly network: LossyNetwork, readonly session: Session, readonly passed: () => number | Promise<number> }

/** The session made while `connect` runs. */
async function sessionOf (edge: Edge, connect: () => Promise<unknown>): Promise<Session> {
  const known = new Set(edge.bridge.sessions.keys())
  await connect()
  return [...edge.bridge.sessions.values()].find(({ id }) => !known.has(id))!
}

const arrivedOf = ({ leg }: Session) => (): number => leg.stats().packetsIn

async function through ({ role, seconds, network, session, passed }: Behind, within: number, t: TestContext): Promise<void> {
  network.blackout = true
  await sleep(seconds * 1000)
  const before = await passed()
  network.blackout = false
  const back = performance.now()
  await until(`the ${role}’s media after ${seconds} s`, async () => await passed() > before + 5)
  const took = performance.now() - back
  t.diagnostic(`${role}, ${seconds} s: back after ${Math.round(took)} ms`)
  assert.ok(took <= within, `${role}, ${seconds} s: back after ${took} ms`)
  assert.equal(session.state, 'active')
}

/** A router on the way forgets the peer, which does not notice. */
async function rebound ({ role, network, session, passed }: Omit<Behind, 'seconds'>, t: TestContext): Promise<void> {
  await network.rebind()
  await sleep(300)
  const before = await passed()
  const since = performance.now()
  await until(`the ${role}’s media from another port`, async () => await passed() > before + 20, FOLLOWED_WITHIN_MS)
  t.diagnostic(`${role}, behind another port: followed after ${Math.round(performance.now() - since)} ms`)
  assert.equal(session.state, 'active')
}

async function forGood ({ role, network, session }: Behind, t: TestContext): Promise<void> {
  network.blackout = true
  const begun = performance.now()
  await session.done
  const took = performance.now() - begun
  t.diagnostic(`${role}, gone for good: ended and freed after ${Math.round(took)} ms: ${session.describe().reason}`)
  assert.ok(took <= FREED_WITHIN_MS, `freed after ${took} ms`)
}

test('a blackout of 3 s and one of 20 s are survived, one of 35 s ends the session', { skip: missing('ffmpeg'), timeout: 120_000 }, async t => {
  const sound = await encodedOpus(70)
  let network: LossyNetwork | undefined
  await using edge = await openEdge({ answer: sdp => network!.answer(sdp) })
  using _live = new LiveClip(await edge.room('hall'), { audio: { codec: sound.audioCodec, frames: sound.audio } })
  await using stack = new AsyncDisposableStack()
  const peers: Behind[] = []
  for (const [role, seconds] of [['viewer', 3], ['viewer', 20], ['viewer', 35], ['publisher', 3], ['publisher', 20], ['publisher', 35]] as const) {
    const own = network = stack.use(await LossyNetwork.open(edge.transports.port))
    const peer = stack.use(await RawPeer.create(role === 'viewer' ? 'recvonly' : 'sendonly'))
    const session = await sessionOf(edge, async () => {
      const response = await fetch(`${edge.url}/${role === 'viewer' ? 'whep' : 'whip'}/hall`, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.offer })
      await peer.accept(await response.text())
    })
    if (role === 'publisher') stack.use(talking(peer))
    const passed = role === 'viewer' ? (): number => peer.packets.length : arrivedOf(session)
    await until('sound', () => passed() > 20)
    peers.push({ role, seconds, network: own, session, passed })
  }
  await Promise.all(peers.map(peer => peer.seconds * 1000 > CONSENT_MS ? forGood(peer, t) : through(peer, RESUMES_WITHIN_MS, t)))
  await until('the transports of two are freed', () => edge.transports.transports === 4)
  await Promise.all(peers.filter(({ session }) => session.state === 'active').map(peer => rebound(peer, t)))
})

/** A packet of sound every 20 ms, for as long as the peer itself believes in the connection. */
function talking (peer: RawPeer): Disposable {
  let count = 0
  const timer = systemClock.every(20, () => {
    count++
    try {
      peer.send(RtpPacket.build({ payloadType: 111, marker: false, sequenceNumber: count & 0xffff, timestamp: count * 960, ssrc: 77 }, Buffer.alloc(40, 0xf8)))
    } catch {
      timer[Symbol.dispose]()
    }
  })
  return timer
}

test('a browser, too, is back soon after 3 s and after 20 s, as a viewer and as a publisher', { skip: missing('ffmpeg'), timeout: 120_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
  const clip = await encodedClip(60, { size: '320x180', bitrate: 300_000 })
  const sound = await encodedOpus(60)
  let network: LossyNetwork | undefined
  await using edge = await openEdge({ page: viewerPage, bindAddress: '0.0.0.0', answer: sdp => network!.answer(sdp) })
  using _live = new LiveClip(await edge.room('hall'), { video: { codec: clip.videoCodec, frames: clip.video }, audio: { codec: sound.audioCodec, frames: sound.audio } })
  await using stack = new AsyncDisposableStack()
  const peers: (Behind & { page: Page })[] = []
  for (const [role, seconds] of [['viewer', 3], ['viewer', 20], ['publisher', 3], ['publisher', 20]] as const) {
    const own = network = stack.use(await LossyNetwork.open(edge.transports.port))
    const page = await browser.newPage()
    await page.goto(edge.url)
    const session = await sessionOf(edge, () => page.evaluate(role === 'viewer' ? `watch('/whep/hall?participant=camera')` : `publish('/whip/hall?identity=${seconds}', 'H264')`))
    const passed = role === 'viewer' ? () => receivedBy(page) : arrivedOf(session)
    await until('media', async () => await passed() > 20)
    peers.push({ role, seconds, network: own, session, passed, page })
  }
  await Promise.all(peers.map(async peer => {
    await through(peer, WAKES_WITHIN_MS, t)
    const { frames } = await peer.page.evaluate('seen()') as Seen
    if (peer.role === 'viewer') await until('pictures', async () => (await peer.page.evaluate('seen()') as Seen).frames > frames + 5)
    await rebound(peer, t)
  }))
})

async function receivedBy (page: Page): Promise<number> {
  const { inbound } = await page.evaluate('seen()') as Seen
  return Number(inbound.audio?.packetsReceived ?? 0) + Number(inbound.video?.packetsReceived ?? 0)
}
