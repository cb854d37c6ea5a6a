// A network that is gone for a while: the same session goes on; one that is gone for good is noticed, and everything freed.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { LossyNetwork } from '../lossy-network.ts'
import { encodedOpus } from '../support/encoded.ts'
import { LiveClip } from '../support/live-clip.ts'
import { missing } from '../support/peers.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { until } from '../support/until.ts'
import { openEdge } from '../support/webrtc-edge.ts'

const RESUMES_WITHIN_MS = 5000
/** RFC 7675 section 5.1: consent to send expires 30 s after the last answer to a check. */
const CONSENT_MS = 30_000
const FREED_WITHIN_MS = CONSENT_MS + 10_000

test('a blackout of 3 s and one of 20 s are survived, one of 35 s ends the session', { skip: missing('ffmpeg'), timeout: 120_000 }, async t => {
  const sound = await encodedOpus(70)
  let network: LossyNetwork | undefined
  await using edge = await openEdge({ answer: sdp => network!.answer(sdp) })
  using _live = new LiveClip(await edge.room('hall'), { audio: { codec: sound.audioCodec, frames: sound.audio } })

  const viewers = []
  await using stack = new AsyncDisposableStack()
  for (const seconds of [3, 20, 35]) {
    const own = network = stack.use(await LossyNetwork.open(edge.transports.port))
    const peer = stack.use(await RawPeer.create())
    const known = new Set(edge.bridge.sessions.keys())
    const response = await fetch(`${edge.url}/whep/hall`, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.offer })
    await peer.accept(await response.text())
    await until('sound', () => peer.packets.length > 20)
    viewers.push({ seconds, network: own, peer, session: [...edge.bridge.sessions.values()].find(({ id }) => !known.has(id))! })
  }
  await Promise.all(viewers.map(async ({ seconds, network: own, peer, session }) => {
    own.blackout = true
    const begun = performance.now()
    if (seconds * 1000 > CONSENT_MS) {
      await session.done
      const after = performance.now() - begun
      t.diagnostic(`gone for good: ended after ${Math.round(after)} ms: ${session.describe().reason}`)
      assert.ok(after <= FREED_WITHIN_MS, `ended after ${after} ms`)
      return
    }
    await sleep(seconds * 1000)
    const before = peer.packets.length
    own.blackout = false
    const back = performance.now()
    await until('sound again', () => peer.packets.length > before + 5)
    t.diagnostic(`${seconds} s: back after ${Math.round(performance.now() - back)} ms`)
    assert.ok(performance.now() - back <= RESUMES_WITHIN_MS)
    assert.equal(session.state, 'active')
  }))
  await until('the third transport is freed', () => edge.transports.transports === 2)
})
