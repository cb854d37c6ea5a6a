// A network that lets no UDP through: a browser publishes and another watches over TCP.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import type { Page } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { until } from '../support/until.ts'
import { type Seen, viewerPage } from '../support/viewer-page.ts'
import { openEdge } from '../support/webrtc-edge.ts'

const WATCH_MS = 8000
const SETTLED_MS = 2000

/** Without these a browser knows no way but TCP: nobody ever sends to the candidates it names itself. */
const withoutUdp = (sdp: string): string => sdp.replaceAll(/^a=candidate:\S+ 1 udp .*\r\n/gm, '')

const path = (page: Page): Promise<{ protocol: string, tcpType: string }> => page.evaluate(`(async () => {
  const stats = await connection.getStats()
  const pair = [...stats.values()].find(({ type, nominated }) => type === 'candidate-pair' && nominated)
  return { protocol: stats.get(pair.localCandidateId).protocol, tcpType: stats.get(pair.localCandidateId).tcpType }
})()`)

test('from one browser to another over TCP alone', { timeout: 120_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
  await using edge = await openEdge({ page: viewerPage, bindAddress: '0.0.0.0', tcp: true, answer: withoutUdp })
  const [camera, screen] = [await browser.newPage(), await browser.newPage()]
  for (const page of [camera, screen]) await page.goto(edge.url)
  await camera.evaluate(`publish('/whip/hall?identity=ann', 'VP8')`)
  await screen.evaluate(`watch('/whep/hall?participant=ann')`)
  await sleep(WATCH_MS)
  const seen = await screen.evaluate('seen()') as Seen
  const due = Math.floor((WATCH_MS - SETTLED_MS) / 1000)
  const [flashes, beeps] = [seen.flashes, seen.beeps].map(times => times.filter(time => time > seen.answeredAt + SETTLED_MS).length)
  t.diagnostic(`first frame ${Math.round(seen.firstFrameMs!)} ms after the answer; ${seen.frames} frames, ${flashes} flashes, ${beeps} beeps of ${due}`)
  assert.ok(flashes! >= due - 2 && beeps! >= due - 2, `${flashes} flashes, ${beeps} beeps of ${due}`)

  for (const page of [camera, screen]) assert.deepEqual(await path(page), { protocol: 'tcp', tcpType: 'active' })
  for (const { leg } of edge.bridge.sessions.values()) {
    const { ice } = leg.stats().detail as { ice: { protocol: string, address: string } }
    assert.equal(ice.protocol, 'tcp')
    assert.doesNotMatch(ice.address, /^127\./, 'the client, not our own end of it')
  }
  assert.equal(await camera.evaluate('leave()'), 200)
  await until('the publisher is gone', () => edge.bridge.room('hall')?.participants.size === 0)
})
