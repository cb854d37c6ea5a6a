// Real browsers restart ICE by PATCH: publisher and viewer stay the same sessions, and nobody in the room notices.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import type { Page } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { until } from '../support/until.ts'
import { type Seen, viewerPage } from '../support/viewer-page.ts'
import { type Edge, openEdge } from '../support/webrtc-edge.ts'

/** Flashes and beeps come once a second: a longer gap means that one was missed. */
const LONGEST_GAP_MS = 1900
const SETTLED_MS = 3000

const session = (edge: Edge, kind: string) => [...edge.bridge.sessions.values()].find(({ leg }) => leg.kind === kind)!
type Path = { port: number, state: string, changes: number, received: number }
const path = (page: Page): Promise<Path> => page.evaluate('path()')
const gaps = (times: readonly number[]): number => Math.max(...times.slice(1).map((time, i) => time - times[i]!))

test('publisher and viewer restart ICE, one after the other and again', { timeout: 120_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
  await using edge = await openEdge({ page: viewerPage, bindAddress: '0.0.0.0' })
  const [camera, screen] = [await browser.newPage(), await browser.newPage()]
  for (const page of [camera, screen]) await page.goto(edge.url)
  await camera.evaluate(`publish('/whip/hall?identity=ann', 'VP8')`)
  await screen.evaluate(`watch('/whep/hall?participant=ann')`)
  await sleep(SETTLED_MS)
  const [whip, whep] = [session(edge, 'whip'), session(edge, 'whep')]
  const ann = edge.bridge.room('hall')!.find('ann')!
  const tags = new Set<string>()
  for (const [page, name] of [[camera, 'publisher'], [screen, 'viewer'], [camera, 'publisher, again'], [screen, 'viewer, again']] as const) {
    const before = await path(page)
    const seen = await screen.evaluate('seen()') as Seen
    tags.add(await page.evaluate('restart()'))
    await until('another way', async () => (await path(page)).changes > before.changes)
    await sleep(SETTLED_MS)
    const now = await path(page)
    t.diagnostic(`${name}: port ${before.port}, then ${now.port}; ${(await screen.evaluate('seen()') as Seen).frames - seen.frames} frames in ${SETTLED_MS / 1000} s`)
    assert.equal(now.port, edge.transports.port, 'the port that all share')
    assert.equal(now.state, 'connected')
  }
  const seen = await screen.evaluate('seen()') as Seen
  const from = seen.answeredAt + SETTLED_MS
  const [flashes, beeps] = [seen.flashes, seen.beeps].map(times => gaps(times.filter(time => time > from)))
  t.diagnostic(`longest time between flashes ${flashes} ms, between beeps ${beeps} ms; freezes ${Math.round(Number(seen.inbound.video!.freezesMs))} ms`)
  assert.ok(flashes! < LONGEST_GAP_MS && beeps! < LONGEST_GAP_MS, 'none was missed')
  assert.equal(tags.size, 4, 'each ICE session has a tag of its own')
  assert.deepEqual([whip.state, whep.state], ['active', 'active'])
  assert.equal(edge.bridge.room('hall')!.find('ann'), ann, 'nobody left or joined')
  assert.equal(await camera.evaluate('leave()'), 200)
  await until('the publisher is gone', () => whip.state === 'ended')
})
