// A browser publishes a picture in two qualities; each viewer gets the one its path carries.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import type { Page } from 'playwright-core'
import { LossyNetwork } from '../lossy-network.ts'
import { launchBrowser } from '../support/browser.ts'
import { until } from '../support/until.ts'
import { type Seen, viewerPage } from '../support/viewer-page.ts'
import { openEdge } from '../support/webrtc-edge.ts'

const layers = [{ rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 120_000 }, { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 900_000 }]
const NARROW = 300_000
const WIDE = 10_000_000
/** It takes 2 to 4 s; a busy machine shows it later. */
const CHANGES_WITHIN_MS = 12_000
const FULL_WIDTH = 640

test('of two viewers the one on a narrow path gets the low layer, the other keeps the high one', { timeout: 120_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
  let network: LossyNetwork | undefined
  await using edge = await openEdge({ page: viewerPage, bindAddress: '0.0.0.0', answer: sdp => network?.answer(sdp) ?? sdp })
  const camera = await browser.newPage()
  await camera.goto(edge.url)
  await camera.evaluate(`publish('/whip/hall?identity=ann', 'VP8', ${JSON.stringify(layers)})`)
  const picture = () => edge.bridge.room('hall')?.find('ann')?.tracks.values().find(({ codec }) => codec.kind === 'video')
  const bitrates = () => picture()?.layers.map(({ bitrate }) => bitrate ?? 0) ?? []
  await until('both layers, at full bitrate', () => bitrates().length === 2 && bitrates()[1]! > 600_000, 40_000)

  await using narrow = await LossyNetwork.open(edge.transports.port)
  await using wide = await LossyNetwork.open(edge.transports.port, { toPeer: { bitrate: WIDE } })
  const pages: Page[] = []
  for (const path of [narrow, wide]) {
    network = path
    const page = await browser.newPage()
    await page.goto(edge.url)
    await page.evaluate(`watch('/whep/hall?participant=ann')`)
    pages.push(page)
  }
  const [poor, rich] = pages
  await until('both see the high layer', async () => (await Promise.all(pages.map(widthOf))).every(width => width === FULL_WIDTH), 20_000)
  const beeps = (await poor!.evaluate('seen()') as Seen).beeps.length
  narrow.toPeer.bitrate = NARROW
  const narrowed = performance.now()
  await until('the low layer', async () => await widthOf(poor!) < FULL_WIDTH, 20_000)
  const took = performance.now() - narrowed
  await sleep(4000)
  const downlinks = [...edge.bridge.sessions.values()].filter(({ leg }) => leg.kind === 'whep').map(({ leg }) => leg.stats().detail)
  t.diagnostic(`layers of ${bitrates().join(' and ')} bit/s; the low one after ${Math.round(took)} ms; ${JSON.stringify(downlinks.map(({ downlink, video }) => ({ downlink, video })))}`)
  assert.ok(took <= CHANGES_WITHIN_MS, `after ${took} ms`)
  assert.equal(await widthOf(rich!), FULL_WIDTH, 'the other keeps the high one')
  assert.ok((await poor!.evaluate('seen()') as Seen).beeps.length >= beeps + 5, 'the sound went on')
})

const widthOf = async (page: Page): Promise<number> => Number((await page.evaluate('seen()') as Seen).inbound.video?.frameWidth ?? 0)
