// A browser publishes one stream that holds a picture in several qualities (SVC); each viewer gets the part that its path carries.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import type { Page } from 'playwright-core'
import type { Track } from '../../src/room/track.ts'
import { LossyNetwork } from '../lossy-network.ts'
import { launchBrowser, type TestBrowser } from '../support/browser.ts'
import { until } from '../support/until.ts'
import { type Seen, viewerPage } from '../support/viewer-page.ts'
import { type Edge, openEdge } from '../support/webrtc-edge.ts'

/** libwebrtc makes no layer of VP9 smaller than 240 by 135: this is the smallest picture with three of them. */
const FULL_WIDTH = 960
const PUBLISHED = { maxBitrate: 900_000, maxFramerate: 15 }
const NARROW = 300_000
/** The picture flashes once a second. */
const FLASHES = 4
const WATCHED_MS = 6000
const PATIENCE_MS = 60_000

const streams = [
  { codec: 'VP9', mode: 'L3T3_KEY' },
  { codec: 'AV1', mode: 'L3T3' }
]

for (const { codec, mode } of streams) {
  test(`of ${codec} in ${mode}, the viewer on a narrow path gets a low layer, another the high one, and then what it chooses`, { timeout: 300_000 }, async t => {
    await using browser = await launchBrowser()
    if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
    let network: LossyNetwork | undefined
    await using edge = await openEdge({ page: viewerPage, bindAddress: '0.0.0.0', answer: sdp => network?.answer(sdp) ?? sdp })
    const { picture } = await publish(browser, edge, codec, mode, FULL_WIDTH)
    await until('three layers', () => picture.layers.length === 3 && picture.layers.every(({ bitrate = 0 }) => bitrate > 0), PATIENCE_MS)
    assert.deepEqual(picture.layers.map(({ rid }) => rid), ['s0', 's1', 's2'])
    assert.equal(statusOf(edge, 'whip').scalability, 'L3T3')
    assert.deepEqual((statusOf(edge, 'whip').layers as { width: number }[]).map(({ width }) => width), [240, 480, 960])

    await using narrow = await LossyNetwork.open(edge.transports.port)
    network = narrow
    const poor = await watch(browser, edge)
    network = undefined
    const rich = await watch(browser, edge)
    for (const page of [poor, rich]) await until('the whole picture', async () => await widthOf(page) === FULL_WIDTH, PATIENCE_MS)
    narrow.toPeer.bitrate = NARROW
    await until('the low layer', async () => await widthOf(poor) < FULL_WIDTH, PATIENCE_MS)
    await Promise.all([poor, rich].map(async page => {
      const before = (await seenBy(page)).flashes.length
      await until('the picture goes on', async () => (await seenBy(page)).flashes.length >= before + FLASHES, PATIENCE_MS)
    }))
    const [low, high] = [await seenBy(poor), await seenBy(rich)]
    t.diagnostic(JSON.stringify({ layers: statusOf(edge, 'whip').layers, low: low.inbound.video, high: high.inbound.video }))
    assert.ok(Number(low.inbound.video!.frameWidth) < FULL_WIDTH, 'what does not fit is not sent')
    await until('the other has the high one', async () => await widthOf(rich) === FULL_WIDTH, PATIENCE_MS)

    for (const { rid, width } of [{ rid: 's0', width: 240 }, { rid: 's1', width: 480 }, { rid: undefined, width: FULL_WIDTH }]) {
      assert.equal(await rich.evaluate(`choose(${JSON.stringify({ rid })})`), 200)
      await until(`layer ${rid}, as chosen`, async () => await widthOf(rich) === width, PATIENCE_MS)
    }
  })
}

test('of a stream with three frame rates, a viewer gets the one it chooses', { timeout: 180_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
  await using edge = await openEdge({ page: viewerPage })
  const { camera, picture } = await publish(browser, edge, 'VP9', 'L1T3', 640)
  await until('three layers', () => picture.layers.length === 3 && picture.layers.every(({ bitrate = 0 }) => bitrate > 0), PATIENCE_MS)
  const page = await watch(browser, edge)
  await until('a picture', async () => (await seenBy(page)).frames > 0)
  assert.equal(statusOf(edge, 'whip').scalability, 'L1T3')
  const counted = async (): Promise<{ made: number, shown: number }> => ({
    made: (await camera.evaluate('sent()') as { framesEncoded: number }).framesEncoded, shown: Number((await seenBy(page)).inbound.video!.framesDecoded)
  })
  const shareOf = async (rid: string): Promise<number> => {
    assert.equal(await page.evaluate(`choose(${JSON.stringify({ rid })})`), 200)
    await until(`layer ${rid}`, () => statusOf(edge, 'whep').layer === picture.layers.findIndex(layer => layer.rid === rid))
    const before = await counted()
    await sleep(WATCHED_MS)
    const after = await counted()
    t.diagnostic(`${rid}: ${after.shown - before.shown} pictures of ${after.made - before.made}; ${JSON.stringify(statusOf(edge, 'whip').layers)}`)
    return (after.shown - before.shown) / (after.made - before.made)
  }
  const [whole, quarter] = [await shareOf('t2'), await shareOf('t0')]
  assert.ok(quarter > 0 && quarter < whole * 0.6, `${quarter} of the pictures instead of ${whole}`)
})

async function publish (browser: TestBrowser, edge: Edge, codec: string, scalabilityMode: string, width: number): Promise<{ camera: Page, picture: Track }> {
  const camera = await browser.newPage()
  await camera.goto(edge.url)
  await camera.evaluate(`publish('/whip/hall?identity=ann', '${codec}', ${JSON.stringify([{ scalabilityMode, ...PUBLISHED }])}, undefined, ${width})`)
  const picture = (): Track | undefined => edge.bridge.room('hall')?.find('ann')?.tracks.values().find(track => track.codec.kind === 'video')
  await until('a picture', () => picture() !== undefined)
  return { camera, picture: picture()! }
}

async function watch (browser: TestBrowser, edge: Edge): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(edge.url)
  await page.evaluate(`watch('/whep/hall?participant=ann', undefined, undefined, true)`)
  return page
}

const statusOf = (edge: Edge, kind: string): Record<string, unknown> =>
  [...edge.bridge.sessions.values()].find(({ leg }) => leg.kind === kind)!.leg.stats().detail.video as Record<string, unknown>
const seenBy = (page: Page): Promise<Seen> => page.evaluate('seen()') as Promise<Seen>
const widthOf = async (page: Page): Promise<number> => Number((await seenBy(page)).inbound.video?.frameWidth ?? 0)
