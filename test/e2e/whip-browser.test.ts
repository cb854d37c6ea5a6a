// A browser publishes by WHIP, another watches by WHEP; each codec a browser can send.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { after, before } from 'node:test'
import { launchBrowser, type TestBrowser } from '../support/browser.ts'
import { until } from '../support/until.ts'
import { type Seen, viewerPage } from '../support/viewer-page.ts'
import { openEdge } from '../support/webrtc-edge.ts'

const WATCH_MS = 8000
const SETTLED_MS = 2000
/** The page beeps by a timer and the audio device's buffers, which a busy machine delays; lip sync itself is measured with an exact clip. */
const MAX_OFFSET_MS = 400
let browser: TestBrowser | undefined

before(async () => { browser = await launchBrowser() })
after(() => browser?.[Symbol.asyncDispose]())

type Sent = { framesEncoded: number, available: number | null }
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN

for (const codec of ['H264', 'VP8', 'VP9', 'AV1']) {
  test(`${codec} from one browser to another: picture at once, sound in step`, { timeout: 60_000 }, async t => {
    if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
    await using edge = await openEdge({ page: viewerPage, bindAddress: '0.0.0.0' })
    const [camera, screen] = [await browser.newPage(), await browser.newPage()]
    for (const page of [camera, screen]) await page.goto(edge.url)
    await camera.evaluate(`publish('/whip/hall?identity=ann', '${codec}')`)
    await screen.evaluate(`watch('/whep/hall?participant=ann')`)
    await sleep(WATCH_MS)
    const seen = await screen.evaluate('seen()') as Seen
    const sent = await camera.evaluate('sent()') as Sent

    // The publisher's beeps and flashes are at full seconds of the wall clock both pages share.
    const from = seen.answeredAt + SETTLED_MS
    const [flashes, beeps] = [seen.flashes, seen.beeps].map(times => times.filter(time => time > from))
    const [sight, hearing] = [flashes!, beeps!].map(times => median(times.map(time => time % 1000)))
    t.diagnostic(`first frame ${Math.round(seen.firstFrameMs!)} ms after the answer; ${seen.frames} frames; picture ${sight} ms late, sound ${hearing} ms; publisher told ${sent.available} bit/s`)
    const due = Math.floor((WATCH_MS - SETTLED_MS) / 1000)
    assert.ok(seen.firstFrameMs! <= 3000, `first frame after ${seen.firstFrameMs} ms`)
    assert.ok(Math.abs(flashes!.length - due) <= 2 && Math.abs(beeps!.length - due) <= 2, `${flashes!.length} flashes, ${beeps!.length} beeps of ${due}`)
    assert.ok(Math.abs(sight! - hearing!) <= MAX_OFFSET_MS, `${hearing! - sight!} ms between picture and sound`)
    assert.ok(sent.available === null || sent.available > 50_000, 'the publisher’s congestion control hears of its packets')
    const whip = [...edge.bridge.sessions.values()].find(({ leg }) => leg.kind === 'whip')!
    assert.equal((whip.describe().stats.detail.video as { codec: string }).codec, codec)

    assert.equal(await camera.evaluate('leave()'), 200)
    await until('the publisher is gone', () => edge.bridge.room('hall')?.participants.size === 0)
    await Promise.all([camera.close(), screen.close()])
  })
}
