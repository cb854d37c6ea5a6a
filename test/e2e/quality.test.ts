// What the service measures of a publisher's path and of a viewer's, against a network whose faults are known.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import type { LegStats, LinkQuality } from '../../src/room/leg.ts'
import { sessionQuality } from '../../src/room/quality/session-quality.ts'
import { LossyNetwork } from '../lossy-network.ts'
import { launchBrowser } from '../support/browser.ts'
import { until } from '../support/until.ts'
import { viewerPage } from '../support/viewer-page.ts'
import { openEdge } from '../support/webrtc-edge.ts'

const DELAY_MS = 50
const ROUND_TRIP_MS = 2 * DELAY_MS
/** A busy machine is late by so much. */
const LATE_MS = 150
const BLACKOUT_MS = 800

test('a publisher’s and a viewer’s path: round trip, loss in bursts, freezes, score', { timeout: 120_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
  let network: LossyNetwork | undefined
  await using edge = await openEdge({ page: viewerPage, bindAddress: '0.0.0.0', answer: sdp => network!.answer(sdp) })
  const delayed = { toService: { delayMs: DELAY_MS }, toPeer: { delayMs: DELAY_MS } }
  await using up = await LossyNetwork.open(edge.transports.port, delayed)
  await using down = await LossyNetwork.open(edge.transports.port, delayed, 9)
  const [camera, screen] = [await browser.newPage(), await browser.newPage()]
  for (const page of [camera, screen]) await page.goto(edge.url)
  network = up
  await camera.evaluate(`publish('/whip/hall?identity=ann', 'VP8')`)
  network = down
  await screen.evaluate(`watch('/whep/hall?participant=ann')`)

  const statsOf = (kind: string): LegStats => [...edge.bridge.sessions.values()].find(({ leg }) => leg.kind === kind)!.leg.stats()
  const qualityOf = (kind: string): LinkQuality => statsOf(kind).quality ?? { packetsLost: 0 }
  for (const kind of ['whip', 'whep']) {
    await until(`a round trip of the ${kind} session`, () => qualityOf(kind).roundTripMs !== undefined, 30_000)
    const { roundTripMs } = qualityOf(kind)
    t.diagnostic(`${kind}: ${Math.round(roundTripMs!)} ms`)
    assert.ok(roundTripMs! >= ROUND_TRIP_MS - 2 && roundTripMs! < ROUND_TRIP_MS + LATE_MS, `${kind}: ${roundTripMs} ms`)
  }
  await sleep(3000)
  const [whipBefore, whepBefore] = [qualityOf('whip'), qualityOf('whep')]
  up.blackout = true
  await sleep(BLACKOUT_MS)
  up.blackout = false
  down.toPeer.loss = 0.1
  await sleep(6000)
  down.toPeer.loss = 0
  await sleep(3000)
  for (const kind of ['whip', 'whep']) t.diagnostic(`${kind}: ${JSON.stringify({ ...qualityOf(kind), ...sessionQuality(statsOf(kind)) })}`)
  const [whip, whep] = [qualityOf('whip'), qualityOf('whep')]
  assert.ok(whip.freezes!.count > whipBefore.freezes!.count, 'the publisher’s picture froze')
  assert.ok(whip.freezes!.totalMs - whipBefore.freezes!.totalMs >= BLACKOUT_MS * 0.9, `for ${whip.freezes!.totalMs} ms`)
  assert.ok(whip.bursts!.count > whipBefore.bursts!.count && whip.bursts!.longestPackets >= 10, JSON.stringify(whip.bursts))
  assert.ok(whep.freezes!.count > whepBefore.freezes!.count, 'what the viewer was sent froze with it')
  assert.ok(whep.bursts!.count > whepBefore.bursts!.count, JSON.stringify(whep.bursts))
  assert.ok(whep.packetsLost > whepBefore.packetsLost)
  for (const kind of ['whip', 'whep']) {
    const { estimatedMos, direction } = sessionQuality(statsOf(kind))
    assert.equal(direction, kind === 'whip' ? 'in' : 'out')
    assert.ok(estimatedMos !== null && estimatedMos > 1 && estimatedMos < 4.5, `${kind}: ${estimatedMos}`)
  }
})
